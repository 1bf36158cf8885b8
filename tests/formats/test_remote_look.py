"""A first look at a URL: what is there, in one round of requests."""

from __future__ import annotations

import pytest

from mappedviz.errors import AbsentStoreError, StoreError
from mappedviz.formats.remote_look import look_at
from tests.servers import serving

pytest.importorskip("obstore")


@pytest.fixture
def server(tmp_path):
    (tmp_path / "a.h5ad").write_bytes(b"\x89HDF")
    for name, file in (("v2.zarr", ".zgroup"), ("v3.zarr", "zarr.json"), ("odd", ".zgroup")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("{}")
    (tmp_path / "v2.zarr" / ".zmetadata").write_text('{"metadata": {}}')
    (tmp_path / "file.zarr").write_bytes(b"no folder")
    with serving(tmp_path) as one:
        yield one


def test_objects_and_roots_of_zarr_are_found(server):
    look = look_at(f"{server.url}/a.h5ad")
    assert look.head == b"\x89HDF"
    assert look.watched == look.url
    assert look.stamp.size == 4
    assert len(server.log) == 1
    assert list(look_at(f"{server.url}/v2.zarr").documents) == [".zmetadata", ".zgroup"]
    found = look_at(f"{server.url}/v3.zarr")
    assert found.watched.endswith("v3.zarr/zarr.json")
    assert found.file is None
    assert found.documents["zarr.json"].data == b"{}"
    assert list(look_at(f"{server.url}/odd").documents) == [".zgroup"]
    assert look_at(f"{server.url}/file.zarr").head == b"no folder"


def test_looks_of_a_moment_are_one(server):
    url = f"{server.url}/a.h5ad"
    first = look_at(url)
    (server.folder / "a.h5ad").write_bytes(b"\x89HDF2")
    assert look_at(url) is first
    assert look_at(url, fresh=True).stamp != first.stamp


def test_nothing_and_a_refusal_are_told_apart(server):
    for name in ("nothing.h5ad", "nothing.zarr"):
        with pytest.raises(AbsentStoreError, match="does not exist"):
            look_at(f"{server.url}/{name}")
    server.fault = lambda request: 403
    with pytest.raises(StoreError, match="refuses"):
        look_at(f"{server.url}/a.h5ad", fresh=True)
    # S3 refuses, to those who may not list, what is not there.
    server.fault = lambda request: 403 if request.path.endswith((".zmetadata", ".zgroup")) else None
    assert list(look_at(f"{server.url}/v3.zarr", fresh=True).documents) == ["zarr.json"]
