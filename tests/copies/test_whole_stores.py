"""One store as a source of a shard."""

import mappedviz as mv
from mappedviz.copies.whole_stores import WholeStore
from tests.copies import counts


def test_what_it_is(tmp_path):
    path = counts(tmp_path, "a.h5ad")
    source = WholeStore(mv.open_store(path))
    assert source.addresses == [path]
    assert source.n_obs == 60
    assert repr(source) == "WholeStore('a.h5ad')"
    hashes = source.write(
        str(tmp_path / "b.zarr"), "zarr", str(tmp_path), lambda: None, narrow=True
    )
    assert {key: len(rows) for key, rows in hashes.items()} == dict.fromkeys(
        ["X", "half", "dense", "raw.X"], 60
    )
