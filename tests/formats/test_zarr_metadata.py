"""Metadata of zarr arrays: what is known, what is left to zarr-python, what is damaged."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr

from mappedviz.errors import ElementError
from mappedviz.formats.detect import open_root


@pytest.mark.parametrize("version", [2, 3])
def test_compounds_and_other_types_of_zarr(tmp_path: Path, version: Any) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    order = ">" if version == 2 else "<"  # zarr-python 3.1 forgets the order in version 3
    kind = [("i", "S4"), ("n", f"{order}i4"), ("x", "f4")]
    rows = np.array([(b"c0", 3, 0.5), (b"c1", 4, 1.5)], dtype=kind)
    complexes = np.array([1 + 2j, 3j], "c8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group.create_array("rows", shape=(2,), dtype=rows.dtype)[:] = rows
        group.create_array("complex", shape=(2,), dtype="c8", fill_value=1j)[:] = complexes
        group.create_array("scalar", shape=(), dtype="f4")[...] = 2.5
        group.create_array("three", shape=(4, 5, 6), chunks=(2, 2, 4), dtype="i2")[:] = np.arange(
            120
        ).reshape(4, 5, 6)
        with open_root(tmp_path / "a.zarr") as root:
            found = root["rows"].read()
            assert root["rows"].dtype.names == ("i", "n", "x")
            assert found["i"].tolist() == ["c0", "c1"]
            assert found["n"].dtype.isnative
            assert found["n"].tolist() == [3, 4]
            assert root["complex"].read().tolist() == complexes.tolist()
            assert root["scalar"].read()[()] == 2.5
            assert root["three"].read().ravel().tolist() == list(range(120))
            assert root["three"].read((slice(1, 3), 2)).shape == (2, 6)


BAD_META = {
    "not JSON": "{",
    "deep": "[" * 100_000,
    "a list": "[1]",
    "no shape": '{"zarr_format": FORMAT, "node_type": "array"}',
    "negative": '{"zarr_format": FORMAT, "node_type": "array", "shape": [-1], "chunks": [1], '
    '"dtype": "<i4", "filters": null, "compressor": null, "data_type": "int32", "codecs": [], '
    '"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1]}}}',
    "dimensions": '{"zarr_format": FORMAT, "node_type": "array", "shape": [1, 2], "chunks": [1], '
    '"dtype": "<i4", "filters": null, "compressor": null, "data_type": "int32", "codecs": [], '
    '"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1]}}}',
    "unknown type": '{"zarr_format": FORMAT, "node_type": "array", "shape": [2], "chunks": [1], '
    '"dtype": "<q9", "filters": null, "compressor": null, "data_type": "int33", '
    '"codecs": [{"name": "bytes"}], "fill_value": 0, '
    '"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1]}}}',
}  # fmt: skip


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("bad", BAD_META)
def test_metadata_of_zarr_that_are_damaged(tmp_path: Path, version: Any, bad: str) -> None:
    path = tmp_path / "a.zarr"
    zarr.open_group(path, mode="w", zarr_format=version)
    (path / "x").mkdir()
    meta = path / "x" / (".zarray" if version == 2 else "zarr.json")
    meta.write_text(BAD_META[bad].replace("FORMAT", str(version)))
    with open_root(path) as root:
        with pytest.raises(ElementError) as error:
            root["x"].read()
        assert f"{path}, x" in str(error.value)


def test_kinds_of_nodes_that_zarr_3_does_not_have(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.open_group(path, mode="w", zarr_format=3)
    (path / "x").mkdir()
    for text, what in (
        ('{"zarr_format": 3, "node_type": "tree"}', "unknown node_type 'tree'"),
        ('{"zarr_format": 4, "node_type": "group"}', "zarr_format 4"),
    ):
        (path / "x" / "zarr.json").write_text(text)
        with open_root(path) as root, pytest.raises(ElementError, match=what):
            root["x"]


def _v3(**changes: Any) -> dict[str, Any]:
    meta = {
        "zarr_format": 3, "node_type": "array", "shape": [10], "data_type": "int32",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4]}},
        "chunk_key_encoding": {"name": "default"}, "fill_value": 0,
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd"}],
    }  # fmt: skip
    return {**meta, **changes}


def _sharded(**changes: Any) -> dict[str, Any]:
    config = {
        "chunk_shape": [2], "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
    }  # fmt: skip
    return {"codecs": [{"name": "sharding_indexed", "configuration": {**config, **changes}}]}


EXOTIC: dict[str, dict[str, Any]] = {
    "codec": {"codecs": [{"name": "bytes"}, {"name": "pcodec"}]},
    "no bytes": {"codecs": [{"name": "packbits"}]},
    "no codec": {"codecs": []},
    "only transposed": {"codecs": [{"name": "transpose", "configuration": {"order": [0]}}]},
    "order": {"codecs": [{"name": "transpose", "configuration": {"order": "F"}}, "bytes"]},
    "grid": {"chunk_grid": {"name": "rectilinear"}},
    "transformer": {"storage_transformers": [{"name": "cipher"}]},
    "keys": {"chunk_key_encoding": {"name": "suffix"}},
    "type": {"data_type": {"name": "numpy.datetime64", "configuration": {"unit": "s"}}},
    "type name": {"data_type": "bfloat16"},
    "fill": {"fill_value": "AAAA"},
    "complex fill": {"data_type": "complex64", "fill_value": [1.0, "NaN"]},
    "text codec": {"data_type": "string", "codecs": [{"name": "vlen-bytes"}]},
    "index order": _sharded(index_codecs=[{"name": "bytes", "configuration": {"endian": "big"}}]),
    "index codec": _sharded(index_codecs=["bytes", "zstd"]),
    "no index codec": _sharded(index_codecs=[]),
    "index place": _sharded(index_location="middle"),
    "nested shards": _sharded(codecs=_sharded()["codecs"]),
    "packed shards": {"codecs": [*_sharded()["codecs"], "zstd"]},
}  # fmt: skip


@pytest.mark.parametrize("what", EXOTIC)
def test_what_is_not_known_is_left_to_zarr(what: str) -> None:
    from mappedviz.formats.zarr_metadata import layout_v3

    assert layout_v3(_v3()).pipeline is not None
    assert layout_v3(_v3(**_sharded())).pipeline is not None
    found = layout_v3(_v3(**EXOTIC[what]))
    assert found.pipeline is None
    assert found.shape == (10,)


def test_an_identity_transpose_is_none() -> None:
    from mappedviz.formats.zarr_metadata import layout_v3

    codecs = [{"name": "transpose", "configuration": {"order": [0]}}, "bytes"]
    found = layout_v3(_v3(codecs=codecs)).pipeline
    assert found is not None
    assert found.transpose is None


def test_shards_that_chunks_do_not_fill_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.open_group(path, mode="w", zarr_format=3)
    (path / "x").mkdir()
    (path / "x" / "zarr.json").write_text(json.dumps(_v3(**_sharded(chunk_shape=[3]))))
    with (
        open_root(path) as root,
        pytest.raises(ElementError, match=r"shards \[4\] of chunks \[3\]"),
    ):
        root["x"]


@pytest.mark.parametrize("codec", ["zlib", "lz4", "bz2", "shuffle"])
def test_codecs_of_numcodecs_in_zarr_3(tmp_path: Path, codec: str) -> None:
    import numcodecs
    import numcodecs.zarr3 as zarr3

    values = np.arange(1000, dtype="i4")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kind = {"zlib": zarr3.Zlib, "lz4": zarr3.LZ4, "bz2": zarr3.BZ2, "shuffle": zarr3.Shuffle}
        made = kind[codec](**({"elementsize": 4} if codec == "shuffle" else {}))
        group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
        options = {"shape": (1000,), "chunks": (300,), "dtype": "i4", "compressors": made}
        try:
            group.create_array("x", **options)[:] = values
        except AttributeError:
            if codec != "shuffle" or numcodecs.__version__ >= "0.16":
                raise
            pytest.skip("numcodecs 0.15 does not know the types of zarr 3.1")
    with open_root(tmp_path / "a.zarr") as root:
        np.testing.assert_array_equal(root["x"].read(), values)
        assert type(root["x"].chunked()).__name__ == "StoredArray"
        assert codec in root["x"].codec


def narrow(folder: Path, values: np.ndarray, kept: str, **more: Any) -> zarr.Array:
    """An array of version 2 whose numbers are kept in another type."""
    filters = [numcodecs.AsType(encode_dtype=kept, decode_dtype=values.dtype.str)]
    how: dict[str, Any] = {"compressors": None, "chunks": values.shape, **more}
    group = zarr.open_group(folder, mode="w", zarr_format=2)
    made = group.create_array(
        "a", shape=values.shape, dtype=values.dtype, filters=filters, fill_value=0, **how
    )
    made[:] = values
    return made


@pytest.mark.parametrize(("wide", "kept"), [("<f4", "|u1"), ("<i4", "<u2"), (">f8", "<i4")])
@pytest.mark.parametrize("more", [{}, {"chunks": (3,), "compressors": numcodecs.Zstd()}])
def test_numbers_that_are_kept_in_a_smaller_type(
    tmp_path: Path, wide: str, kept: str, more: dict[str, Any]
) -> None:
    values = np.array([3, 0, 250, 1, 7], wide)
    narrow(tmp_path / "a.zarr", values, kept, **more)
    with open_root(tmp_path / "a.zarr") as root:
        node = root["a"]
        found, chunks = node.read(slice(1, 4)), node.chunked()
        assert found.dtype == node.dtype == np.dtype(wide).newbyteorder("=")
        assert found.tolist() == [0, 250, 1]
        assert chunks.dtype == np.dtype(kept)
        assert (chunks.direct is None) == bool(more)
        assert "astype" not in node.codec


def test_a_type_that_would_not_hold_the_numbers_is_left_to_zarr(tmp_path: Path) -> None:
    values = np.array([3, 300, 70_000], "<i4")
    narrow(tmp_path / "a.zarr", values, "<f4")  # of some integers only
    with open_root(tmp_path / "a.zarr") as root:
        assert root["a"].read().tolist() == values.tolist()
        assert root["a"].chunked().dtype == np.int32
        assert "astype" in root["a"].codec
