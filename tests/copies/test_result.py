"""What came out of a copy."""

import mappedviz as mv
from mappedviz.copies.manifests import Done
from mappedviz.copies.result import Copy


def test_sums_and_words():
    shards = (Done("/c/a.zarr", 5, 700, 1.0, "d"), Done("/c/b.zarr", 6, 800, 1.0, "e", again=True))
    copy = Copy("/c", shards, mv.Recipe(paths=["/c/a.zarr"]), 3000, 2.5, {"/d/x.h5ad": "why"})
    assert copy.paths == ["/c/a.zarr", "/c/b.zarr"]
    assert (copy.n_obs, copy.nbytes) == (11, 1500)
    assert repr(copy) == (
        "Copy of 2 stores in /c: 11 rows, 1.5 kB of 3 kB, 2.5 s, 1 of them made before, 1 left out"
    )
    html = copy._repr_html_()
    assert "b.zarr" in html
    assert "<script" not in html
