"""The tables of a collection: filters, unknown labels and the split of the recipe apply."""

import numpy as np
import pytest

from tests.audits import LABELS, found, made, quiet, symbols, write


def test_filters_count(tmp_path):
    audit = quiet([write(tmp_path)], "cell_type", obs_filter={"cell_type": ["T cell", "B cell"]})
    assert audit.labels().n_rows == len(audit.collection())
    assert set(audit.labels().classes) == {"T cell", "B cell"}
    assert audit.weights().n_missing == 0
    assert len(quiet([write(tmp_path)], obs_filter={"nowhere": 1}).findings)


def test_an_unknown_label_weighs_as_a_class(tmp_path):
    audit = quiet([write(tmp_path)], "cell_type", unknown_label="B cell")
    expected = audit.collection().get_label_weights("cell_type", return_categories=True)
    assert audit.weights().table["weight"].to_dict() == pytest.approx(expected)
    both = audit.collection().get_label_weights(["cell_type", "batch"], return_categories=True)
    assert audit.weights(["cell_type", "batch"]).table["weight"].to_dict() == pytest.approx(both)


def test_crosstab(tmp_path):
    audit = quiet(made(tmp_path, [{"obs": {"a": LABELS, "b": LABELS}}]))
    assert audit.crosstab("a", "b").loc["T", "B"] == 0
    assert audit.crosstab("a", "nowhere").shape == (0, 0)


def test_crosstab_with_the_store(tmp_path):
    stores = [{"obs": {"a": LABELS}}, {}, {"obs": {"a": ["B"] * 24}}]
    audit = quiet(made(tmp_path, stores))
    table = audit.crosstab("store", "a", missing=True)
    assert table.index.tolist() == ["s0.h5ad", "s1.h5ad", "s2.h5ad"]
    assert table.columns.tolist() == ["B", "T", "(missing)"]
    assert table.to_numpy().tolist() == [[12, 12, 0], [0, 0, 24], [24, 0, 0]]
    assert audit.crosstab("a", "store").loc["B"].to_dict() == {"s0.h5ad": 12, "s2.h5ad": 24}
    few = audit.crosstab("a", "store", top_n=1, missing=True)
    assert few.to_numpy().sum() == 72
    assert few.columns.tolist() == ["s0.h5ad", "other (2 more)"]


@pytest.mark.parametrize("seed", range(5))
def test_the_audit_judges_the_split_that_is_made(tmp_path, seed):
    """Filter, alias and new names included: what is said of a split is true of the engine's."""
    stores = [
        {"obs": {"who" if i else "donor": [f"d{(k * 7 + i) % 9}" for k in range(24)],
                 "ct": [f"c{(k + i) // 5}" for k in range(24)]}}
        for i in range(3)
    ]  # fmt: skip
    request = {
        "obs_keys": ["ct"],
        "obs_alias": {"person": ["who", "donor"]},
        "relabel": {"person": {"d1": "d0", "d2": None}},
        "obs_filter": {"ct": ["c0", "c1", "c2", "c3"]},
        "split_by": "person",
        "split_seed": seed,
        "split_fraction": 0.3,
    }
    audit = quiet(made(tmp_path, stores), "ct", recipe=None, **request)
    train, validation = audit.collection().split()
    (finding,) = found(audit, "split-unlabelled")
    missing = sum(str(v) == "nan" for v in train.get_merged_labels("person"))
    assert finding.number == missing
    counts = [np.unique(part.get_merged_labels("ct").astype(str)) for part in (train, validation)]
    single = np.setxor1d(*counts)
    findings = found(audit, "split-classes")
    assert sum(finding.number for finding in findings) == len(single)
    for name in single:
        side = "training" if name in counts[0] else "validation"
        assert f"'{name}' ({side})" in findings[0].message
    share = len(validation) / (len(train) + len(validation) - missing)
    assert bool(found(audit, "split-share")) == (abs(share - 0.3) > 0.05)


@pytest.mark.parametrize("request_", [{}, {"join": "outer"}, {"var_names": ["SYM1", "x", "CD4"]}])
def test_genes_that_each_store_has(tmp_path, request_):
    stores = [{"genes": symbols()}, {"genes": [*symbols()[:5], *"abcdefg"]}]
    audit = quiet(made(tmp_path, stores), **request_)
    table, collection = audit.var_measured, audit.collection()
    assert table.index.tolist() == list(collection.var_joint)
    assert table.columns.tolist() == ["s0.h5ad", "s1.h5ad"]
    assert (table.to_numpy() == collection.var_measured.T).all()


def test_no_genes_are_joined(tmp_path):
    assert quiet(made(tmp_path, [{}]), join=None).var_measured.shape == (0, 1)
    assert quiet([tmp_path / "absent.h5ad"]).var_measured.shape == (0, 0)


def test_tables_are_there_where_a_condition_is_refused(tmp_path):
    (path,) = made(tmp_path, [{"obs": {"ct": ["T", "B"] * 12, "n": list(range(24))}}])
    audit = quiet([path], "ct", obs_query="n > 'a'", obs_filter={"ct": ["T"]})
    assert audit.fatal
    assert audit.labels().total.to_dict() == {"T": 12}
