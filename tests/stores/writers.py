"""Writers of every dialect in which AnnData has been written to disk.

`STORE_KINDS` holds them by name. Each is a callable ``(adata, path) -> path`` that also knows
what an AnnData becomes in its dialect (``expected``): anndata 0.5 had no layers, a float16
store holds float16 codes.
"""

from __future__ import annotations

import os
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse import issparse

from mappedviz.testing import fold, layers_of

if TYPE_CHECKING:
    from anndata import AnnData  # type: ignore[import-untyped]

Writer = Callable[["AnnData", "str | os.PathLike[str]"], Path]
SUFFIXES = (".zarr.zip", ".h5ad", ".zarr")


@dataclass(frozen=True)
class StoreKind:
    """One dialect: a writer, and what an AnnData becomes in it.

    Parameters
    ----------
    name
        Its key in `STORE_KINDS`.
    suffix
        What the paths end with.
    write
        Writes an AnnData, already as ``expected`` makes it, to a path.
    becomes
        What the dialect cannot hold is dropped or converted here, in place.
    anndata_reads
        Whether ``anndata.read_h5ad`` or ``read_zarr`` reads the same from it.

    Examples
    --------
    >>> import tempfile
    >>> from mappedviz.testing import coded_anndata, layers_of
    >>> from tests.stores import STORE_KINDS
    >>> kind = STORE_KINDS["h5ad-0.5"]
    >>> kind(coded_anndata(plain=True), tempfile.mkdtemp() + "/a").name
    'a.h5ad'
    >>> list(layers_of(kind.expected(coded_anndata())))
    []
    """

    name: str
    suffix: str
    write: Callable[[AnnData, Path], None]
    becomes: Callable[[AnnData], None] | None = None
    anndata_reads: bool = True

    def __call__(self, adata: AnnData, path: str | os.PathLike[str]) -> Path:
        """Write `adata` and return the path, whose suffix is made the one of this kind.

        `adata` itself is left as it is.
        """
        target = with_suffix(path, self.suffix)
        with _quiet_anndata():
            self.write(self.expected(adata), target)
        return target

    def expected(self, adata: AnnData) -> AnnData:
        """What a reader has to find in the store that is written from `adata`.

        Parameters
        ----------
        adata
            Any AnnData.

        Returns
        -------
        A new AnnData.
        """
        with _quiet_anndata():
            adata = adata.copy()
            if self.becomes is not None:
                self.becomes(adata)
        return adata


def with_suffix(path: str | os.PathLike[str], suffix: str) -> Path:
    """Path with `suffix` in place of the store suffix that it has, if any.

    Examples
    --------
    >>> from tests.stores.writers import with_suffix
    >>> str(with_suffix("a.b.h5ad", ".zarr.zip"))
    'a.b.zarr.zip'
    """
    path = Path(path)
    for known in SUFFIXES:
        if path.name.lower().endswith(known):
            return path.with_name(path.name[: -len(known)] + suffix)
    return path.with_name(path.name + suffix)


@contextmanager
def _quiet_anndata() -> Iterator[None]:
    """Let anndata write nullable strings, and without its announcements."""
    import anndata

    overrides = {"allow_write_nullable_strings": True, "remove_unused_categories": False}
    if hasattr(anndata.settings, "auto_shard_zarr_v3"):
        overrides["auto_shard_zarr_v3"] = False
    with warnings.catch_warnings(), anndata.settings.override(**overrides):
        warnings.simplefilter("ignore")
        yield


# --------------------------------------------------------------- what anndata can write


