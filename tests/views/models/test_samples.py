"""The sample sheet and the obs columns."""

import mappedviz as mv
from tests.views.looks import cells, node, write


def test_the_sample_sheet_and_the_obs_columns(tmp_path):
    a = write(
        tmp_path, "a", {"donor": ["d1", "d1", "d2"], "tissue": ["lung"] * 3, "k": [1.5, 2, 3]}
    )
    b = write(tmp_path, "b", {"donor": ["d3", None, "d3"], "k": ["x", "y", "z"]})
    (tmp_path / "c.h5ad").write_bytes(b"no store")
    paths = [a, b, str(tmp_path / "c.h5ad")]
    view = mv.ShapesView(mv.audit(paths, progress=False, workers=0))
    assert node(view, "sheet") == node(view, "columns") == {}
    view.event("samples", "open", True)
    assert [one["label"] for one in node(view, "sheet")["columns"]] == ["store", "donor", "tissue"]
    assert cells(view, 1, "sheet") == ["–", "d1, d2", "d3"]  # the broken one first
    assert cells(view, 2, "sheet") == ["–", "lung", "–"]
    view.event("sheet", "sort", ["k0", "descending"])
    assert cells(view, 1, "sheet") == ["d3", "d1, d2", "–"]
    assert view.copied("csv", "sheet").splitlines()[1] == "a.h5ad,d1; d2,lung"
    view.event("obs", "open", True)
    assert cells(view, 0, "columns") == ["donor", "k", "tissue"]
    assert cells(view, 1, "columns") == ["2 of 2", "2 of 2", "1 of 2"]
    assert cells(view, 3, "columns")[::2] == ["1 – 2", "1"]
    assert cells(view, 4, "columns")[::2] == ["d1, d3, d2", "lung"]
    assert "tissue" in view.copied("csv", "columns")
    assert "audit.obs_browser" in view.copied("code", "columns")
    saved = mv.ShapesView(mv.Audit.from_json(view.audit.to_json()))
    saved.event("obs", "open", True)
    assert len(node(saved, "grid")["rows"]) == 3
    assert "are not in an audit" in node(saved, "no_columns")["text"]


def test_a_collection_without_obs(tmp_path):
    view = mv.ShapesView(mv.audit([], progress=False))
    view.event("samples", "open", True)
    view.event("obs", "open", True)
    assert "No obs column" in node(view, "no_sheet")["text"]
    assert view.sheet().empty
