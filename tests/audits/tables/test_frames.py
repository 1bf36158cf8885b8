"""Tables are the same under every pandas: None stays None, which pandas 3 makes NaN in text."""

import pandas as pd
import pytest

import mappedviz as mv
from mappedviz.audits.tables.frames import plain_text
from mappedviz.testing import coded_anndata
from tests.audits import quiet, write
from tests.stores import STORE_KINDS


def test_text_is_objects_and_none_stays():
    index = pd.Index(["x", "y"], name="store")
    frame = pd.DataFrame(
        {"words": ["a", None], "n": [1, 2], "share": [0.5, None], "all": ["b", "c"]}, index=index
    )
    table = plain_text(frame)
    assert table["words"].tolist() == ["a", None]
    assert [str(dtype) for dtype in table.dtypes] == ["object", "int64", "float64", "object"]
    assert table.index is frame.index
    assert list(table.columns) == list(frame.columns)


def test_a_table_without_text_is_left_as_it_is():
    frame = pd.DataFrame({"n": [1, 2]})
    assert plain_text(frame) is frame


def test_columns_of_the_same_name_stay_two():
    frame = pd.DataFrame([["a", "b"], [None, "c"]], columns=["k", "k"])
    assert plain_text(frame).iloc[:, 0].tolist() == ["a", None]
    assert plain_text(frame).iloc[:, 1].tolist() == ["b", "c"]


def values(table):
    return [value for i in range(table.shape[1]) for value in table.iloc[:, i].tolist()]


@pytest.fixture
def audit(tmp_path):
    """An audit whose tables have gaps everywhere: no X, no such column, a store that cannot be read."""
    bare = coded_anndata(1, 12)
    bare.X = None
    bad = tmp_path / "bad.h5ad"
    bad.write_bytes(b"nothing")
    paths = [write(tmp_path, "good"), STORE_KINDS["h5ad"](bare, tmp_path / "bare"), bad]
    return quiet(paths, on_error="skip")


@pytest.mark.parametrize("saved", [False, True])
def test_no_text_of_an_audit_is_nan(audit, saved):
    if saved:
        audit = mv.Audit.from_json(audit.to_json())
    for table, columns in (
        (audit.stores, ["X", "x_kind", "x_dtype", "x_codec", "x_scale", "encoding", "status"]),
        (audit.obs_schema.xs("dtype", axis=1, level="what"), None),
        (audit.coverage.what_if, ["identifier", "var_key"]),
        (audit.coverage.table, ["id_kind"]),
    ):
        table = table if columns is None else table[columns]
        assert len(table)
        for value in values(table):
            assert value is None or not pd.api.types.is_float(value)
    assert None in values(audit.stores[["X", "x_scale"]])
    assert None in values(audit.obs_schema.xs("dtype", axis=1, level="what"))


def test_the_index_of_var_is_offered_as_none(tmp_path):
    """The best identifier may be no column at all, beside others that are: None, never NaN."""
    paths = []
    for i in range(2):
        adata = coded_anndata(i, 12, plain=True)
        adata.var["own"] = [f"own{i}_{k}" for k in range(adata.n_vars)]
        paths.append(STORE_KINDS["h5ad"](adata, tmp_path / f"s{i}"))
    audit = quiet(paths, var_key="own")
    keys = audit.coverage.what_if.set_index("identifier")["var_key"]
    assert keys["index"] is None
    assert "own" in set(keys)
    finding = next(one for one in audit.findings if one.id == "join-refused")
    assert finding.fix is not None
    assert finding.fix.var_key is None
