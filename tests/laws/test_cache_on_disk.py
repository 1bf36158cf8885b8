"""Several processes on one cache, disks that are full or no good, and stores that change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from mappedviz import MappedCollection
from mappedviz.errors import StoreError, StoreWarning
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

N_STORES = 12


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Stores that were written long ago."""
    folder = tmp_path_factory.mktemp("stores")
    found = []
    for i in range(N_STORES):
        kind = "zarr-v3" if i % 6 == 5 else "h5ad"
        data = coded_anndata(i, 5 + i, genes=["a", "b", "c"][: 2 + i % 2], plain=True)
        found.append(str(STORE_KINDS[kind](data, folder / f"s{i}")))
        for file in (Path(found[-1]), *Path(found[-1]).rglob("*")):
            os.utime(file, (0, 0))
    return found


@pytest.fixture(scope="module")
def expected(paths):
    """What a collection without a cache says."""
    return said_by(MappedCollection(paths, obs_keys="cell_type", cache=False, open_timeout=None))


def said_by(ds):
    labels = ds.get_merged_labels("cell_type").tolist()
    return [ds.shape, list(ds.var_joint), labels, float(ds[:]["X"].sum())]


PROGRAM = """
import json, sys, warnings
from mappedviz import MappedCollection
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    {before}
    ds = MappedCollection(sys.argv[1:], obs_keys="cell_type")
labels = ds.get_merged_labels("cell_type").tolist()
print(json.dumps([
    [ds.shape, list(ds.var_joint), labels, float(ds[:]["X"].sum())],
    [str(one.message) for one in said],
]))
"""


def start(paths, cache, before="pass"):
    code = textwrap.dedent(PROGRAM).replace("{before}", before)
    return subprocess.Popen(
        [sys.executable, "-c", code, *paths],
        env={**os.environ, "MAPPEDVIZ_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        text=True,
    )


def answer(process):
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return json.loads(out)


def test_several_processes_share_a_cache(paths, expected, tmp_path):
    """They begin with an empty one, each with stores of its own first."""
    orders = [paths[i:] + paths[:i] for i in (0, 3, 6, 9)]
    processes = [start(order, tmp_path / "c") for order in orders]
    for order, process in zip(orders, processes, strict=True):
        found, warned = answer(process)
        assert warned == []
        assert found[0] == list(expected[0])
        assert sorted(map(str, found[2])) == sorted(map(str, expected[2]))
        assert found[3] == expected[3]
        assert order[0] != paths[0] or found == json.loads(json.dumps(expected))
    files = [path.name for path in (tmp_path / "c").rglob("*") if path.is_file()]
    assert len([name for name in files if name.endswith(".record")]) == N_STORES + 2
    assert not [name for name in files if name.endswith(".tmp")]
    found, warned = answer(start(paths, tmp_path / "c", _NO_CHILD))
    assert (found, warned) == (json.loads(json.dumps(expected)), [])


_NO_CHILD = "import mappedviz.stores.children as children; children.Child = None"
_FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"


def test_a_disk_that_takes_nothing_costs_the_cache_and_one_warning(paths, expected, tmp_path):
    found, warned = answer(start(paths, tmp_path / "c", _FULL))
    assert found == json.loads(json.dumps(expected))
    assert len(warned) == 1
    assert "the cache cannot be written" in warned[0]
    assert not list((tmp_path / "c").rglob("*.record"))


def test_a_folder_that_is_none_costs_the_cache_and_one_warning(paths, expected, tmp_path):
    (tmp_path / "c").write_text("a file")
    with pytest.warns(StoreWarning, match="the cache cannot be written.*MAPPEDVIZ_CACHE") as said:
        ds = MappedCollection(paths, obs_keys="cell_type", cache=tmp_path / "c")
    assert len(said) == 1
    assert said_by(ds) == expected


def test_records_that_are_damaged_are_made_again_with_one_warning(paths, expected, tmp_path):
    MappedCollection(paths, obs_keys="cell_type", cache=tmp_path)
    for i, path in enumerate(sorted(tmp_path.rglob("*.record"))):
        content = path.read_bytes()
        path.write_bytes([b"", content[:-1], b"{}", content[:40] + b"x" + content[41:]][i % 4])
    with pytest.warns(StoreWarning, match="records of the cache could not be used") as said:
        ds = MappedCollection(paths, obs_keys="cell_type", cache=tmp_path)
    assert len(said) == 1
    assert said_by(ds) == expected
    assert said_by(MappedCollection(paths, obs_keys="cell_type", cache=tmp_path)) == expected


def test_a_store_that_changed_after_it_was_opened_from_the_cache_is_named(paths, tmp_path):
    path = STORE_KINDS["h5ad"](coded_anndata(0, 5, genes=["a"], plain=True), tmp_path / "a")
    os.utime(path, (0, 0))
    for _ in range(2):
        ds = MappedCollection(path, cache=tmp_path / "c")
    os.utime(path, (1, 1))
    with pytest.raises(StoreError, match="changed while it was open"):
        ds[0]
    np.testing.assert_array_equal(
        MappedCollection(path, cache=tmp_path / "c")[:]["X"],
        MappedCollection(path, cache=False)[:]["X"],
    )
