"""What changed between two audits, against anndata and pandas, of stores and of JSON alike."""

import json
import shutil
from collections import Counter

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import mappedviz as mv
from mappedviz.audits.cache import forget_scans
from mappedviz.text.display import quantity
from tests.audits import counts, ids, made, norm, quiet, symbols

LABELS = ["B", "NK", "T", "Mono", None]
OPPOSITE = {"came": "went", "went": "came", "changed": "changed"}


def random_store(rng):
    n = int(rng.integers(2, 30))
    genes = [f"SYM{i}" for i in rng.permutation(20)[: rng.integers(8, 20)]]
    labels = np.array(LABELS, dtype=object)[rng.integers(0, 5, n)]
    obs = pd.DataFrame({"ct": pd.Categorical(labels)}, [f"c{i}" for i in rng.permutation(40)[:n]])
    if rng.random() < 0.4:
        obs["donor"] = ["d"] * n
    x = rng.poisson(3, (n, len(genes))).astype(np.float32) + 1
    return ad.AnnData(x, obs, pd.DataFrame(index=genes))


def mutated(rng, store):
    """Another version of a store: cells fewer, turned or renamed; genes fewer or renamed."""
    new = store.copy()
    kind = rng.integers(0, 7)
    if kind == 0:
        new = new[: max(1, new.n_obs // 2)].copy()
    elif kind == 1:
        new = new[::-1].copy()
    elif kind == 2:
        new.obs_names = [f"{name}x" for name in new.obs_names]
    elif kind == 3:
        new = new[:, : new.n_vars // 2].copy()
    elif kind == 4:
        new.var_names = [name.lower() for name in new.var_names]
    elif kind == 5:
        new.obs["ct"] = pd.Categorical(np.array(LABELS, object)[rng.integers(0, 5, new.n_obs)])
    return new


def labels_of(stores):
    found = Counter()
    for store in stores.values():
        found.update(None if pd.isna(one) else one for one in store.obs["ct"])
    return dict(found)


def expected(old, new):
    """What changed, by the AnnData alone; findings are left out."""
    found = set()
    for name in {*old, *new}:
        a, b = old.get(name), new.get(name)
        if a is None or b is None:
            shape = "{} cells × {} genes".format(*map(quantity, (b if a is None else a).shape))
            found.add(
                (
                    "stores",
                    "",
                    name,
                    *(("came", None, shape) if a is None else ("went", shape, None)),
                )
            )
            continue
        if a.n_obs != b.n_obs:
            found.add(("cells", "", name, "changed", a.n_obs, b.n_obs))
        elif set(a.obs_names) != set(b.obs_names):
            found.add(("cells", "", name, "changed", None, "other names"))
        elif list(a.obs_names) != list(b.obs_names):
            found.add(("cells", "", name, "changed", None, "the same names in another order"))
        if a.n_vars != b.n_vars:
            found.add(("stores", "genes", name, "changed", a.n_vars, b.n_vars))
        elif list(a.var_names) != list(b.var_names):
            found.add(("stores", "genes", name, "changed", None, "other names, or another order"))
    for words, join in (("in all stores", set.intersection), ("in any store", set.union)):
        a, b = (join(*(set(one.var_names) for one in some.values())) for some in (old, new))
        if len(a) != len(b):
            found.add(("genes", "number", words, "changed", len(a), len(b)))
        if b - a:
            found.add(("genes", "", words, "came", None, len(b - a)))
        if a - b:
            found.add(("genes", "", words, "went", len(a - b), None))
    a, b = labels_of(old), labels_of(new)
    for label in {*a, *b}:
        if a.get(label) != b.get(label):
            how = "came" if label not in a else "went" if label not in b else "changed"
            found.add(("labels", "ct", label, how, a.get(label), b.get(label)))
    return found


def rows(diff):
    return {
        (one.about, one.key, one.name, one.how, one.before, one.after)
        for one in diff.changes
        if one.about not in ("findings", "recipe")
    }


@pytest.mark.parametrize("seed", range(25))
def test_what_changed_is_what_anndata_says(tmp_path, seed):
    rng = np.random.default_rng(seed)
    old = {f"s{i}.h5ad": random_store(rng) for i in range(int(rng.integers(1, 4)))}
    new = {name: mutated(rng, store) for name, store in old.items()}
    if rng.random() < 0.4 and len(new) > 1:
        del new["s0.h5ad"]
    if rng.random() < 0.4:
        new["s9.h5ad"] = random_store(rng)
        new["s9.h5ad"].obs_names = [f"n{i}" for i in range(new["s9.h5ad"].n_obs)]
    audits = []
    for side, stores in (("old", old), ("new", new)):
        (tmp_path / side).mkdir()
        for name, store in stores.items():
            store.copy().write_h5ad(tmp_path / side / name)
        audits.append(quiet([tmp_path / side / name for name in stores], "ct", join="outer"))
    before, after = audits
    diff = before.diff(after)
    assert rows(diff) == expected(old, new)
    saved = [mv.Audit.from_json(one.to_json()) for one in audits]
    for a in (before, saved[0]):
        for b in (after, saved[1]):
            assert a.diff(b) == diff
        assert before.diff(a).equal
    back = {(a, k, n, OPPOSITE[h], y, x) for a, k, n, h, x, y in rows(after.diff(before))}
    one_way = {row for row in rows(diff) if isinstance(row[4], int) or isinstance(row[5], int)}
    assert one_way <= back


def test_the_same_stores_audited_twice_are_equal(tmp_path):
    paths = made(tmp_path, [{"X": norm(), "obs": {"ct": ["T", "B"] * 12}}, {}])
    first = quiet(paths, "ct")
    forget_scans()
    assert first.diff(quiet(paths, "ct")).equal


def test_findings_that_came_went_and_changed(tmp_path):
    paths = made(tmp_path, [{"X": counts(2)}, {"X": norm()}, {"X": norm(), "genes": symbols()}])
    old, new = quiet(paths[:2]), quiet([paths[0], paths[1], paths[2]], join="outer")
    found = {(one.name, one.how) for one in old.diff(new).of("findings")}
    both = set(ids(old)) & set(ids(new))
    assert {name for name, how in found if how == "came"} >= set(ids(new)) - set(ids(old))
    assert {name for name, how in found if how == "went"} >= set(ids(old)) - set(ids(new))
    assert ("value-scale", "changed") in found
    assert "value-scale" in both
    recipe = old.diff(new).of("recipe")
    assert [(one.name, one.before, one.after) for one in recipe] == [("join", "'inner'", "'outer'")]


def test_a_store_with_another_name(tmp_path):
    first, second = made(tmp_path, [{}, {"store": 1}])
    old = quiet([first, second])
    renamed = tmp_path / "renamed.h5ad"
    first.rename(renamed)
    diff = old.diff(quiet([renamed, second]))
    assert [(one.name, one.key, one.before) for one in diff.of("stores")] == [
        ("renamed.h5ad", "name", "s0.h5ad")
    ]
    assert diff.of("findings") == []


def test_obs_columns(tmp_path):
    old = quiet(made(tmp_path, [{"obs": {"a": ["x"] * 24, "b": np.arange(24)}}]))
    (tmp_path / "new").mkdir()
    new = quiet(made(tmp_path / "new", [{"obs": {"b": np.arange(24) / 2, "c": ["x"] * 24}}]))
    columns = [(one.name, one.how, one.before, one.after) for one in old.diff(new).of("columns")]
    assert columns == [
        ("a", "went", "str", None),
        ("b", "changed", "int64", "float64"),
        ("c", "came", None, "str"),
    ]


def test_json_of_earlier_versions_has_no_digests(tmp_path):
    audit = quiet(made(tmp_path, [{}, {}]))
    content = json.loads(audit.to_json())
    assert content["schema"] == 2
    content["schema"] = 1
    del content["tables"]["digests"]
    earlier = mv.Audit.from_json(json.dumps(content))
    diff = earlier.diff(audit)
    assert diff.equal
    assert "without digests" in diff.unknown[0]
    assert mv.Audit.from_json(earlier.to_json()).diff(audit) == diff


def test_stores_that_cannot_be_read(tmp_path):
    (path,) = made(tmp_path, [{}])
    later = tmp_path / "b.h5ad"
    old = quiet([path, later])
    shutil.copy(path, later)
    diff = old.diff(quiet([path, later]))
    assert (diff.before.stores, diff.after.stores) == (1, 2)
    status = [(one.name, one.after) for one in diff.of("stores") if one.key == "status"]
    assert status == [("b.h5ad", "ok")]
