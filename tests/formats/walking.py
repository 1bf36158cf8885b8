"""What tests of nodes share: a small AnnData, zips, and walking through a store beside its library."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import zarr
from scipy import sparse

from mappedviz.formats.detect import open_root, store_kind
from mappedviz.formats.files import FilePool
from mappedviz.formats.nodes import ArrayNode, GroupNode
from mappedviz.formats.prefetch import read_rows

KINDS = ["h5ad", "h5ad with user block", "zarr 2", "zarr 3", "zarr.zip 2", "zarr.zip 3"]


def an_anndata() -> anndata.AnnData:
    rng = np.random.default_rng(0)
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical(rng.choice(["B", "T", "NK"], 20), ordered=True),
            "n_counts": rng.integers(0, 9, 20),
            "score": rng.normal(size=20),
            "good": rng.random(20) < 0.5,
            "note": rng.choice(["é", "", "long text"], 20),
            "nullable": pd.array([1, None] * 10, dtype="Int64"),
        },
        index=[f"cell{i}" for i in range(20)],
    )
    var = pd.DataFrame({"symbol": list("abcde")}, index=[f"g{i}" for i in range(5)])
    x = sparse.random(20, 5, 0.4, "csr", dtype="f4", random_state=0)
    return anndata.AnnData(
        x,
        obs=obs,
        var=var,
        layers={"dense": x.toarray(), "csc": x.tocsc()},
        obsm={"pca": rng.normal(size=(20, 3)).astype("f4")},
        uns={"text": "hello", "number": 3.5, "words": np.array(["x", "yy"]), "nested": {"a": 1}},
    )


@contextmanager
def one_file_a_chunk() -> Iterator[None]:
    """Let anndata write zarr without shards, which it does by itself since 0.13."""
    overrides = {"auto_shard_zarr_v3": False}
    if not hasattr(anndata.settings, "auto_shard_zarr_v3"):
        overrides = {}
    with anndata.settings.override(**overrides):
        yield


def to_zip(directory: Path, path: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(directory.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(directory).as_posix())
    return path


@contextmanager
def by_library(path: Path) -> Iterator[Any]:
    """The store as h5py or zarr shows it."""
    kind = store_kind(path)
    if kind == "h5ad":
        with h5py.File(path) as file:
            yield file
    elif kind == "zarr":
        yield zarr.open_group(path, mode="r", use_consolidated=False)
    else:
        store = zarr.storage.ZipStore(path, mode="r")
        yield zarr.open_group(store, mode="r", use_consolidated=False)
        store.close()


def walk(node: GroupNode | ArrayNode) -> Iterator[GroupNode | ArrayNode]:
    yield node
    if isinstance(node, GroupNode):
        for name in node.keys():  # noqa: SIM118 - not a dict
            yield from walk(node[name])


def compare(path: Path) -> int:
    """Everything in a store is what h5py or zarr read there."""
    n, files = 0, FilePool()
    with open_root(path) as root, by_library(path) as library:
        for node in walk(root):
            n += 1
            theirs = library[node.name] if node.name else library
            assert node.store == str(path)
            check_attrs(node, theirs)
            if isinstance(node, GroupNode):
                assert node.keys() == sorted(theirs.keys())
                continue
            if isinstance(theirs, h5py.Dataset) and theirs.shape is None:
                assert node.read()[()] is None
                continue
            text = isinstance(theirs, h5py.Dataset) and h5py.check_string_dtype(theirs.dtype)
            expected = np.asarray(theirs.asstr()[()] if text else theirs[()])
            values = node.read()
            assert node.shape == values.shape == expected.shape
            if expected.dtype.names:
                continue  # has a test of its own
            if values.dtype == object:
                assert all(type(v) is str for v in values.reshape(-1))
                assert values.tolist() == to_text(expected)
                continue
            assert node.dtype == values.dtype
            assert values.dtype.isnative
            assert values.tobytes() == expected.astype(values.dtype).tobytes()
            if values.ndim:
                assert node.read(slice(1, 4)).tobytes() == values[1:4].tobytes()
            if values.ndim in (1, 2) and values.dtype.kind in "biuf":
                array = node.chunked()
                assert array.key == (os.path.abspath(path), node.name)
                whole = read_rows(array, 0, array.shape[0], files)
                assert whole.tobytes() == values.tobytes()
    return n


def to_text(values: np.ndarray) -> Any:
    texts = [v.decode() if isinstance(v, bytes) else str(v) for v in values.reshape(-1).tolist()]
    return np.array(texts, dtype=object).reshape(values.shape).tolist()


def check_attrs(node: GroupNode | ArrayNode, theirs: Any) -> None:
    assert set(node.attrs) == set(theirs.attrs)
    assert len(node.attrs) == len(dict(theirs.attrs))
    for name, value in node.attrs.items():
        assert type(value) in (str, int, float, bool, list, np.ndarray, type(None)), (name, value)
        if isinstance(value, np.ndarray):
            assert value.dtype.kind in "biuf"
            assert value.dtype.isnative
        if isinstance(value, list):
            assert value == np.asarray(theirs.attrs[name]).tolist()
        elif isinstance(value, str | int | float):
            assert value == theirs.attrs[name]
