"""Whether a collection is what it has to be, against pandas and by cases."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import mappedviz as mv
from mappedviz.audits.expectations.checks import EXPECTED
from tests.audits import counts, ensembl, found, ids, made, norm, quiet, symbols

LABELS = ["B", "NK", "T", "Mono", "DC"]


def broken(audit):
    """Id and place of what is broken."""
    return {
        (finding.id, finding.message.partition(":")[0], finding.stores)
        for finding in audit.findings
        if finding.id.startswith("expected") and finding.severity != "info"
    }


def random_column(rng, n):
    """A column of obs, and its kind."""
    some = np.array(LABELS, dtype=object)[rng.integers(0, rng.integers(1, 6), n)]
    gaps = rng.random(n) < rng.choice([0, 0.1, 0.5])
    kind = rng.choice(["categorical", "string", "integer", "float", "boolean"])
    if kind == "categorical":
        return pd.Categorical(np.where(gaps, None, some)), kind
    if kind == "string":
        return some, kind
    if kind == "integer":
        return rng.integers(0, 5, n), kind
    if kind == "float":
        return np.where(gaps, np.nan, rng.random(n)), kind
    return rng.random(n) < 0.5, kind


def random_store(rng, path):
    n = int(rng.integers(3, 40))
    genes = [f"SYM{i}" for i in rng.permutation(30)[: rng.integers(10, 30)]]
    frame, kinds = pd.DataFrame(index=[f"{path.name}{i}" for i in range(n)]), {}
    for name in ("cell type", "donor", "score"):
        if rng.random() < 0.8:
            frame[name], kinds[name] = random_column(rng, n)
    x = rng.poisson(2, (n, len(genes))).astype(np.float32) + 1
    logs = rng.random() < 0.3
    adata = ad.AnnData(np.log1p(x / x.sum(axis=1, keepdims=True) * 100) if logs else x, frame)
    adata.var_names = genes
    adata.write_h5ad(path, convert_strings_to_categoricals=False)
    return adata, kinds, "log1p" if logs else "counts"


def random_expectations(rng):
    def column():
        labels = [str(one) for one in rng.permutation(LABELS)[: rng.integers(1, 6)]]
        return {
            "required": bool(rng.random() < 0.5),
            "kind": [str(one) for one in rng.choice(["text", "number", "boolean"], 2)],
            "labels": labels,
            "match": str(rng.choice(["subset", "exact"])),
            "most_missing": float(rng.choice([0, 0.2, 1])),
        }

    return {
        "stores": {
            "least": int(rng.integers(0, 5)),
            "most": 5 + int(rng.integers(0, 2)),
            "least_cells": int(rng.integers(0, 20)),
        },
        "genes": {
            "least_shared": int(rng.integers(0, 20)),
            "least_share": float(rng.random()),
            "identifiers": str(rng.choice(["symbol", "ensembl"])),
        },
        "matrices": {"X": {"scale": str(rng.choice(["counts", "log1p"]))}},
        "obs": {name: column() for name in ("cell type", "score")},
    }


KINDS = {
    "text": ("categorical", "string"), "number": ("integer", "float"), "boolean": ("boolean",)
}  # fmt: skip


def should_be_broken(stores, x, names):
    """What is broken, by anndata and pandas alone."""
    wrong = set()

    def say(name, place, where=()):
        wrong.add((name, place, tuple(where)))

    if len(stores) < x["stores"]["least"]:
        say("expected-stores", "stores.least")
    few = [
        n
        for n, (a, _, _) in zip(names, stores, strict=True)
        if a.n_obs < x["stores"]["least_cells"]
    ]
    if few:
        say("expected-cells", "stores.least_cells", few)
    shared = set.intersection(*(set(a.var_names) for a, _, _ in stores))
    if len(shared) < x["genes"]["least_shared"]:
        say("expected-genes", "genes.least_shared")
    few = [
        n
        for n, (a, _, _) in zip(names, stores, strict=True)
        if len(shared) / a.n_vars < x["genes"]["least_share"]
    ]
    if few:
        say("expected-genes", "genes.least_share", few)
    if x["genes"]["identifiers"] != "symbol":
        say("expected-identifiers", "genes.identifiers", names)
    others = [
        n
        for n, (_, _, scale) in zip(names, stores, strict=True)
        if scale != x["matrices"]["X"]["scale"]
    ]
    if others:
        say("expected-scale", "matrices.X.scale", others)
    for key, one in x["obs"].items():
        place = "obs." + (f'"{key}"' if " " in key else key)
        has = {
            n: (a.obs[key], kinds[key])
            for n, (a, kinds, _) in zip(names, stores, strict=True)
            if key in a.obs
        }
        if one["required"] and len(has) < len(names):
            say("expected-column", place, [n for n in names if n not in has])
        valid = [kind for some in one["kind"] for kind in KINDS[some]]
        if wrong_kind := [n for n, (_, kind) in has.items() if kind not in valid]:
            say("expected-kind", place + ".kind", wrong_kind)
        if gaps := [n for n, (c, _) in has.items() if c.isna().mean() > one["most_missing"]]:
            say("expected-missing", place + ".most_missing", gaps)
        there = set().union(*(set(c.dropna().unique().tolist()) for c, _ in has.values()))
        extra = [n for n, (c, _) in has.items() if set(c.dropna().tolist()) - set(one["labels"])]
        if extra:
            say("expected-labels", place + ".labels", extra)
        if has and one["match"] == "exact" and set(one["labels"]) - there:
            say("expected-labels", place + ".labels")
    return wrong


@pytest.mark.parametrize("seed", range(30))
def test_what_is_broken_is_what_pandas_says(tmp_path, seed):
    rng = np.random.default_rng(seed)
    names = [f"s{i}.h5ad" for i in range(int(rng.integers(1, 5)))]
    stores = [random_store(rng, tmp_path / name) for name in names]
    audit = quiet([tmp_path / name for name in names])
    held = mv.Expectations.from_audit(audit)
    assert mv.Expectations.from_toml(held.to_toml()) == held
    assert broken(audit.check(held)) == set()
    for _ in range(5):
        asked = random_expectations(rng)
        expected = mv.Expectations(**asked)
        assert mv.Expectations.from_toml(expected.to_toml()) == expected
        assert broken(audit.check(expected)) == should_be_broken(stores, asked, names)


HUMAN = [f"ENSG{k:011d}" for k in range(12)]
MOUSE = [f"ENSMUSG{k:011d}" for k in range(12)]
#: Id -> stores, what is expected, and a part of the message.
CASES = {
    "expected-stores": ([{}], {"stores": {"least": 2}}, "at least 2 are expected"),
    "expected-cells": ([{}, {"n_obs": 3}], {"stores": {"least_cells": 4}}, "s1.h5ad has 3."),
    "expected-genes": (
        [{"genes": symbols()}, {"genes": ["SYM0", *ensembl()[1:]]}],
        {"genes": {"least_share": 0.5}},
        "1 genes, 8.3 % of those of s0.h5ad",
    ),
    "expected-identifiers": (
        [{"genes": symbols()}], {"genes": {"identifiers": ["ensembl", "number"]}},
        "'symbol' in 1 of 1 stores, where 'ensembl' or 'number' is expected",
    ),
    "expected-species": (
        [{"genes": HUMAN}, {"genes": MOUSE}], {"genes": {"species": "Homo sapiens"}},
        "1 of 2 stores are 'mouse', where 'human' is expected",
    ),
    "expected-matrix": (
        [{"layers": {"counts": counts(2)}}, {}], {"matrices": {"count": {}}},
        "2 of 2 stores have no 'count' (did you mean 'counts'?)",
    ),
    "expected-scale": (
        [{"X": counts(2)}, {"X": norm()}], {"matrices": {"X": {"scale": "counts"}}},
        "matrices.X.scale: X is 'log1p' in 1 of 2 stores",
    ),
    "expected-column": (
        [{"obs": {"donor id": ["a"] * 24}}], {"obs": {"donor_id": {}}},
        "have no obs column 'donor_id' that can be read (did you mean 'donor id'?)",
    ),
    "expected-kind": (
        [{"obs": {"a": np.arange(24)}}], {"obs": {"a": {"kind": "text"}}},
        "obs.a.kind: 'a' is 'integer' in 1 of 1 stores, where 'text' is expected",
    ),
    "expected-labels": (
        [{"obs": {"ct": ["T cells", "B"] * 12}}], {"obs": {"ct": {"labels": ["T cell", "B"]}}},
        "obs.ct.labels: 1 of 2 labels are not in the vocabulary: 'T cells' (did you mean 'T cell'?)",
    ),
    "expected-missing": (
        [{"obs": {"ct": pd.Categorical(["T", None, "B"] * 8)}}], {"obs": {"ct": {"most_missing": 0.1}}},
        "33 % of the cells of s0.h5ad lack 'ct', at most 10 % are expected",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_each_names_what_is_broken(tmp_path, name):
    stores, asked, words = CASES[name]
    paths = made(tmp_path, stores)
    for severity in ("error", "warning", "info"):
        audit = quiet(paths, expect=mv.Expectations(severity=severity, **asked))
        assert name in ids(audit)
        for finding in found(audit, name):
            assert finding.severity == severity
            assert words in finding.message
            assert finding.message.startswith(tuple(asked))
    assert name not in ids(quiet(paths, expect=mv.Expectations()))


def test_a_part_has_a_severity_of_its_own(tmp_path):
    audit = quiet(made(tmp_path, [{}]), expect=mv.Expectations(
        stores={"least": 2, "severity": "info"}, obs={"nowhere": {"severity": "warning"}, "else": {}}))  # fmt: skip
    assert {(f.message.partition(":")[0], f.severity) for f in audit.findings if "expected" in f.id} == {
        ("stores.least", "info"), ("obs.nowhere", "warning"), ("obs.else", "error")}  # fmt: skip


def test_the_fix_maps_spellings_to_the_vocabulary(tmp_path):
    stores, asked, _ = CASES["expected-labels"]
    expected = mv.Expectations(**asked)
    audit = quiet(made(tmp_path, stores), "ct", expect=expected)
    fixed = audit.recipe_with("expected-labels")
    assert dict(fixed.relabel["ct"]) == {"T cells": "T cell"}
    assert "expected-labels" not in ids(quiet(None, recipe=fixed, expect=expected))


def test_the_fix_leaves_out_the_stores_that_are_not_as_expected(tmp_path):
    stores, asked, _ = CASES["expected-scale"]
    expected = mv.Expectations(**asked)
    audit = quiet(made(tmp_path, stores), expect=expected)
    fixed = audit.recipe_with("expected-scale")
    assert [path.rsplit("/", 1)[-1] for path in fixed.paths] == ["s0.h5ad"]
    assert "expected-scale" not in ids(quiet(None, recipe=fixed, expect=expected))


def test_what_the_recipe_makes_of_the_stores_is_judged(tmp_path):
    """Aliases, relabelling and filters apply."""
    paths = made(
        tmp_path,
        [{"obs": {"ct": pd.Categorical(["T", "b", None] * 8)}}, {"obs": {"type": ["T"] * 24}}],
    )
    expected = mv.Expectations(
        obs={"ct": {"labels": ["T", "B"], "most_missing": 0.0}}, stores={"least_cells": 9}
    )
    plain = quiet(paths, "ct", expect=expected)
    assert {"expected-column", "expected-labels", "expected-missing"} <= set(ids(plain))
    harmonised = quiet(
        paths, "ct", expect=expected, obs_alias={"ct": ["ct", "type"]}, relabel={"ct": {"b": "B"}},
        obs_filter={"ct": ["T", "B"]},
    )  # fmt: skip
    assert broken(harmonised) == set()
    filtered = quiet(paths, "ct", expect=expected, obs_filter={"ct": ["T"]})
    assert found(filtered, "expected-cells")[0].number == 0


def test_a_layer_that_the_recipe_does_not_read_is_sampled(tmp_path):
    paths = made(tmp_path, [{"layers": {"counts": norm()}}])
    expected = mv.Expectations(matrices={"counts": {"scale": "counts"}})
    assert "expected-scale" in ids(quiet(paths, expect=expected))


def test_what_cannot_be_judged_is_no_pass(tmp_path):
    expected = mv.Expectations(
        genes={"species": "human", "least_shared": 1}, matrices={"counts": {"scale": "counts"}}
    )
    audit = quiet(
        made(tmp_path, [{"layers": {"counts": counts(1)}, "genes": list("abcdefghijkl")}])
    )
    checked = audit.check(expected)  # the layer was not sampled
    not_applicable = {one.id for one in checked.not_applicable}
    assert {"expected-species", "expected-scale"} <= not_applicable
    nothing = quiet([tmp_path / "nothing.h5ad"], expect=expected)
    assert {"expected-species", "expected-genes", "expected-scale"} <= {
        one.id for one in nothing.not_applicable
    }
    some = made(tmp_path, [{"genes": HUMAN}, {"genes": list("abcdefghijkl")}])
    silent = found(quiet(some, join="outer", expect=expected), "expected-species")
    assert [(one.severity, one.stores) for one in silent] == [("info", ("s1.h5ad",))]


def test_an_audit_from_json_needs_the_stores(tmp_path):
    audit = mv.Audit.from_json(quiet(made(tmp_path, [{}])).to_json())
    for ask in (lambda: audit.check(mv.Expectations()), audit.expectations):
        with pytest.raises(mv.errors.RecipeError, match="read from JSON"):
            ask()