def _dispatch(
    root: Any,
    adata: Any,
    key: str = "/",
    *,
    split: Any = None,
    big_endian: bool = False,
    native_text: bool = False,
    **every: Any,
) -> None:
    """Write with anndata, matrices with options of their own.

    Parameters
    ----------
    native_text
        Write text as this anndata does: as nullable strings, where pandas 3 has a type for it.
        Otherwise they are arrays of strings under every pandas.
    split
        ``(chunk of 1-d arrays, chunk of 2-d arrays)``; small, so that a small matrix has many.
    big_endian
        Store the arrays of matrices in big-endian byte order.
    every
        Options of each numeric array of a matrix. A callable is called with the number of
        dimensions.
    """
    import pandas as pd
    from anndata.experimental import write_dispatched  # type: ignore[import-untyped]
    from anndata.io import write_elem  # type: ignore[import-untyped]

    def callback(
        func: Any, store: Any, name: str, elem: Any, *, dataset_kwargs: Any, iospec: Any
    ) -> None:
        dims = 1 if issparse(elem) else getattr(elem, "ndim", 0)
        kwargs = dict(dataset_kwargs)
        if issparse(elem) or (isinstance(elem, np.ndarray) and dims == 2):
            kwargs.update({k: v(dims) if callable(v) else v for k, v in every.items()})
            if split is not None and dims == 2:
                kwargs["chunks"] = tuple(
                    max(1, min(a, b)) for a, b in zip(split[1], elem.shape, strict=True)
                )
            elif split is not None:
                kwargs["chunks"] = (split[0],)
            if 0 in elem.shape and dims == 2:  # neither library chunks or filters emptiness
                kwargs = dict(dataset_kwargs)
            elem = _big_endian_matrix(elem) if big_endian else elem
        dtype = getattr(elem, "dtype", None)
        text = isinstance(dtype, pd.StringDtype) and not _nullable(dtype)
        if text and not native_text and not elem.isna().any():
            write_elem(store, name, np.asarray(elem, dtype=object))
            return
        func(store, name, elem, dataset_kwargs=kwargs)

    write_dispatched(root, key, adata, callback)


def _big_endian_matrix(matrix: Any) -> Any:
    """Big-endian matrix; a sparse one as a bare holder of arrays, scipy has no such dtypes."""
    if isinstance(matrix, np.ndarray):
        return matrix.astype(matrix.dtype.newbyteorder(">"))
    arrays = {
        part: _big_endian_matrix(getattr(matrix, part)) for part in ("data", "indices", "indptr")
    }
    return SimpleNamespace(shape=matrix.shape, format=matrix.format, **arrays)


SPLIT = (16, (5, 4))
"""Chunks of the chunked kinds: 16 values of a sparse matrix, 5 x 4 of a dense one."""


def _h5ad(
    *, file: dict[str, Any] | None = None, after: Any = None, null_raw: bool = False, **options: Any
) -> Callable[[AnnData, Path], None]:
    def write(adata: AnnData, path: Path) -> None:
        import h5py

        with h5py.File(path, "w", **(file or {})) as f:
            _dispatch(f, adata, **options)
            if adata.raw is None and not null_raw:
                f.pop("raw", None)
            if after is not None:
                after(f, adata)

    return write


def _zarr(
    zarr_format: int, *, consolidate: bool = True, after: Any = None, **options: Any
) -> Callable[[AnnData, Path], None]:
    def write(adata: AnnData, path: Path) -> None:
        import zarr

        # Through memory: zarr hands each of some hundred small files to another thread.
        files: dict[str, Any] = {}
        store = zarr.storage.MemoryStore(files)
        root = zarr.open_group(store, mode="w", zarr_format=zarr_format)  # type: ignore[arg-type]
        _dispatch(root, adata, **options)
        if consolidate:
            zarr.consolidate_metadata(store, zarr_format=zarr_format)  # type: ignore[arg-type]
        if path.exists():
            shutil.rmtree(path)
        for name, content in files.items():
            file = path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.to_bytes())
        if after is not None:
            after(path, adata)

    return write


def _zarr_zip(zarr_format: int, compression: int) -> Callable[[AnnData, Path], None]:
    def write(adata: AnnData, path: Path) -> None:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder, "store.zarr")
            _zarr(zarr_format, split=SPLIT)(adata, store)
            zip_folder(store, path, compression)

    return write


