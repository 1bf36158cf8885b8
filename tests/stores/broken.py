"""Stores that are broken, each in one way, and what a reader has to say about it.

`BROKEN` holds them by name; each is a callable ``(adata, path) -> path`` like those of
`STORE_KINDS`. No reader may return rows or labels from the broken part, hang, or raise
anything but a `mappedviz.errors.MappedvizError`.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tests.stores.writers import STORE_KINDS, with_suffix, zip_folder

if TYPE_CHECKING:
    from anndata import AnnData  # type: ignore[import-untyped]

    from mappedviz.errors import MappedvizError

Fails = Literal["open", "read"]


@dataclass(frozen=True)
class BrokenKind:
    """One way in which a store can be broken.

    Parameters
    ----------
    name
        Its key in `BROKEN`.
    suffix
        What the paths end with.
    write
        Writes the broken store made from an AnnData to a path.
    fails
        ``"open"``: the store must not open. ``"read"``: it may open, but reading `element`
        must fail (a reader may well refuse it on opening).
    element
        What to read: a matrix (``"X"``), ``"obs/cell_type"``, ``"obs_names"``, ``"var_names"``.
    says
        Regular expression that the message has to match, in any case.

    Examples
    --------
    >>> import tempfile
    >>> from mappedviz.testing import coded_anndata
    >>> from tests.stores import BROKEN
    >>> kind = BROKEN["html"]
    >>> kind(coded_anndata(plain=True), tempfile.mkdtemp() + "/a").read_text()[:15]
    '<!DOCTYPE html>'
    >>> kind.fails, kind.must_say
    ('open', 'Names the file as an HTML page.')
    """

    name: str
    suffix: str
    write: Callable[[AnnData, Path], None]
    fails: Fails
    element: str
    says: str

    @property
    def must_say(self) -> str:
        """What a reader has to say, in words."""
        return (self.write.__doc__ or "").strip()

    def __call__(self, adata: AnnData, path: str | os.PathLike[str]) -> Path:
        """Write the broken store and return the path, whose suffix is made the one of this kind."""
        target = with_suffix(path, self.suffix)
        self.write(adata, target)
        return target

    def error(self, path: str | os.PathLike[str]) -> MappedvizError:
        """Open the store, read the broken element and return the error that this raised.

        Parameters
        ----------
        path
            Where this kind was written.

        Raises
        ------
        AssertionError
            Nothing was raised, too late, or with a message that does not say what is wrong.
        """
        from mappedviz.errors import MappedvizError
        from mappedviz.stores.store import open_store

        at = "opening"
        try:
            store = open_store(path)
            if self.fails == "read":
                at = f"reading {self.element}"
                _read(store, self.element)
        except MappedvizError as error:
            text = str(error)
            said = re.search(self.says, text.replace(str(path), "<path>"), re.IGNORECASE)
            if not said:
                raise AssertionError(
                    f"{self.name}, {at}: {text!r} does not match {self.says!r}"
                ) from error
            if str(path) not in text:
                raise AssertionError(f"{self.name}, {at}: {text!r} does not name it") from error
            return error
        raise AssertionError(f"{self.name}: {at} raised nothing; must: {self.must_say}")


def _read(store: Any, element: str) -> None:
    if element in ("obs_names", "var_names"):
        getattr(store, element)
    elif element.startswith("obs/"):
        store.obs_column(element.removeprefix("obs/")).values()
    else:
        store.read_rows(element, np.arange(store.facts.n_obs))


BROKEN: dict[str, BrokenKind] = {}
"""Every kind of broken store by name: ``BROKEN["html"](adata, path) -> path``."""

_Write = Callable[["AnnData", Path], None]


def _kind(
    name: str, fails: Fails, says: str, *, element: str = "X", suffix: str = ".h5ad"
) -> Callable[[_Write], _Write]:
    def register(write: _Write) -> _Write:
        BROKEN[name] = BrokenKind(name, suffix, write, fails, element, says)
        return write

    return register


def _good(adata: AnnData, path: Path, kind: str = "h5ad-chunked") -> Path:
    """Write a good store of a kind to exactly this path."""
    if with_suffix(path, STORE_KINDS[kind].suffix) == path:
        return STORE_KINDS[kind](adata, path)
    with tempfile.TemporaryDirectory() as folder:
        shutil.move(STORE_KINDS[kind](adata, Path(folder, "good")), path)
    return path


def _edited(adata: AnnData, path: Path, edit: Callable[[Any], None], kind: str = "h5ad") -> None:
    """Write a good .h5ad of some kind, then change it."""
    import h5py

    with h5py.File(_good(adata, path, kind), "r+") as f:
        edit(f)


def _replaced(f: Any, name: str, data: Any, **options: Any) -> None:
    attrs = dict(f[name].attrs)
    del f[name]
    f.create_dataset(name, data=data, **options).attrs.update(attrs)


# ------------------------------------------------------------------ not a store at all


@_kind("missing", "open", "no such|not exist|not found|no file|nothing")
def _missing(adata: AnnData, path: Path) -> None:
    """Says that nothing is there."""


@_kind("zero-bytes", "open", r"empty|\b(0|zero|no) bytes")
def _zero_bytes(adata: AnnData, path: Path) -> None:
    """Says that the file is empty."""
    path.write_bytes(b"")


@_kind("html", "open", "html")
def _html(adata: AnnData, path: Path) -> None:
    """Names the file as an HTML page."""
    path.write_text("<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>\n")


@_kind("html-without-doctype", "open", "html")
def _html_without_doctype(adata: AnnData, path: Path) -> None:
    """Names the file as an HTML page."""
    path.write_text("\n  <HTML lang=en><body>Sign in to download</body></HTML>\n")


@_kind("git-lfs-pointer", "open", "lfs")
def _git_lfs_pointer(adata: AnnData, path: Path) -> None:
    """Names the file as a pointer of git-lfs."""
    path.write_text(
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{'0123456789abcdef' * 4}\nsize 24653071\n"
    )


@_kind("gzip-around-h5ad", "open", "gzip")
def _gzip_around_h5ad(adata: AnnData, path: Path) -> None:
    """Says that the file is gzipped."""
    _good(adata, path)
    path.write_bytes(gzip.compress(path.read_bytes(), 1, mtime=0))


@_kind("zip-around-h5ad", "open", "zip")
def _zip_around_h5ad(adata: AnnData, path: Path) -> None:
    """Says that the file is a zip archive without a zarr store."""
    content = _good(adata, path).read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.h5ad", content)


@_kind("text", "open", "text")
def _text(adata: AnnData, path: Path) -> None:
    """Names the file as text."""
    path.write_text("The data are available from the authors on reasonable request.\n")


@_kind("csv", "open", "text|csv|table")
def _csv(adata: AnnData, path: Path) -> None:
    """Names the file as text or a table."""
    path.write_text("cell,gene0,gene1\nc0,0,1\nc1,2,0\n")


@_kind("directory-named-h5ad", "open", "director|folder")
def _directory_named_h5ad(adata: AnnData, path: Path) -> None:
    """Says that it is a directory without a zarr store."""
    path.mkdir()


# ------------------------------------------------------------------------- HDF5 files


@_kind("truncated", "open", "truncated|cut|incomplete|shorter")
def _truncated(adata: AnnData, path: Path) -> None:
    """Says that the file is truncated."""
    content = _good(adata, path).read_bytes()
    path.write_bytes(content[: len(content) // 2])


@_kind("truncated-to-signature", "open", "truncated|cut|damaged|corrupt|cannot be opened")
def _truncated_to_signature(adata: AnnData, path: Path) -> None:
    """Says that the file is truncated or damaged."""
    path.write_bytes(_good(adata, path).read_bytes()[:16])


@_kind("damaged-header", "open", "damaged|corrupt|truncated|cannot be opened|not.*hdf5")
def _damaged_header(adata: AnnData, path: Path) -> None:
    """Says that the file is damaged."""
    content = bytearray(_good(adata, path).read_bytes())
    content[8:200] = bytes(192)
    path.write_bytes(content)


@_kind("damaged-chunk", "read", "decompress|decod|damaged|corrupt|chunk")
def _damaged_chunk(adata: AnnData, path: Path) -> None:
    """Says that a chunk of X cannot be decoded."""
    import h5py

    with h5py.File(_good(adata, path, "h5ad-gzip"), "r") as f:
        chunk = f["X/data"].id.get_chunk_info(0)
    with path.open("r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(b"\xff" * chunk.size)


@_kind("10x-h5", "open", r"\bobs\b|10x")
def _10x_h5(adata: AnnData, path: Path) -> None:
    """Says that the HDF5 file is no AnnData: it has no obs."""
    import h5py

    with h5py.File(path, "w") as f:
        f["matrix/barcodes"] = np.array([b"AAAC-1", b"AAAG-1"])
        f["matrix/data"] = np.array([1, 2], dtype=np.int32)
        f["matrix/shape"] = np.array([1, 2])


@_kind("missing-obs", "open", r"\bobs\b")
def _missing_obs(adata: AnnData, path: Path) -> None:
    """Says that there is no obs."""
    _edited(adata, path, lambda f: f.__delitem__("obs"))


@_kind("missing-var", "open", r"\bvar\b")
def _missing_var(adata: AnnData, path: Path) -> None:
    """Says that there is no var."""
    _edited(adata, path, lambda f: f.__delitem__("var"))


@_kind("dangling-index", "open", "_index|barcode", element="obs_names")
def _dangling_index(adata: AnnData, path: Path) -> None:
    """Says that the attribute _index of obs names a column that is not there."""
    _edited(adata, path, lambda f: f["obs"].attrs.__setitem__("_index", "barcode"))


@_kind("dangling-column", "read", "ghost", element="obs/ghost")
def _dangling_column(adata: AnnData, path: Path) -> None:
    """Says that obs lists a column that is not there."""

    def edit(f: Any) -> None:
        f["obs"].attrs["column-order"] = [*f["obs"].attrs["column-order"], "ghost"]

    _edited(adata, path, edit)


@_kind("unknown-encoding", "read", "quantum-array", element="obs/cell_type")
def _unknown_encoding(adata: AnnData, path: Path) -> None:
    """Names the encoding that it does not know."""
    _edited(
        adata,
        path,
        lambda f: f["obs/cell_type"].attrs.__setitem__("encoding-type", "quantum-array"),
    )


@_kind("unknown-matrix-encoding", "read", "coo_matrix")
def _unknown_matrix_encoding(adata: AnnData, path: Path) -> None:
    """Names the encoding that it does not know."""
    _edited(adata, path, lambda f: f["X"].attrs.__setitem__("encoding-type", "coo_matrix"))


@_kind("short-column", "read", "obs/origin", element="obs/origin")
def _short_column(adata: AnnData, path: Path) -> None:
    """Names the column that has too few values, and both numbers."""
    _edited(adata, path, lambda f: _replaced(f, "obs/origin", f["obs/origin"][:-1]))


@_kind("long-column", "read", "obs/cell_type", element="obs/cell_type")
def _long_column(adata: AnnData, path: Path) -> None:
    """Names the column that has too many values, and both numbers."""

    def edit(f: Any) -> None:
        _replaced(f, "obs/cell_type/codes", np.append(f["obs/cell_type/codes"][()], np.int8(0)))

    _edited(adata, path, edit)


@_kind("short-mask", "read", "obs/age", element="obs/age")
def _short_mask(adata: AnnData, path: Path) -> None:
    """Names the nullable column whose mask has another length than its values."""
    adata = adata.copy()
    adata.obs["age"] = np.arange(adata.n_obs)
    adata.obs["age"] = adata.obs["age"].astype("Int64")
    adata.obs.iloc[0, adata.obs.columns.get_loc("age")] = None
    _edited(adata, path, lambda f: _replaced(f, "obs/age/mask", f["obs/age/mask"][:-1]))


@_kind("code-out-of-range", "read", "obs/cell_type", element="obs/cell_type")
def _code_out_of_range(adata: AnnData, path: Path) -> None:
    """Says that a code points beyond the categories."""
    _edited(adata, path, lambda f: f["obs/cell_type/codes"].__setitem__(1, 99))


@_kind("code-below-minus-one", "read", "obs/cell_type", element="obs/cell_type")
def _code_below_minus_one(adata: AnnData, path: Path) -> None:
    """Says that a code is negative, but not the -1 that stands for missing."""
    _edited(adata, path, lambda f: f["obs/cell_type/codes"].__setitem__(1, -5))


@_kind("duplicate-categories", "read", "duplicate|twice|repeated|distinct", element="obs/cell_type")
def _duplicate_categories(adata: AnnData, path: Path) -> None:
    """Says that a category is listed twice."""

    def edit(f: Any) -> None:
        names = f["obs/cell_type/categories"]
        names[1] = names[0]

    _edited(adata, path, edit)


def _not_utf8(f: Any, name: str, at: int) -> None:
    """Put a byte string that is not UTF-8 into a string array."""
    import h5py

    if isinstance(f[name], h5py.Group):  # as anndata 0.13 writes what pandas 3 has as text
        name = f"{name}/values"
    values = f[name][()]
    values[at] = b"T\xe9l\xe9\xff"
    _replaced(f, name, values, dtype=h5py.string_dtype("utf-8"))


@_kind("invalid-utf8-categories", "read", "utf-?8", element="obs/cell_type")
def _invalid_utf8_categories(adata: AnnData, path: Path) -> None:
    """Says that the categories are not UTF-8."""
    _edited(adata, path, lambda f: _not_utf8(f, "obs/cell_type/categories", 1))


@_kind("invalid-utf8-index", "read", "utf-?8", element="var_names")
def _invalid_utf8_index(adata: AnnData, path: Path) -> None:
    """Says that the index of var is not UTF-8."""
    _edited(adata, path, lambda f: _not_utf8(f, "var/_index", 0))


@_kind("lost-categories", "read", "categor", element="obs/cell_type", suffix=".h5ad")
def _lost_categories(adata: AnnData, path: Path) -> None:
    """Says that the categories of an anndata 0.7 column are gone."""
    _edited(adata, path, lambda f: f["obs"].__delitem__("__categories"), kind="h5ad-0.7")


@_kind("external-link", "read", "link")
def _external_link(adata: AnnData, path: Path) -> None:
    """Says that X is a link to another file, which is not followed."""
    import h5py

    other = _good(adata, path.with_name(f"{path.stem}-other.h5ad"))

    def edit(f: Any) -> None:
        del f["X"]
        f["X"] = h5py.ExternalLink(other.name, "/X")

    _edited(adata, path, edit)


@_kind("dangling-external-link", "read", "link")
def _dangling_external_link(adata: AnnData, path: Path) -> None:
    """Says that X is a link to another file."""
    import h5py

    def edit(f: Any) -> None:
        del f["X"]
        f["X"] = h5py.ExternalLink("nowhere.h5ad", "/X")

    _edited(adata, path, edit)


@_kind("soft-link-loop", "read", "link|loop", element="obs/cell_type")
def _soft_link_loop(adata: AnnData, path: Path) -> None:
    """Says that the column is a link that leads nowhere."""
    import h5py

    def edit(f: Any) -> None:
        del f["obs/cell_type"]
        f["obs/cell_type"] = h5py.SoftLink("/obs/cell_type")

    _edited(adata, path, edit)


@_kind("group-loop", "read", "obs/loop", element="obs/loop")
def _group_loop(adata: AnnData, path: Path) -> None:
    """Says that the column is no column (it is the root again), without walking in circles."""

    def edit(f: Any) -> None:
        f["obs/loop"] = f["/"]
        f["obs"].attrs["column-order"] = [*f["obs"].attrs["column-order"], "loop"]

    _edited(adata, path, edit)


# --------------------------------------------------------------------------- matrices


@_kind("missing-x", "read", r"\bX\b")
def _missing_x(adata: AnnData, path: Path) -> None:
    """Says that there is no X; the store itself opens."""
    _edited(adata, path, lambda f: f.__delitem__("X"))


@_kind("text-as-x", "read", r"\bX\b")
def _text_as_x(adata: AnnData, path: Path) -> None:
    """Says that X holds no numbers."""

    def edit(f: Any) -> None:
        del f["X"]
        f["X"] = np.full(adata.shape, "many", dtype=object)
        f["X"].attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})

    _edited(adata, path, edit)


@_kind("wrong-shape", "open", r"\bX\b")
def _wrong_shape(adata: AnnData, path: Path) -> None:
    """Says that X has more rows than obs, and both numbers."""

    def edit(f: Any) -> None:
        f["X"].attrs["shape"] = np.array([adata.n_obs + 1, adata.n_vars])
        _replaced(f, "X/indptr", np.append(f["X/indptr"][()], f["X/indptr"][-1]))

    _edited(adata, path, edit)


@_kind("wrong-shape-dense", "open", r"\bX\b")
def _wrong_shape_dense(adata: AnnData, path: Path) -> None:
    """Says that X has fewer columns than var, and both numbers."""
    _edited(adata, path, lambda f: _replaced(f, "X", f["X"][:, :-1]), kind="h5ad-dense")


@_kind("wrong-shape-layer", "open", "layers/counts|counts")
def _wrong_shape_layer(adata: AnnData, path: Path) -> None:
    """Says that a layer has another shape than obs and var."""
    adata = adata.copy()
    adata.layers["counts"] = np.ones(adata.shape, dtype=np.float32)
    _edited(adata, path, lambda f: _replaced(f, "layers/counts", f["layers/counts"][:-1]))


@_kind("without-shape", "read", "shape")
def _without_shape(adata: AnnData, path: Path) -> None:
    """Says that the sparse X does not say its shape."""
    _edited(adata, path, lambda f: f["X"].attrs.__delitem__("shape"))


@_kind("short-indptr", "open", "indptr")
def _short_indptr(adata: AnnData, path: Path) -> None:
    """Says that indptr is too short for so many rows."""
    _edited(adata, path, lambda f: _replaced(f, "X/indptr", f["X/indptr"][:-1]))


@_kind("indices-and-data-differ", "open", "indices.*data|data.*indices")
def _indices_and_data_differ(adata: AnnData, path: Path) -> None:
    """Says that indices and data have different lengths."""
    _edited(adata, path, lambda f: _replaced(f, "X/data", f["X/data"][:-1]))


@_kind("missing-indices", "read", "indices")
def _missing_indices(adata: AnnData, path: Path) -> None:
    """Says that the sparse X has no indices."""
    _edited(adata, path, lambda f: f["X"].__delitem__("indices"))


@_kind("falling-indptr", "read", "indptr")
def _falling_indptr(adata: AnnData, path: Path) -> None:
    """Says that indptr falls."""

    def edit(f: Any) -> None:
        f["X/indptr"][2] = f["X/indptr"][-1]

    _edited(adata, path, edit)


@_kind("indptr-beyond-end", "read", "indptr")
def _indptr_beyond_end(adata: AnnData, path: Path) -> None:
    """Says that indptr points beyond the stored values."""

    def edit(f: Any) -> None:
        f["X/indptr"][-1] += 5

    _edited(adata, path, edit)


@_kind("negative-index", "read", "indices|column|index")
def _negative_index(adata: AnnData, path: Path) -> None:
    """Says that a column index is negative."""
    _edited(adata, path, lambda f: f["X/indices"].__setitem__(3, -2))


@_kind("index-out-of-range", "read", "indices|column|index")
def _index_out_of_range(adata: AnnData, path: Path) -> None:
    """Says that a column index is beyond var."""
    _edited(adata, path, lambda f: f["X/indices"].__setitem__(3, adata.n_vars))


@_kind("csc-index-out-of-range", "read", "indices|row|index")
def _csc_index_out_of_range(adata: AnnData, path: Path) -> None:
    """Says that a row index is beyond obs."""
    _edited(adata, path, lambda f: f["X/indices"].__setitem__(3, adata.n_obs), kind="h5ad-csc")


# --------------------------------------------------------------------- zarr, directories


def _chunk_files(array: Path) -> list[Path]:
    """Files of the chunks of a zarr array of version 3, in order."""
    return sorted(p for p in (array / "c").rglob("*") if p.is_file())


@_kind("zarr-lost-indptr", "read", "indptr", suffix=".zarr")
def _zarr_lost_indptr(adata: AnnData, path: Path) -> None:
    """Says that indptr is lost: zarr would read zeros, that is rows without any value."""
    for chunk in _chunk_files(_good(adata, path, "zarr-unconsolidated") / "X" / "indptr"):
        chunk.unlink()


@_kind("zarr-missing-chunk", "read", r"\bX\b", suffix=".zarr")
def _zarr_missing_chunk(adata: AnnData, path: Path) -> None:
    """Says that a chunk of the indices of X is missing: zarr would read it as gene 0."""
    _chunk_files(_good(adata, path, "zarr-unconsolidated") / "X" / "indices")[1].unlink()


@_kind("zarr-truncated-chunk", "read", r"\bX\b", suffix=".zarr")
def _zarr_truncated_chunk(adata: AnnData, path: Path) -> None:
    """Says that a chunk of X is cut off."""
    chunk = _chunk_files(_good(adata, path, "zarr-v3-uncompressed") / "X" / "data")[1]
    chunk.write_bytes(chunk.read_bytes()[:-3])


@_kind("zarr-damaged-chunk", "read", r"\bX\b", suffix=".zarr")
def _zarr_damaged_chunk(adata: AnnData, path: Path) -> None:
    """Says that a chunk of X cannot be decoded."""
    chunk = _chunk_files(_good(adata, path, "zarr-v3-gzip") / "X" / "data")[1]
    chunk.write_bytes(b"\xff" * len(chunk.read_bytes()))


@_kind("zarr-wrong-checksum", "read", r"\bX\b", suffix=".zarr")
def _zarr_wrong_checksum(adata: AnnData, path: Path) -> None:
    """Says that the checksum of a chunk of X is wrong."""
    chunk = _chunk_files(_good(adata, path, "zarr-v3-crc32c") / "X" / "data")[1]
    content = bytearray(chunk.read_bytes())
    content[0] ^= 1
    chunk.write_bytes(content)


@_kind("zarr-damaged-shard-index", "read", r"\bX\b", suffix=".zarr")
def _zarr_damaged_shard_index(adata: AnnData, path: Path) -> None:
    """Says that the index at the end of a shard of X is damaged."""
    shard = _chunk_files(_good(adata, path, "zarr-v3-sharded") / "X" / "data")[0]
    content = bytearray(shard.read_bytes())
    content[-20] ^= 0x55
    shard.write_bytes(content)


@_kind("zarr-malformed-root", "open", "json|metadata", suffix=".zarr")
def _zarr_malformed_root(adata: AnnData, path: Path) -> None:
    """Says that the metadata of the root is no JSON."""
    root = _good(adata, path, "zarr-v3") / "zarr.json"
    root.write_text(root.read_text()[: len(root.read_text()) // 2])


@_kind("zarr-malformed-array", "read", "json|metadata", suffix=".zarr")
def _zarr_malformed_array(adata: AnnData, path: Path) -> None:
    """Says that the metadata of X/data is no JSON."""
    (_good(adata, path, "zarr-v3") / "X" / "data" / "zarr.json").write_text('{"shape": [1, ')


@_kind("zarr-odd-metadata", "read", r"\bX\b", suffix=".zarr")
def _zarr_odd_metadata(adata: AnnData, path: Path) -> None:
    """Says that the metadata of X/data is JSON, but not that of an array."""
    (_good(adata, path, "zarr-v3") / "X" / "data" / "zarr.json").write_text(
        '{"zarr_format": 3, "node_type": "array", "shape": "many", "attributes": {}}'
    )


@_kind("zarr-unknown-codec", "read", "quantum", suffix=".zarr")
def _zarr_unknown_codec(adata: AnnData, path: Path) -> None:
    """Names the codec that it does not know."""
    meta = _good(adata, path, "zarr-v3") / "X" / "data" / "zarr.json"
    meta.write_text(meta.read_text().replace('"zstd"', '"quantum"'))


@_kind("zarr-without-metadata", "open", "zarr|metadata|director", suffix=".zarr")
def _zarr_without_metadata(adata: AnnData, path: Path) -> None:
    """Says that the directory has no zarr metadata."""
    (path / "X" / "c").mkdir(parents=True)
    (path / "X" / "c" / "0").write_bytes(bytes(8))


@_kind("zarr-missing-obs", "open", r"\bobs\b", suffix=".zarr")
def _zarr_missing_obs(adata: AnnData, path: Path) -> None:
    """Says that there is no obs, whatever the consolidated metadata says."""
    shutil.rmtree(_good(adata, path, "zarr-v3") / "obs")


@_kind("zarr-array-as-root", "open", "array|group|anndata|obs", suffix=".zarr")
def _zarr_array_as_root(adata: AnnData, path: Path) -> None:
    """Says that the zarr store is an array, not an AnnData."""
    import zarr

    zarr.create_array(str(path), shape=(3,), dtype="int32", zarr_format=3)


# --------------------------------------------------------------------- zarr, zip archives


def _zip_source(adata: AnnData, folder: str) -> Path:
    return _good(adata, Path(folder, "store.zarr"), "zarr-v3")


@_kind("zip-not-a-zip", "open", "no zip|not a zip|neither", suffix=".zarr.zip")
def _zip_not_a_zip(adata: AnnData, path: Path) -> None:
    """Says that the file is no zip archive."""
    path.write_bytes(b"\x00\x01\x02\x03" * 100)


@_kind("zip-without-directory", "open", "zip", suffix=".zarr.zip")
def _zip_without_directory(adata: AnnData, path: Path) -> None:
    """Says that the zip archive is cut off, its directory lost."""
    content = _good(adata, path, "zarr-zip").read_bytes()
    path.write_bytes(content[: content.rindex(b"PK\x01\x02")])


@_kind("zip-corrupt-directory", "open", "zip", suffix=".zarr.zip")
def _zip_corrupt_directory(adata: AnnData, path: Path) -> None:
    """Says that the directory of the zip archive is damaged."""
    content = bytearray(_good(adata, path, "zarr-zip").read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at : at + 40] = b"\xff" * 40
    path.write_bytes(content)


@_kind("zip-nested-root", "open", "store[.]zarr", suffix=".zarr.zip")
def _zip_nested_root(adata: AnnData, path: Path) -> None:
    """Says that the store is in a folder inside the archive, and names the folder."""
    with tempfile.TemporaryDirectory() as folder:
        _zip_source(adata, folder)
        zip_folder(Path(folder), path)


@_kind("zip-slip", "open", r"[.][.]/|outside|unsafe", suffix=".zarr.zip")
def _zip_slip(adata: AnnData, path: Path) -> None:
    """Names a member of the archive that points outside of it."""
    _good(adata, path, "zarr-zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../outside/zarr.json", "{}")


@_kind("zip-empty", "open", "zip|empty|metadata", suffix=".zarr.zip")
def _zip_empty(adata: AnnData, path: Path) -> None:
    """Says that the archive holds no zarr store."""
    with zipfile.ZipFile(path, "w"):
        pass


@_kind("zip-damaged-member", "read", r"\bX\b|zip|crc|checksum", suffix=".zarr.zip")
def _zip_damaged_member(adata: AnnData, path: Path) -> None:
    """Says that a chunk of X cannot be decoded."""
    with tempfile.TemporaryDirectory() as folder:
        source = _good(adata, Path(folder, "store.zarr"), "zarr-v3-gzip")
        chunk = _chunk_files(source / "X" / "data")[0]
        chunk.write_bytes(b"\xff" * len(chunk.read_bytes()))
        zip_folder(source, path)
