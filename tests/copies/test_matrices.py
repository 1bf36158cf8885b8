"""Blocks of rows, and whether they are those of the source."""

import numpy as np
import pytest

import mappedviz as mv
from mappedviz.copies import matrices
from mappedviz.copies.matrices import Spooled, blocks_of, cache_for_copying, verify
from mappedviz.errors import StoreError
from tests.copies import counts, dense, read


@pytest.mark.parametrize("key", ["X", "dense"])
@pytest.mark.parametrize("at_a_time", [40, 4_000_000])
def test_blocks_are_all_rows(tmp_path, monkeypatch, key, at_a_time):
    monkeypatch.setattr(matrices, "_VALUES_AT_A_TIME", at_a_time)
    path = counts(tmp_path, "a.h5ad")
    source = read(path)
    expected = dense(source.X if key == "X" else source.layers[key])
    store = mv.open_store(path)
    for sparse in (False, True):
        matrix = store.open_matrix(key, cache_for_copying())
        blocks = list(blocks_of(matrix, "", lambda: None, sparse=sparse))
        assert (len(blocks) > 1) == (at_a_time == 40)
        found = [one if isinstance(one, np.ndarray) else one.toarray() for one in blocks]
        assert (np.concatenate(found) == expected).all()
    spooled = Spooled(str(tmp_path / "x"), 25, expected.dtype, None, narrow=True)
    spooled.append(expected)
    hashes = spooled.finish()
    verify(store, key, hashes, lambda: None)
    for wrong in (hashes[:-1], np.append(hashes, 1), np.roll(hashes, 1)):
        with pytest.raises(StoreError, match="has another row"):
            verify(store, key, wrong.astype(np.uint64), lambda: None)