def zip_folder(folder: Path, path: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    """Zip the files of a folder, its own name not among theirs, in a fixed order.

    Parameters
    ----------
    folder, path
        From where to where.
    compression
        One of zipfile's constants.

    Returns
    -------
    The path.
    """
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = zipfile.ZipInfo(member.relative_to(folder).as_posix(), (2020, 1, 1, 0, 0, 0))
            archive.writestr(info, member.read_bytes(), compression)
    return path


def _as_anndata_does(adata: AnnData, path: Path) -> None:
    adata.write_h5ad(path, convert_strings_to_categoricals=False)


# ----------------------------------------------------- what becomes of X (and the layers)


def _matrices(adata: AnnData, change: Callable[[Any], Any], layers: bool = True) -> None:
    if adata.X is not None:
        adata.X = change(adata.X)
    for key, matrix in layers_of(adata).items() if layers else ():
        adata.layers[key] = change(matrix)


def _to_format(format: str) -> Callable[[AnnData], None]:
    def becomes(adata: AnnData) -> None:

        def change(matrix: Any) -> Any:
            if format == "dense":
                return matrix.toarray() if issparse(matrix) else matrix
            return sparse.csc_matrix(matrix) if format == "csc" else sparse.csr_matrix(matrix)

        _matrices(adata, change)

    return becomes


def _to_dtype(dtype: str) -> Callable[[AnnData], None]:
    def becomes(adata: AnnData) -> None:

        def change(matrix: Any) -> Any:
            if not issparse(matrix):
                return fold(matrix, dtype)
            matrix = matrix.copy()
            matrix.data = fold(matrix.data, dtype)
            return matrix

        _matrices(adata, change, layers=False)

    return becomes


def _reversed_rows(matrix: Any) -> Any:
    """CSR that says the same with entries in falling order, each third one in two parts."""

    source = sparse.csr_matrix(matrix)
    indices, data, indptr = [], [], [0]
    for row in range(source.shape[0]):
        for at in range(source.indptr[row + 1] - 1, source.indptr[row] - 1, -1):
            value, gene = source.data[at], source.indices[at]
            part = value.dtype.type(value != 0) if at % 3 == 0 else value
            indices.append(gene)
            data.append(part)
            if at % 3 == 0:  # the second part goes to the end of the row, away from the first
                indices.append(-gene - 1)
                data.append(value.dtype.type(value - part) if value.dtype.kind != "b" else value)
        begin = indptr[-1]
        order = sorted(range(begin, len(indices)), key=lambda at: indices[at] < 0)
        data[begin:] = [data[at] for at in order]
        indices[begin:] = [i if (i := indices[at]) >= 0 else -i - 1 for at in order]
        indptr.append(len(indices))
    out = sparse.csr_matrix(source.shape, dtype=source.dtype)
    out.data = np.array(data, dtype=source.dtype)
    out.indices = np.array(indices, dtype=np.int32)
    out.indptr = np.array(indptr, dtype=np.int32)
    return out


# --------------------------------------------------------------- changes to a written h5ad


def _matrix_arrays(f: Any) -> list[str]:
    """Names of the numeric arrays that X, the layers, raw and obsm consist of."""
    import h5py

    names: list[str] = []

    def visit(name: str, node: Any) -> None:
        part = name.split("/")
        inside = part[0] in ("X", "layers", "obsm") or part[:2] == ["raw", "X"]
        if inside and isinstance(node, h5py.Dataset) and node.dtype.kind in "biuf" and node.shape:
            names.append(name)

    f.visititems(visit)
    return names


def _rewrite(f: Any, name: str, data: Any, **options: Any) -> None:
    """Replace a dataset, its attributes kept."""
    attrs = dict(f[name].attrs)
    del f[name]
    f.create_dataset(name, data=data, **options).attrs.update(attrs)


def _contiguous(f: Any, adata: AnnData) -> None:
    for name in _matrix_arrays(f):
        _rewrite(f, name, f[name][()])


def _only_chunks_with_values(f: Any, adata: AnnData) -> None:
    """Dense matrices of which only chunks with a value are allocated, as h5py leaves them."""
    for name in _matrix_arrays(f):
        data = f[name][()]
        if data.ndim != 2 or not data.size:
            continue
        height, width = min(2, data.shape[0]), min(3, data.shape[1])
        _rewrite(f, name, None, shape=data.shape, dtype=data.dtype, chunks=(height, width))
        for row in range(0, data.shape[0], height):
            for gene in range(0, data.shape[1], width):
                block = data[row : row + height, gene : gene + width]
                if block.any():
                    f[name][row : row + height, gene : gene + width] = block


def _big_endian(f: Any, adata: AnnData) -> None:
    import h5py

    names: list[str] = []
    f.visititems(
        lambda name, node: (
            names.append(name)
            if isinstance(node, h5py.Dataset) and node.dtype.kind in "iuf" and node.shape
            else None
        )
    )
    for name in names:
        data = f[name][()]
        _rewrite(f, name, data.astype(data.dtype.newbyteorder(">")))


def _index_dtype(dtype: str) -> Callable[[Any, AnnData], None]:
    def after(f: Any, adata: AnnData) -> None:
        for name in _matrix_arrays(f):
            if name.endswith(("/indices", "/indptr")):
                _rewrite(f, name, f[name][()].astype(dtype), chunks=True, maxshape=(None,))

    return after


def _unsorted(f: Any, adata: AnnData) -> None:

    layers = {f"layers/{key}": matrix for key, matrix in layers_of(adata).items()}
    for name, matrix in {"X": adata.X, **layers}.items():
        if issparse(matrix):
            changed = _reversed_rows(matrix)
            for part in ("data", "indices", "indptr"):
                _rewrite(
                    f, f"{name}/{part}", getattr(changed, part), chunks=(16,), maxshape=(None,)
                )


def _nullable_string_index(f: Any, adata: AnnData) -> None:
    import pandas as pd
    from anndata.io import write_elem  # type: ignore[import-untyped]

    frames = {"obs": adata.obs_names, "var": adata.var_names}
    for key, value in adata.obsm.items():
        if isinstance(value, pd.DataFrame):
            frames[f"obsm/{key}"] = adata.obs_names
    for frame, names in frames.items():
        key = f[frame].attrs["_index"]
        del f[frame][key]
        write_elem(f[frame], key, pd.array(list(names), dtype="string"))


def _fixed_bytes(f: Any, adata: AnnData) -> None:
    import h5py

    names: list[str] = []
    f.visititems(
        lambda name, node: (
            names.append(name)
            if isinstance(node, h5py.Dataset) and h5py.check_string_dtype(node.dtype) and node.shape
            else None
        )
    )
    for name in names:
        encoded = [text.encode() for text in f[name].asstr()[()]]
        width = max([1, *map(len, encoded)])
        kind = h5py.string_dtype("utf-8", width)
        _rewrite(f, name, np.array(encoded, dtype=f"S{width}").astype(kind), dtype=kind)


def _bytes_attributes(f: Any, adata: AnnData) -> None:
    """Attributes that are text as fixed-length bytes, as libraries for other languages write."""

    def visit(name: str, node: Any) -> None:
        for key, value in dict(node.attrs).items():
            if isinstance(value, str):
                node.attrs[key] = np.bytes_(value.encode())
            elif isinstance(value, np.ndarray) and value.dtype == object and len(value):
                node.attrs[key] = np.array([text.encode() for text in value])

    visit("", f)
    f.visititems(visit)


def _dense_float16(adata: AnnData) -> None:
    """X in float16 and dense, since scipy has no sparse matrix of float16."""
    _to_format("dense")(adata)
    _to_dtype("float16")(adata)


def _sparse_float16(adata: AnnData, path: Path) -> None:
    """CSR of float16, which scipy cannot hold, but files do."""
    adata = adata.copy()
    _matrices(adata, lambda matrix: matrix.astype(np.float32), layers=False)
    _to_format("csr")(adata)

    def narrow(f: Any, adata: AnnData) -> None:
        if "X" in f:
            _rewrite(
                f, "X/data", f["X/data"][()].astype(np.float16), chunks=(16,), maxshape=(None,)
            )

    _h5ad(after=narrow)(adata, path)


# ------------------------------------------------------------------------ older formats


def _nullable(dtype: Any) -> bool:
    """Whether a column may hold NA; what pandas 3 calls str was object before, and may not."""
    import pandas as pd

    return getattr(dtype, "na_value", None) is pd.NA


def _drop_nullable(frame: Any) -> Any:
    return frame[[name for name in frame.columns if not _nullable(frame[name].dtype)]]


def _before_nullable(adata: AnnData) -> None:
    adata.obs = _drop_nullable(adata.obs)
    adata.var = _drop_nullable(adata.var)


def _of_0_5(adata: AnnData) -> None:
    """No nullable columns, no layers, dense arrays only in obsm, no order of categories."""
    import pandas as pd

    _before_nullable(adata)
    for key in layers_of(adata):
        del adata.layers[key]
    for key, value in dict(adata.obsm).items():
        if not isinstance(value, np.ndarray):
            del adata.obsm[key]
    for frame in (adata.obs, adata.var):
        for name in frame.columns:
            if isinstance(frame[name].dtype, pd.CategoricalDtype):
                frame[name] = frame[name].cat.as_unordered()


def _write_sparse_0_5(f: Any, key: str, matrix: Any) -> None:

    if matrix is None:
        return
    if not issparse(matrix):
        f.create_dataset(key, data=matrix)
        return
    group = f.create_group(key)
    group.attrs["h5sparse_format"] = matrix.format
    group.attrs["h5sparse_shape"] = np.array(matrix.shape)
    for part in ("data", "indices", "indptr"):
        values = getattr(matrix, part)
        group.create_dataset(part, data=values, compression="gzip" if len(values) else None)


def _structured(frame: Any, uns: dict[str, Any]) -> Any:
    """Record array as anndata 0.5 stored a data frame; categories go to `uns`."""
    import h5py
    import pandas as pd

    columns: list[tuple[str, Any, Any]] = []
    index = [name.encode() for name in frame.index]
    columns.append(("index", f"S{max([1, *map(len, index)])}", index))
    for name in frame.columns:
        values = frame[name].array
        if isinstance(values, pd.Categorical):
            uns[f"{name}_categories"] = values.categories.to_numpy()
            columns.append((name, values.codes.dtype, values.codes))
        elif frame[name].dtype == object or isinstance(frame[name].dtype, pd.StringDtype):
            columns.append((name, h5py.string_dtype(), list(values)))
        else:
            columns.append((name, frame[name].dtype, frame[name].to_numpy()))
    records = np.zeros(len(frame), dtype=[(name, kind) for name, kind, _ in columns])
    for name, _, values in columns:
        records[name] = values
    return records


def _write_0_5(adata: AnnData, path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as f:
        uns: dict[str, Any] = {}
        _write_sparse_0_5(f, "X", adata.X)
        f.create_dataset("obs", data=_structured(adata.obs, uns))
        f.create_dataset("var", data=_structured(adata.var, uns))
        if adata.raw is not None:
            _write_sparse_0_5(f, "raw.X", adata.raw.X)
            f.create_dataset("raw.var", data=_structured(adata.raw.var, {}))
        arrays = {key: np.asarray(value) for key, value in adata.obsm.items()}
        if arrays:
            kind = [(key, value.dtype, value.shape[1:]) for key, value in arrays.items()]
            records = np.zeros(adata.n_obs, dtype=kind)
            for key, value in arrays.items():
                records[key] = value
            f.create_dataset("obsm", data=records)
        group = f.create_group("uns")
        for key, value in uns.items():
            if value.dtype == object:
                group.create_dataset(key, data=value, dtype=h5py.string_dtype())
            else:
                group.create_dataset(key, data=value)


class _Tree07:
    """What anndata 0.7 wrote, into an HDF5 or a zarr group."""

    def __init__(self, root: Any, zarr: bool) -> None:
        self.root, self.zarr = root, zarr

    def array(self, key: str, values: Any) -> Any:
        values = np.asarray(values)
        if values.dtype.kind not in "OU":
            if self.zarr:
                array = self.root.create_array(key, shape=values.shape, dtype=values.dtype)
                array[...] = values
                return array
            return self.root.create_dataset(key, data=values)
        if not self.zarr:
            import h5py

            return self.root.create_dataset(key, data=values, dtype=h5py.string_dtype())
        from numcodecs import VLenUTF8

        array = self.root.create_array(
            key, shape=values.shape, dtype=str, filters=[VLenUTF8()], fill_value=""
        )
        array[...] = values.astype(object)
        return array

    def frame(self, key: str, frame: Any) -> None:
        import pandas as pd

        group = self.root.create_group(key)
        index = frame.index.name or "_index"
        group.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.1.0"})
        columns = list(frame.columns)
        if self.zarr:
            group.attrs["column-order"] = columns
        else:
            import h5py

            group.attrs.create("column-order", columns, dtype=h5py.string_dtype())
        group.attrs["_index"] = index
        self.array(f"{key}/{index}", frame.index.to_numpy())
        for name in columns:
            values = frame[name].array
            if not isinstance(values, pd.Categorical):
                self.array(f"{key}/{name}", frame[name].to_numpy())
                continue
            codes = self.array(f"{key}/{name}", values.codes)
            home = f"{key}/__categories/{name}"
            categories = self.array(home, values.categories.to_numpy())
            categories.attrs["ordered"] = bool(values.ordered)
            codes.attrs["categories"] = f"__categories/{name}" if self.zarr else categories.ref

    def matrix(self, key: str, value: Any) -> None:
        import pandas as pd

        if value is None:
            return
        if isinstance(value, pd.DataFrame):
            self.frame(key, value)
        elif issparse(value):
            group = self.root.create_group(key)
            group.attrs["encoding-type"] = f"{value.format}_matrix"
            group.attrs["encoding-version"] = "0.1.0"
            group.attrs["shape"] = list(value.shape)
            for part in ("data", "indices", "indptr"):
                self.array(f"{key}/{part}", getattr(value, part))
        else:
            self.array(key, value)

    def write(self, adata: AnnData) -> None:
        self.matrix("X", adata.X)
        self.frame("obs", adata.obs)
        self.frame("var", adata.var)
        for key in ("obsm", "varm", "obsp", "layers", "uns"):
            self.root.create_group(key)
        for slot, held in (("obsm", adata.obsm), ("layers", layers_of(adata))):
            for key, value in held.items():
                self.matrix(f"{slot}/{key}", value)
        if adata.raw is not None:
            self.root.create_group("raw")
            self.matrix("raw/X", adata.raw.X)
            self.frame("raw/var", adata.raw.var)
            self.root.create_group("raw/varm")


def _write_0_7(adata: AnnData, path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as f:
        _Tree07(f, zarr=False).write(adata)


def _write_zarr_0_7(adata: AnnData, path: Path) -> None:
    import zarr

    root = zarr.open_group(path, mode="w", zarr_format=2)
    _Tree07(root, zarr=True).write(adata)
    zarr.consolidate_metadata(str(path), zarr_format=2)


# ------------------------------------------------------------------- changes to written zarr


def _stale(adata: AnnData, path: Path) -> None:
    """Everything but the last obs column, consolidated; then that column, not consolidated."""
    import pandas as pd
    import zarr

    last = adata.obs.columns[-1]
    first = adata.copy()
    del first.obs[last]
    _zarr(3)(first, path)
    root = zarr.open_group(path, mode="r+", use_consolidated=False)
    values = adata.obs[last].array
    plain = type(values) is pd.arrays.NumpyExtensionArray  # StringArray is a subclass
    _dispatch(root["obs"], values.to_numpy() if plain else values, last)
    root["obs"].attrs["column-order"] = list(adata.obs.columns)


def _codec(module: str, name: str, dims: int | None = None, **options: Any) -> Any:
    """Maker of a codec, imported only when used, for arrays of so many dimensions or for all."""

    def make(of_dims: int) -> Any:
        from importlib import import_module

        if dims not in (None, of_dims):
            return None
        return getattr(import_module(module), name)(**options)

    return make


def _no_raw(adata: AnnData) -> None:
    adata.raw = None


def _no_x(adata: AnnData) -> None:
    adata.X = None


def _named_index(adata: AnnData) -> None:
    adata.obs.index.name = "barcode"
    adata.var.index.name = "symbol"


def _all_kinds() -> dict[str, StoreKind]:
    kinds: dict[str, StoreKind] = {}

    def add(
        name: str,
        write: Callable[[AnnData, Path], None],
        becomes: Callable[[AnnData], None] | None = None,
        *,
        suffix: str = "",
        anndata_reads: bool = True,
    ) -> None:
        suffix = suffix or f".{name.partition('-')[0]}"
        kinds[name] = StoreKind(name, suffix, write, becomes, anndata_reads)

    add("h5ad", _as_anndata_does)
    add("h5ad-0.5", _write_0_5, _of_0_5)
    add("h5ad-0.7", _write_0_7, _before_nullable)
    add("h5ad-gzip", _h5ad(split=SPLIT, compression="gzip", compression_opts=1))
    add("h5ad-gzip-shuffle", _h5ad(split=SPLIT, compression="gzip", shuffle=True))
    add("h5ad-lzf", _h5ad(split=SPLIT, compression="lzf"))
    add("h5ad-fletcher32", _h5ad(split=SPLIT, fletcher32=True))
    add("h5ad-chunked", _h5ad(split=SPLIT))
    add("h5ad-libver-latest", _h5ad(split=SPLIT, file={"libver": "latest"}))
    add("h5ad-userblock", _h5ad(split=SPLIT, file={"userblock_size": 512}))
    add("h5ad-contiguous", _h5ad(after=_contiguous))
    add("h5ad-big-endian", _h5ad(after=_big_endian), anndata_reads=False)
    add("h5ad-int64-index", _h5ad(after=_index_dtype("int64")))
    add("h5ad-uint32-index", _h5ad(after=_index_dtype("uint32")))
    add("h5ad-float16", _sparse_float16, _dense_float16, anndata_reads=False)
    add("h5ad-bool", _h5ad(), _to_dtype("bool"))
    add("h5ad-unsorted", _h5ad(after=_unsorted))
    add("h5ad-csc", _h5ad(split=SPLIT, compression="gzip"), _to_format("csc"))
    add("h5ad-dense", _h5ad(), _to_format("dense"))
    add("h5ad-dense-gzip", _h5ad(split=SPLIT, compression="gzip"), _to_format("dense"))
    add("h5ad-dense-sparse-chunks", _h5ad(after=_only_chunks_with_values), _to_format("dense"))
    add("h5ad-nullable-string-index", _h5ad(after=_nullable_string_index))
    add("h5ad-fixed-bytes", _h5ad(after=_fixed_bytes))
    add("h5ad-bytes-attributes", _h5ad(after=_bytes_attributes))
    add("h5ad-named-index", _h5ad(), _named_index)
    add("h5ad-null-raw", _h5ad(null_raw=True), _no_raw)
    add("h5ad-without-x", _h5ad(), _no_x)
    add("h5ad-upper-case", _h5ad(), suffix=".H5AD")

    v2, v3 = "numcodecs", "zarr.codecs"
    add("zarr-v2", _zarr(2, native_text=True))
    add("zarr-v3", _zarr(3, native_text=True))
    add("zarr-v3-sharded", _zarr(3, split=SPLIT, shards=lambda d: (64,) if d == 1 else None))
    add("zarr-unconsolidated", _zarr(3, consolidate=False, split=SPLIT))
    add("zarr-v2-unconsolidated", _zarr(2, consolidate=False, split=SPLIT))
    add("zarr-stale-consolidated", _stale, anndata_reads=False)
    add("zarr-0.7", _write_zarr_0_7, _before_nullable)
    add("zarr-blosc", _zarr(2, split=SPLIT, compressor=_codec(v2, "Blosc", cname="lz4")))
    add("zarr-gzip", _zarr(2, split=SPLIT, compressor=_codec(v2, "GZip", level=1)))
    add("zarr-zlib", _zarr(2, split=SPLIT, compressor=_codec(v2, "Zlib", level=1)))
    add("zarr-lz4", _zarr(2, split=SPLIT, compressor=_codec(v2, "LZ4")))
    add("zarr-v2-uncompressed", _zarr(2, split=SPLIT, compressors=None))
    add("zarr-v3-blosc", _zarr(3, split=SPLIT, compressors=_codec(v3, "BloscCodec", cname="zstd")))
    add("zarr-v3-gzip", _zarr(3, split=SPLIT, compressors=_codec(v3, "GzipCodec", level=1)))
    add("zarr-v3-crc32c", _zarr(3, split=SPLIT, compressors=_codec(v3, "Crc32cCodec")))
    add("zarr-v3-uncompressed", _zarr(3, split=SPLIT, compressors=None))
    nested = {"name": "v2", "separator": "/"}
    add("zarr-v2-nested", _zarr(2, split=SPLIT, chunk_key_encoding=nested))
    add("zarr-v2-fortran", _zarr(2, split=SPLIT, order="F"), _to_format("dense"))
    add(
        "zarr-v3-transpose",
        _zarr(3, split=SPLIT, filters=_codec(v3, "TransposeCodec", dims=2, order=(1, 0))),
        _to_format("dense"),
    )
    add("zarr-dense", _zarr(3, split=SPLIT), _to_format("dense"))
    add("zarr-csc", _zarr(3, split=SPLIT), _to_format("csc"))
    add("zarr-float16", _zarr(3, split=SPLIT), _dense_float16)
    add("zarr-big-endian", _zarr(2, split=SPLIT, big_endian=True), anndata_reads=False)
    add(
        "zarr-dense-big-endian",
        _zarr(3, split=SPLIT, big_endian=True, serializer=_codec(v3, "BytesCodec", endian="big")),
        _to_format("dense"),
    )
    add("zarr-null-raw", _zarr(3), _no_raw)
    add("zarr-without-x", _zarr(3), _no_x)
    add("zarr-upper-case", _zarr(3), suffix=".ZARR")
    add("zarr-zip", _zarr_zip(3, zipfile.ZIP_STORED), suffix=".zarr.zip")
    add("zarr-zip-v2-deflated", _zarr_zip(2, zipfile.ZIP_DEFLATED), suffix=".zarr.zip")
    return kinds


STORE_KINDS: dict[str, StoreKind] = _all_kinds()
"""Every kind of store by name: ``STORE_KINDS["h5ad-lzf"](adata, path) -> path``."""
