"""Open matrices and decoded chunks are shared by a collection and its parts."""

from __future__ import annotations

import copy
import gc
import weakref

import pytest

from mappedviz import MappedCollection
from mappedviz.errors import ClosedError


@pytest.fixture
def ds(paths):
    return MappedCollection(paths)


def test_subsets_share_what_was_decoded_and_give_it_back(ds):
    whole = copy.deepcopy(ds)
    parts = [whole.subset(slice(0, 60)), whole.subset(slice(60, None))]
    for part in parts:
        part[:]
    whole[:]
    caches = [weakref.ref(c._reader.cache) for c in (whole, *parts)]
    assert len({id(cache()) for cache in caches}) == 1
    whole.close()
    with pytest.raises(ClosedError):
        whole[0]
    parts[0][0]
    parts[1].subset([0])[:]  # whoever came first is gone: the cache is still the same
    assert caches[0]() is parts[1]._reader.cache
    del parts, part
    gc.collect()
    assert caches[0]() is None
