"""One face for HDF5 and zarr: what is in a store, whatever wrote it."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata
import h5py
import numcodecs
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import sparse

from mappedviz.errors import ElementError, MissingKeyError, StoreError
from mappedviz.formats.chunks import read_rows
from mappedviz.formats.detect import open_root, store_kind
from mappedviz.formats.files import FilePool
from mappedviz.formats.nodes import ArrayNode, GroupNode

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


def to_zip(directory: Path, path: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(directory.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(directory).as_posix())
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("stores")
    adata, paths = an_anndata(), {}
    paths["h5ad"] = folder / "a.h5ad"
    adata.write_h5ad(paths["h5ad"], compression="gzip")
    paths["h5ad with user block"] = folder / "b.h5ad"
    with h5py.File(paths["h5ad with user block"], "w", userblock_size=1024) as file:
        anndata.io.write_elem(file, "/", adata)
    for version in (2, 3):
        paths[f"zarr {version}"] = folder / f"{version}.zarr"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            group = zarr.open_group(paths[f"zarr {version}"], mode="w", zarr_format=version)
            anndata.io.write_elem(group, "/", adata)
            zarr.consolidate_metadata(paths[f"zarr {version}"])
        paths[f"zarr.zip {version}"] = to_zip(
            paths[f"zarr {version}"], folder / f"{version}.zarr.ZIP"
        )
    return paths


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


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_as_the_library_reads_it(written: dict[str, Path], kind: str) -> None:
    assert store_kind(written[kind]) == kind.split(maxsplit=1)[0]
    assert compare(written[kind]) > 35


DATA = Path(__file__).parents[2] / "notebooks" / "data"


@pytest.mark.parametrize(
    "path",
    sorted(p for p in DATA.glob("*") if p.name.lower().endswith((".h5ad", ".zarr", ".zip"))),
    ids=lambda path: path.name,
)
def test_real_stores_are_as_the_library_reads_them(path: Path) -> None:
    assert compare(path) > 5


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_ever_written(written: dict[str, Path], kind: str) -> None:
    path = written[kind]

    def state() -> dict[str, tuple[int, int]]:
        files = [path, *path.rglob("*")]
        return {str(f): (f.stat().st_mtime_ns, f.stat().st_size) for f in files}

    before = state()
    compare(path)
    assert state() == before


@pytest.mark.parametrize("kind", KINDS)
def test_keys(written: dict[str, Path], kind: str) -> None:
    with open_root(written[kind]) as root:
        assert "obs" in root
        assert "obs/cell_type/codes" in root
        assert "obs" in list(root)
        assert len(root["uns"]) == 4
        assert root["obs/cell_type"].name == "obs/cell_type"
        assert root["obs"]["cell_type"]["codes"].name == "obs/cell_type/codes"
        assert root["/obs/"].name == "obs"
        for name in ("none", "", "/", ".", "..", "../a", "obs/../obs", "obs//a", "obs/none",
                     "obs/n_counts/x", "none/x", "a\0b", "obs\\x", None, 3):  # fmt: skip
            assert name not in root
            with pytest.raises(MissingKeyError) as error:
                root[name]
            assert str(written[kind]) in str(error.value)
        with pytest.raises(KeyError, match="has no 'obs/none'"):
            root["obs"]["none"]
        assert str(written[kind]) in repr(root["obs"])
        with pytest.raises(KeyError):
            root.attrs["none"]
        assert "none" not in root.attrs
        assert root.attrs.get("none") is None


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_a_numeric_array_has_no_chunks(written: dict[str, Path], kind: str) -> None:
    with open_root(written[kind]) as root:
        for name in ("obs/_index", "uns/number"):
            with pytest.raises(
                ElementError, match="not a numeric one of 1 or 2 dimensions"
            ) as error:
                root[name].chunked()
            assert name in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_selections(written: dict[str, Path], kind: str) -> None:
    dense = an_anndata().layers["dense"]
    with open_root(written[kind]) as root:
        node = root["layers/dense"]
        for selection in ((), ..., slice(3, 9), slice(None, None, 3), slice(-4, None), 2,
                          (slice(2, 5), slice(1, 3)), (..., 1), (2, 3), slice(9, 3)):  # fmt: skip
            if kind.startswith("h5ad") and selection == slice(9, 3):
                continue  # h5py refuses
            np.testing.assert_array_equal(node.read(selection), dense[selection])
        names = root["obs/_index"]
        assert names.read(slice(2, 4)).tolist() == ["cell2", "cell3"]
        values = node.read()
        values[:] = 0  # the caller's own
        np.testing.assert_array_equal(node.read(), dense)


def test_facts_for_people(tmp_path: Path) -> None:
    values = np.arange(1000, dtype="i4")
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file.create_dataset("a", data=values)
        file.create_dataset("b", data=values, chunks=(100,), compression=7, shuffle=True)
        file.create_dataset("c", data=values, chunks=(100,), compression="lzf", fletcher32=True)
    with open_root(tmp_path / "a.h5ad") as root:
        assert [root[k].codec for k in "abc"] == ["none", "gzip(7)+shuffle", "fletcher32+lzf"]
        assert [root[k].chunks for k in "abc"] == [None, (100,), (100,)]
        assert root["a"].stored_nbytes == 4000
        assert root["b"].stored_nbytes < 2000
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    blosc = zarr.codecs.BloscCodec(cname="zstd")
    group.create_array("a", data=values, compressors=None)
    group.create_array("b", data=values, chunks=(100,), compressors=blosc)
    group.create_array("c", data=values, chunks=(100,), shards=(1000,))
    group.create_array("d", data=values, chunks=(100,), shards=(1000,), compressors=None)
    with open_root(tmp_path / "a.zarr") as root:
        assert [root[k].codec for k in "abcd"] == [
            "none", "blosc(zstd)", "zstd, sharded", "none, sharded"
        ]  # fmt: skip
        assert root["c"].chunks == (100,)
        assert root["a"].stored_nbytes is None
    to_zip(tmp_path / "a.zarr", tmp_path / "a.zip")
    with open_root(tmp_path / "a.zip") as root:
        assert root["a"].stored_nbytes > 4000  # its metadata are counted


# ----------------------------------------------------------------------------------- strings
def test_strings_are_str_however_they_are_stored_in_hdf5(tmp_path: Path) -> None:
    words = ["", "é", "a longer one"]
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["vlen"] = np.array(words, dtype=object)
        file["ascii"] = np.array([b"a", b"b"], dtype=h5py.string_dtype("ascii"))
        file["fixed"] = np.array([w.encode() for w in words])
        file["utf8"] = np.array([w.encode() for w in words], dtype=h5py.string_dtype("utf-8", 14))
        file["scalar"] = "é"
        file["bytes"] = np.bytes_("é".encode())
        file["two"] = np.array([words, words], dtype=object)
        file.create_dataset("never", (2,), h5py.string_dtype())
        file.create_dataset("empty", (0,), h5py.string_dtype())
        file["none"] = h5py.Empty("f4")
        kind = [("index", "S5"), ("n", ">i4"), ("word", h5py.string_dtype()), ("xy", "<f4", (2,))]
        file["compound"] = np.array([(b"\xc3\xa9", 3, "w", (1, 2))], dtype=kind)
        file["bad"] = np.array([b"fine", b"\xff\xfe"], dtype=object)
        file["bad fixed"] = np.array([b"fine", b"\xff\xfe"])
    with open_root(tmp_path / "a.h5ad") as root:
        for name in ("vlen", "fixed", "utf8"):
            assert root[name].read().tolist() == words
            assert root[name].read(slice(1, 2)).tolist() == ["é"]
            assert root[name].read(1)[()] == "é"
        assert root["ascii"].read().tolist() == ["a", "b"]
        assert root["vlen"].dtype == object
        for name in ("scalar", "bytes"):
            assert root[name].shape == root[name].read().shape == ()
            assert root[name].read()[()] == "é"
        assert root["two"].read().tolist() == [words, words]
        assert root["never"].read().tolist() == ["", ""]
        assert root["empty"].read().tolist() == []
        assert root["none"].read()[()] is None
        assert root["none"].shape == ()
        assert root["none"].chunks is None
        compound = root["compound"].read()
        assert compound["index"].tolist() == ["é"]
        assert compound["word"].tolist() == ["w"]
        assert compound["n"].dtype.isnative
        assert compound["n"].tolist() == [3]
        assert compound["xy"].tolist() == [[1.0, 2.0]]
        for name in ("bad", "bad fixed"):
            with pytest.raises(ElementError, match="not UTF-8") as error:
                root[name].read()
            assert name in str(error.value)


@pytest.mark.parametrize("version", [2, 3])
def test_strings_are_str_however_they_are_stored_in_zarr(tmp_path: Path, version: Any) -> None:
    words = ["", "é", "a longer one", "x", "y"]
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr calls some types unstable
        for name, dtype in (("vlen", str), ("fixed", "U12"), ("swapped", ">U12"), ("bytes", "S14")):
            values = np.array([w.encode() for w in words] if dtype == "S14" else words)
            array = group.create_array(name, shape=(5,), chunks=(2,), dtype=dtype)
            array[:] = values.astype(dtype)
            short = group.create_array(name + "-missing", shape=(5,), chunks=(2,), dtype=dtype)
            short[:2] = values[:2].astype(dtype)
        if version == 3:
            group.create_array("sharded", shape=(5,), chunks=(2,), shards=(4,), dtype=str)[:] = (
                np.array(words)
            )
        group.create_array("two", shape=(2, 5), chunks=(2, 2), dtype=str)[:] = np.array([words] * 2)
        group.create_array("scalar", shape=(), dtype=str)[...] = "é"
    with open_root(tmp_path / "a.zarr") as root:
        for name in ("vlen", "fixed", "swapped", "bytes"):
            assert root[name].read().tolist() == words
            assert root[name].read(slice(1, 4)).tolist() == words[1:4]
            assert root[name + "-missing"].read().tolist() == [*words[:2], "", "", ""]
        if version == 3:
            assert root["sharded"].read().tolist() == words
        assert root["two"].read().tolist() == [words] * 2
        assert root["scalar"].read()[()] == "é"
        assert root["vlen"].dtype == object


@pytest.mark.parametrize("kind", ["vlen-bytes", "json2", "pickle"])
def test_other_objects_of_zarr_2(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.zarr"
    zarr.open_group(path, mode="w", zarr_format=2)
    (path / "x").mkdir()
    codec = numcodecs.get_codec({"id": kind})
    words = np.array(["a", "é"], dtype=object)
    raw = np.array([w.encode() for w in words], dtype=object)
    meta = {
        "zarr_format": 2, "shape": [2], "chunks": [2], "dtype": "|O", "fill_value": None,
        "order": "C", "compressor": None, "filters": [codec.get_config()],
    }  # fmt: skip
    (path / "x" / ".zarray").write_text(json.dumps(meta))
    (path / "x" / "0").write_bytes(bytes(codec.encode(raw if kind == "vlen-bytes" else words)))
    with open_root(path) as root:
        if kind == "pickle":  # would run what the file says
            with pytest.raises(ElementError, match="is pickled"):
                root["x"]
        else:
            assert root["x"].read().tolist() == ["a", "é"]


@pytest.mark.parametrize("version", [2, 3])
def test_text_of_zarr_that_is_damaged(tmp_path: Path, version: Any) -> None:
    path = tmp_path / "a.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=version)
    group.create_array("x", shape=(2,), chunks=(2,), dtype=str, compressors=None)[:] = ["ab", "cd"]
    chunk = path / "x" / ("0" if version == 2 else "c/0")
    raw = chunk.read_bytes()
    for bad, what in (
        (raw.replace(b"cd", b"\xff\xff"), "not UTF-8"),
        (raw[:7], "does not decode"),
        (numcodecs.VLenUTF8().encode(np.array(["a"], object)), "1 strings where 2"),
    ):
        chunk.write_bytes(bytes(bad))
        with open_root(path) as root, pytest.raises(ElementError, match=what) as error:
            root["x"].read()
        assert f"{path}, x" in str(error.value)


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


# ------------------------------------------------------------------------------ attributes
def test_attributes_are_plain_values(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["cats"] = ["a"]
        attrs = file.create_group("g").attrs
        attrs["str"] = "é"
        attrs["bytes"] = np.bytes_(b"ab")
        attrs["int"] = np.int8(3)
        attrs["bool"] = True
        attrs["float"] = np.float32(0.5)
        attrs["words"] = ["a", "é"]
        attrs["fixed"] = np.array([b"a", b"b"])
        attrs["none"] = h5py.Empty("f4")
        attrs["numbers"] = np.array([1, 2], ">i8")
        attrs["empty"] = np.array([], dtype=h5py.string_dtype())
        attrs["reference"] = file["cats"].ref
        attrs["bools"] = np.array([True, False])
        attrs["grid"] = np.array([["a", "é"]], dtype=h5py.string_dtype())
        attrs["floats"] = np.array([], dtype="<f8")
        kind = h5py.enum_dtype({"RED": 0, "BLUE": 7}, basetype="i1")
        attrs.create("enum", 7, dtype=kind)
    with open_root(tmp_path / "a.h5ad") as root:
        attrs = root["g"].attrs
        found = {k: v for k, v in attrs.items() if not isinstance(v, np.ndarray)}
        assert found == {
            "str": "é", "bytes": "ab", "int": 3, "bool": True, "float": 0.5, "words": ["a", "é"],
            "fixed": ["a", "b"], "none": None, "empty": [], "reference": "cats",
            "grid": [["a", "é"]], "enum": 7,
        }  # fmt: skip
        assert type(attrs["int"]) is int
        assert type(attrs["bool"]) is bool
        assert attrs["numbers"].tolist() == [1, 2]
        assert attrs["numbers"].dtype.isnative
        assert attrs["bools"].tolist() == [True, False]
        assert attrs["floats"].tolist() == []


# ------------------------------------------------------------------------------ bad stores
def test_links_of_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = [1]
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["x"] = [1, 2]
        file["g/soft"] = h5py.SoftLink("/x")
        file["g/dangling"] = h5py.SoftLink("/nowhere")
        file["g/loop"] = h5py.SoftLink("/g/loop")
        file["g/external"] = h5py.ExternalLink("other.h5", "/secret")
        file["g/indirect"] = h5py.SoftLink("/g/external")
        file["g/self"] = file["g"]
        file["g/type"] = np.dtype("f4")
        file["g/time"] = np.array([1], dtype=h5py.opaque_dtype(np.dtype("M8[s]")))
    with open_root(tmp_path / "a.h5ad") as root:
        group = root["g"]
        assert group["soft"].read().tolist() == [1, 2]
        assert group["self/self/self/soft"].read().tolist() == [1, 2]
        assert "dangling" in group
        for name, what in (
            ("dangling", "link to '/nowhere', which is not there"),
            ("loop", "link"),
            ("external", "link to '/secret' in another file, 'other.h5'"),
            ("indirect", "another file"),
            ("type", "neither a group nor a data set"),
        ):
            assert name in group.keys()  # noqa: SIM118
            with pytest.raises(ElementError, match=what) as error:
                group[name]
            assert f"g/{name}" in str(error.value)
            assert "Write the store again" in str(error.value)


def test_damage_inside_hdf5_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.h5ad"
    with h5py.File(path, "w") as file:
        file.create_dataset("obs/x", data=np.arange(1000), chunks=(100,), compression="gzip")
        where = file["obs/x"].id.get_chunk_info(5)
    with path.open("r+b") as raw:
        raw.seek(where.byte_offset)
        raw.write(b"\xff" * where.size)
    with open_root(path) as root, pytest.raises(ElementError, match="HDF5 says") as error:
        root["obs/x"].read()
    assert f"{path}, obs/x" in str(error.value)


def test_a_truncated_hdf5_file_is_named(tmp_path: Path, written: dict[str, Path]) -> None:
    path = tmp_path / "a.h5ad"
    path.write_bytes(written["h5ad"].read_bytes()[:5000])
    with pytest.raises(StoreError, match="truncated"), open_root(path):
        pass
    path.write_bytes(written["h5ad"].read_bytes()[:20])
    with pytest.raises(StoreError, match=r"cannot be opened|truncated"), open_root(path):
        pass


def test_a_file_that_is_being_written_is_named(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "a.h5ad"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with path.open("r+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as HDF5 does for writers
        with pytest.raises(StoreError, match="open for writing elsewhere"), open_root(path):
            pass


def test_claims_of_damaged_shapes_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.h5ad"
    with h5py.File(path, "w") as file:
        file.create_dataset("many", (2**40,), "i1", chunks=(1,))
        file.create_dataset("large", (2**55,), "f8", chunks=(2**20,))
    with open_root(path) as root:
        with pytest.raises(ElementError, match="claims 1099511627776 chunks"):
            root["many"].chunked()
        with pytest.raises(ElementError, match="no memory"):
            root["large"].read()
    zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2).create_array(
        "x", shape=(10,), dtype="f8"
    )
    meta = tmp_path / "a.zarr" / "x" / ".zarray"
    meta.write_text(meta.read_text().replace("10", str(2**55)))
    with open_root(tmp_path / "a.zarr") as root, pytest.raises(ElementError, match="no memory"):
        root["x"].read()


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


@pytest.mark.parametrize("version", [2, 3])
def test_a_store_that_is_one_array(tmp_path: Path, version: Any) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(3,), dtype="i4", zarr_format=version)
    with pytest.raises(StoreError, match="single zarr array"), open_root(tmp_path / "a.zarr"):
        pass


@pytest.mark.parametrize("version", [2, 3])
def test_stale_consolidated_metadata_do_no_harm(tmp_path: Path, version: Any) -> None:
    path = tmp_path / "a.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=version)
    group.create_array("x", shape=(3,), dtype="i4")[:] = [1, 2, 3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(path)
    group = zarr.open_group(path, mode="r+", use_consolidated=False)
    group.create_array("y", shape=(2,), dtype="i4")[:] = [4, 5]
    shutil.rmtree(path / "x")
    (path / "no node").mkdir()
    with open_root(path) as root:
        assert root.keys() == ["y"]
        assert root["y"].read().tolist() == [4, 5]
        assert "x" not in root


def test_both_versions_at_one_root_are_the_newer(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.open_group(path, mode="w", zarr_format=3).create_array("x", shape=(2,), dtype="i4")
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    with open_root(path) as root:
        assert root.keys() == ["x"]


@pytest.mark.parametrize("name", ["../evil/zarr.json", "/abs/zarr.json", "a/../../b", "..\\c"])
def test_zips_of_hostile_names(tmp_path: Path, name: str) -> None:
    path = tmp_path / "deep" / "a.zarr.zip"
    path.parent.mkdir()
    group = '{"zarr_format": 3, "node_type": "group"}'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zarr.json", group)
        archive.writestr(name, group)
    before = sorted(str(p) for p in tmp_path.rglob("*"))
    with pytest.raises(StoreError, match="points outside of the archive"), open_root(path):
        pass
    assert sorted(str(p) for p in tmp_path.rglob("*")) == before


def test_zips_that_are_damaged(tmp_path: Path, written: dict[str, Path]) -> None:
    whole = written["zarr.zip 3"].read_bytes()
    path = tmp_path / "a.zarr.zip"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match="damaged or truncated zip"), open_root(path):
        pass
    packed = to_zip(written["zarr 3"], tmp_path / "b.zip", zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(packed) as archive:
        info = archive.getinfo("obs/zarr.json")
    raw = bytearray(packed.read_bytes())
    start = info.header_offset + 30 + len(info.filename)
    raw[start + 5 : start + 25] = b"\xff" * 20
    packed.write_bytes(raw)
    with open_root(packed) as root, pytest.raises(StoreError, match="damaged member") as error:
        root["obs"]
    assert "obs/zarr.json" in str(error.value)
    raw[info.header_offset : info.header_offset + 4] = b"nope"
    packed.write_bytes(raw)
    with open_root(packed) as root, pytest.raises(StoreError, match="no header"):
        root["obs"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zips_of_other_compression(
    tmp_path: Path, written: dict[str, Path], compression: int
) -> None:
    path = to_zip(written["zarr 3"], tmp_path / "a.zip", compression)
    assert compare(path) > 35
    raw = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("obs/zarr.json")
    start = info.header_offset + 30 + len(info.filename)
    path.write_bytes(raw[: start + 8] + b"\xff" * 30 + raw[start + 38 :])
    with open_root(path) as root, pytest.raises(StoreError, match="damaged member"):
        root["obs"]


def test_zips_that_are_encrypted(tmp_path: Path, written: dict[str, Path]) -> None:
    path = tmp_path / "a.zip"
    raw = bytearray(written["zarr.zip 3"].read_bytes())
    at = 0
    while (at := raw.find(b"PK\x01\x02", at)) >= 0:  # every entry of the directory
        raw[at + 8] |= 1
        at += 4
    path.write_bytes(raw)
    with pytest.raises(StoreError, match="encrypted"), open_root(path):
        pass


# ------------------------------------------------------------------------------ store_kind
def _zip_of(names: dict[str, bytes]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in names.items():
                archive.writestr(name, data)

    return write


def _tree(*names: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.mkdir()
        for name in names:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text("{}")

    return write


FOREIGN: dict[str, tuple[bytes | Callable[[Path], None], str]] = {
    "empty": (b"", "an empty file"),
    "zeros": (bytes(5000), "zero bytes, as unfinished downloads"),
    "html": (b"\n<!DOCTYPE html>\n<html>", "an HTML page"),
    "html 2": (b"<HTML><head>", "an HTML page"),
    "xml": (b"<?xml version='1.0'?><Error><Code>AccessDenied", "an XML document"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", "git lfs pull"),
    "gzip h5ad": (gzip.compress(b"\x89HDF\r\n\x1a\n" + bytes(100)), "gzip file around an HDF5 file"),
    "gzip": (gzip.compress(b"text"), "is a gzip file, "),
    "cut gzip": (b"\x1f\x8bxx", "is a gzip file, "),
    "bzip2": (b"BZh91AY&SY", "a bzip2 file"),
    "zstd": (b"\x28\xb5\x2f\xfdxxxx", "a zstd file"),
    "parquet": (b"PAR1" + bytes(range(100)), "a Parquet file"),
    "tar": (b"a" * 257 + b"ustar\0" + bytes(300), "a tar archive"),
    "csv": (b"cell,gene1,gene2\nc1,0,3\n", "a CSV text"),
    "tsv": (b"cell\tgene1\nc1\t0\n", "a tab-separated text"),
    "long tsv": (b"cell\tgene1\n" + "é\t0\n".encode() * 5000, "a tab-separated text"),
    "text": (b"hello there\n", "a text ('hello there')"),
    "json": (b'{"a": 1}', "a JSON text"),
    "binary": (bytes(range(1, 256)) * 40, "neither HDF5 nor zarr"),
    "latin": ("caf\xe9".encode("latin-1"), "neither HDF5 nor zarr"),
    "zip": (_zip_of({"a.txt": b"x"}), "zip archive without zarr metadata"),
    "empty zip": (_zip_of({}), "zip archive without zarr metadata"),
    "zip of h5ad": (_zip_of({"d/a.h5ad": b"x"}), "zip archive around 'd/a.h5ad'"),
    "nested zip": (_zip_of({"a.zarr/.zgroup": b"{}"}), "inside the folder 'a.zarr', not at its root"),
    "broken zip": (b"PK\x03\x04" + bytes(100), "damaged or truncated zip"),
    "empty directory": (_tree(), "an empty directory"),
    "directory": (_tree("a.txt", "b/c.txt"), "a directory without zarr metadata"),
    "nested directory": (_tree("a.zarr/zarr.json"), "but 'a.zarr' in it has them"),
}  # fmt: skip


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_no_store_is_called_by_its_name(tmp_path: Path, what: str) -> None:
    content, message = FOREIGN[what]
    path = tmp_path / "a.h5ad"
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)
    for look in (store_kind, open_root):
        with pytest.raises(StoreError) as error:
            look(path)
        text = str(error.value)
        assert text.startswith(f"{path}: is ")
        assert message in text
        assert error.value.remedy


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        store_kind(tmp_path / "none.h5ad")
    with pytest.raises(OSError, match="does not exist"):
        open_root("relative.h5ad")


def test_links_to_nowhere_and_pipes(tmp_path: Path) -> None:
    (tmp_path / "link.h5ad").symlink_to(tmp_path / "none")
    with pytest.raises(StoreError, match="is a link to nowhere"):
        store_kind(tmp_path / "link.h5ad")
    os.mkfifo(tmp_path / "pipe.h5ad")
    with pytest.raises(StoreError, match="is a device or a pipe"):
        store_kind(tmp_path / "pipe.h5ad")


def test_a_path_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a").mkdir()
    (tmp_path / "x.h5ad").touch()
    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(os, "scandir", refuse)
    for path in (tmp_path / "x.h5ad", tmp_path / "a"):
        with pytest.raises(StoreError, match="permission denied"):
            store_kind(path)


@pytest.mark.parametrize("block", [512, 1024, 2048, 65536])
def test_hdf5_after_a_user_block_is_found(tmp_path: Path, block: int) -> None:
    with h5py.File(tmp_path / "a", "w", userblock_size=block) as file:
        file["x"] = [1, 2]
    assert store_kind(tmp_path / "a") == "h5ad"
    with open_root(tmp_path / "a") as root:
        assert root["x"].read().tolist() == [1, 2]


def test_the_handle_is_closed_whatever_happens(written: dict[str, Path]) -> None:
    proc = Path("/proc/self/fd")
    if not proc.exists():
        pytest.skip("no /proc here")

    def fail(path: Path) -> None:
        with open_root(path) as root:
            root["obs/n_counts"].read()
            root["X/data"].chunked()
            raise ZeroDivisionError

    for kind in KINDS:
        before = len(list(proc.iterdir()))
        with pytest.raises(ZeroDivisionError):
            fail(written[kind])
        assert len(list(proc.iterdir())) == before


def test_relative_paths_stay_with_their_directory(
    written: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for kind in KINDS:
        monkeypatch.chdir(written[kind].parent)
        with open_root(written[kind].name) as root:
            array = root["obs/n_counts"].chunked()
            expected = root["obs/n_counts"].read()
        monkeypatch.chdir(tmp_path)
        np.testing.assert_array_equal(read_rows(array, 0, 20, FilePool()), expected)


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
    import numcodecs.zarr3 as zarr3

    values = np.arange(1000, dtype="i4")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kind = {"zlib": zarr3.Zlib, "lz4": zarr3.LZ4, "bz2": zarr3.BZ2, "shuffle": zarr3.Shuffle}
        made = kind[codec](**({"elementsize": 4} if codec == "shuffle" else {}))
        group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
        group.create_array("x", shape=(1000,), chunks=(300,), dtype="i4", compressors=made)[:] = (
            values
        )
    with open_root(tmp_path / "a.zarr") as root:
        np.testing.assert_array_equal(root["x"].read(), values)
        assert type(root["x"].chunked()).__name__ == "StoredArray"
        assert codec in root["x"].codec


def test_failing_disks_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=3)
    group.create_array("x", shape=(30,), chunks=(10,), shards=(20,), dtype="i4")[:] = 1

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise OSError(5, "Input/output error")

    with open_root(path) as root:
        node = root["x"]
        array = node.chunked()
        monkeypatch.setattr(os, "scandir", refuse)
        with pytest.raises(StoreError, match="Input/output error"):
            root.keys()
        monkeypatch.setattr(os, "stat", refuse)
        with pytest.raises(StoreError, match="Input/output error"):
            array.load(0, FilePool())
