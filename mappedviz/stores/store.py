"""A store: its address, the facts about it, and how this process reads it.

A :class:`Store` holds no open file. Metadata is read inside :meth:`Store.session`; rows are
read through chunk maps and a bounded pool of descriptors, so ten thousand stores need no
ten thousand handles and a store pickles as its path, its facts and its stamp.
"""

from __future__ import annotations

import glob
import multiprocessing
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, cast

import numpy as np

from mappedviz._types import SUFFIXES, Array, PathLike, StoreKind
from mappedviz.errors import ElementError, MissingKeyError, StoreError, StoreWarning
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.columns import Column, all_text
from mappedviz.formats.detect import open_root, store_kind
from mappedviz.formats.files import FilePool, Stamp, os_error
from mappedviz.formats.forks import ForkSafeLock
from mappedviz.formats.frames import (
    ColumnFacts,
    column_facts,
    column_names,
    frame_length,
    read_column,
    read_index,
)
from mappedviz.formats.matrices import MatrixFacts, matrix_facts
from mappedviz.formats.nodes import ArrayNode, GroupNode
from mappedviz.formats.obsm import ObsmFacts, obsm_facts, read_field, read_obsm

if TYPE_CHECKING:
    from mappedviz.gather.matrix import Matrix

_T = TypeVar("_T")
_SUFFIXES = tuple(suffix for each in SUFFIXES.values() for suffix in each)


#: Lets one thread of this process into HDF5.
_one_in_hdf5 = ForkSafeLock(threading.RLock)


@dataclass(frozen=True)
class StoreFacts:
    """What one store contains, from its metadata, read once.

    Attributes
    ----------
    kind
        ``"h5ad"``, ``"zarr"`` or ``"zarr.zip"``.
    n_obs, n_vars
        Numbers of observations and variables.
    obs_columns, var_columns
        Names of the columns, the index left out.
    matrices
        ``"X"``, the names of the layers and ``"raw.X"`` -> what that matrix is. A store
        without X, or with a null-encoded raw, has no such entry.
    obsm
        Names of the obsm elements -> what they are.
    nbytes
        Size on disk where that is one file; None for a directory.
    encoding
        The encoding of obs: ``"dataframe 0.2.0"``, ``"dataframe 0.1.0"``, or ``"structured array"``.
    """

    kind: StoreKind
    n_obs: int
    n_vars: int
    obs_columns: tuple[str, ...]
    var_columns: tuple[str, ...]
    matrices: dict[str, MatrixFacts]
    obsm: dict[str, ObsmFacts]
    nbytes: int | None
    encoding: str


class Store:
    """One AnnData store on disk, read-only.

    Parameters
    ----------
    path
        An ``.h5ad`` file, a ``.zarr`` directory or a ``.zarr.zip`` file.

    Raises
    ------
    StoreError
        There is no such store, or it is none; the message says what it is.
    ElementError
        It is a store, but obs, var or a matrix contradict each other.

    Examples
    --------
    >>> from mappedviz.stores.store import open_store
    >>> store = open_store("notebooks/data/10x_pbmc68k_reduced.h5ad")
    >>> store.facts.n_obs, store.facts.n_vars, sorted(store.facts.matrices)
    (700, 765, ['X', 'raw.X'])
    """

    def __init__(self, path: PathLike) -> None:
        self._locate(path)
        with self.session() as root:
            self.facts = _read_facts(root, self.kind)

    @classmethod
    @contextmanager
    def opened(cls, path: PathLike) -> Iterator[Self]:
        """A new store inside its first session: what is read there opens no file again."""
        store = cls.__new__(cls)
        store._locate(path)
        with store.session() as root:
            store.facts = _read_facts(root, store.kind)
            yield store

    def _locate(self, path: PathLike) -> None:
        self.path = os.path.abspath(os.fspath(path))
        self.kind: StoreKind = store_kind(self.path)
        self._here = threading.local()  # open nodes are not shared between threads
        self._own_cache: ChunkCache | None = None
        self._watched = _watched_file(self.path, self.kind)
        stamp = Stamp.of(self._watched)
        self._unchanged = stamp.mtime_ns, stamp.size

    @property
    def name(self) -> str:
        """File name, for people."""
        return Path(self.path).name

    def __repr__(self) -> str:
        return f"Store({self.path!r}: {self.facts.n_obs} obs × {self.facts.n_vars} vars)"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_here": None, "_own_cache": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _here=threading.local())

    @contextmanager
    def session(self) -> Iterator[GroupNode]:
        """The open root of the store; one opening serves all reads inside the ``with`` block."""
        opened: GroupNode | None = getattr(self._here, "root", None)
        if opened is not None:
            yield opened
            return
        # HDF5 serves one thread at a time anyway, and h5py has crashed with several of them.
        with (
            _one_in_hdf5() if self.kind == "h5ad" else nullcontext(),
            open_root(self.path, self.kind) as root,
        ):
            self._here.root = root
            try:
                yield root
            finally:
                self._here.root = None

    def check_unchanged(self) -> None:
        """Raise StoreError if the file is another one than when it was opened, or changed."""
        try:
            now = os.stat(self._watched)
        except OSError:
            now = None
        # Compared by hand: this is done after every row that is read singly.
        if now is None or (now.st_mtime_ns, now.st_size) != self._unchanged:
            raise StoreError(
                "was removed while it was open" if now is None else "changed while it was open",
                store=self.path,
                remedy="Make the collection again to read the store as it is now.",
            )

    # --- metadata and columns ---------------------------------------------------------

    @property
    def obs_names(self) -> Array:
        """Names of the observations: objects (n_obs,) of type str."""
        with self.session() as root:
            return read_index(root["obs"])

    @property
    def var_names(self) -> Array:
        """Names of the variables: objects (n_vars,) of type str."""
        return self.read_var_names()

    def read_var_names(self, column: str | None = None, *, raw: bool = False) -> Array:
        """Names of the variables: the index, or the text of a column of var.

        Parameters
        ----------
        column
            A column of var, such as ``"gene_ids"``; None for the index.
        raw
            Of ``raw.X`` instead of X.

        Returns
        -------
        ndarray
            Objects (n_vars,) of type str.

        Raises
        ------
        MissingKeyError
            No such column.
        ElementError
            The column has missing values.
        """
        with self.session() as root:
            var = _element(root, "raw/var") if raw else root["var"]
            if column is None:
                return read_index(var)
            if column not in column_names(var):
                raise MissingKeyError(
                    f"var has no column {column!r}, only {list(column_names(var))}",
                    store=self.path,
                    key="var_key",
                    remedy="Give var_key per store as a dict, with None for the index.",
                )
            uns = _group(root, "uns")
            values = read_column(var, column, uns=uns, length=self.facts.n_vars).values()
            if values.dtype == object and all_text(values):
                return values
            absent = sum(value != value for value in values)
            if absent:
                raise ElementError(
                    f"has {absent} missing values, so it names not every variable",
                    store=self.path,
                    key=f"var/{column}",
                    remedy="Join by another column, or by the index.",
                )
            return np.array([str(value) for value in values], dtype=object)

    def obs_column(self, name: str) -> Column:
        """One column of obs.

        Raises
        ------
        MissingKeyError
            No such column.
        ElementError
            The column is malformed.
        """
        with self.session() as root:
            return read_column(root["obs"], name, uns=_group(root, "uns"), length=self.facts.n_obs)

    def column_facts(self, name: str, frame: Literal["obs", "var"] = "obs") -> ColumnFacts:
        """What a column of obs or var is, without reading it."""
        with self.session() as root:
            return column_facts(root[frame], name, uns=_group(root, "uns"))

    # --- rows -------------------------------------------------------------------------

    def open_matrix(self, key: str, cache: ChunkCache) -> Matrix:
        """The matrix ``"X"``, ``"raw.X"`` or a layer, ready for reading rows in this process.

        Raises
        ------
        MissingKeyError
            The store has no such matrix.
        """
        from mappedviz.gather.matrix import Matrix

        if key not in self.facts.matrices:
            raise self._no_matrix(key)
        with self.session() as root:
            return Matrix.open(_matrix_node(root, key), cache)

    def open_obsm(self, key: str, cache: ChunkCache) -> Matrix | Array:
        """An obsm element: a matrix to read rows from, or (for odd ones) the whole array."""
        from mappedviz.gather.matrix import Matrix

        facts = self.facts.obsm[key]
        with self.session() as root:
            elements = root["obsm"]
            if isinstance(elements, ArrayNode):
                return read_field(elements, key)
            node = elements[key]
            if facts.kind in ("dense", "csr") and len(facts.shape) == 2:
                return Matrix.open(node, cache)
            return read_obsm(node)

    def read_rows(self, key: str, rows: Sequence[int] | Array) -> Array:
        """Some rows of a matrix, dense and in the stored type: (k, n_vars), in request order.

        Parameters
        ----------
        key
            ``"X"``, ``"raw.X"`` or a layer.
        rows
            Row numbers from 0; repeats are welcome.

        Raises
        ------
        IndexError
            A row is out of range.
        """
        from mappedviz.gather.request import Part
        from mappedviz.gather.rows import gather_dense

        if self._own_cache is None:
            self._own_cache = ChunkCache(64 << 20, FilePool())
        matrix = self.open_matrix(key, self._own_cache)
        wanted = np.asarray(rows, dtype=np.int64)
        n_obs, n_vars = matrix.facts.shape
        if len(wanted) and not (wanted.min() >= 0 and wanted.max() < n_obs):
            raise IndexError(f"{self.path}, {key}: rows {wanted.min()} … {wanted.max()} of {n_obs}")
        out = np.empty((len(wanted), n_vars), dtype=matrix.facts.dtype)
        gather_dense([Part(matrix, wanted, np.arange(len(wanted)), None)], out)
        self.check_unchanged()
        return out

    def close(self) -> None:
        """Drop what was cached; a later read opens the store again."""
        self._own_cache = None

    def _no_matrix(self, key: str) -> MissingKeyError:
        return MissingKeyError(
            f"no matrix {key!r}, only {sorted(self.facts.matrices)}",
            store=self.path,
            key=key,
            remedy="Ask for one of these.",
        )


def open_store(path: PathLike) -> Store:
    """Open one store; see :class:`Store`."""
    return Store(path)


def open_stores(
    paths: Iterable[PathLike],
    then: Callable[[Store], _T],
    *,
    on_error: Literal["raise", "skip"] = "raise",
    timeout: float | None = None,
    failed: Mapping[str, StoreError] | None = None,
) -> list[tuple[Store, _T]]:
    """Open stores one after the other and do something with each while its file is open.

    Parameters
    ----------
    paths
        Paths of stores.
    then
        Called with each store inside its session; its result is returned.
    on_error
        ``"skip"`` leaves a store that cannot be opened out, with a :class:`StoreWarning` that
        lists all of them at the end.
    timeout
        Seconds that one store may take. A crafted or damaged HDF5 file can make the library
        spin forever, and nothing inside the process can stop it; with a timeout each store is
        first opened in a child process, which can be ended.
    failed
        Paths that are known to be no stores, and why: see :func:`expand_paths`.

    Returns
    -------
    list of (Store, result)
    """
    wanted = [os.fspath(path) for path in paths]
    trouble = dict(failed or {})
    if timeout is not None:
        trouble |= unopenable([path for path in wanted if path not in trouble], timeout)
    opened: list[tuple[Store, _T]] = []
    skipped: list[str] = []
    for path in wanted:
        try:
            if path in trouble:
                raise trouble[path]
            with Store.opened(path) as store:
                opened.append((store, then(store)))
        except StoreError as error:
            if on_error == "raise":
                raise
            skipped.append(str(error))
    if skipped:
        warnings.warn(
            f"left out {len(skipped)} of {len(wanted)} stores:\n" + "\n".join(skipped),
            StoreWarning,
            stacklevel=3,
        )
    return opened


def expand_paths(
    paths: Iterable[PathLike], failed: dict[str, StoreError] | None = None
) -> list[str]:
    """Paths of stores: globs and directories of stores are replaced by what they hold, sorted.

    Parameters
    ----------
    paths
        Stores, patterns such as ``"data/*.h5ad"``, or directories that hold stores.
    failed
        Where given, a pattern that matches nothing and a directory without stores stay as they
        are, and why is noted here; else that is raised.

    Raises
    ------
    StoreError
        A pattern matches nothing, or a directory holds no store.

    Examples
    --------
    >>> [Path(path).name for path in expand_paths(["notebooks/data/10x*.h5ad"])]
    ['10x_pbmc68k_reduced.h5ad']
    """
    found: list[str] = []
    for path in paths:
        text = os.fspath(path)
        try:
            found += _stores_at(text)
        except StoreError as error:
            if failed is None:
                raise
            failed[text] = error.with_traceback(None)
            found.append(text)
    return found


def _stores_at(path: str) -> list[str]:
    """What a path, a directory of stores or a pattern stands for."""
    inside: list[str] | None = None
    try:
        if os.path.isdir(path) and not _root_files(path):
            inside = [
                entry.path for entry in os.scandir(path) if entry.name.lower().endswith(_SUFFIXES)
            ]
    except OSError as error:
        raise os_error(error, path) from error
    if inside is None and (os.path.lexists(path) or not glob.has_magic(path)):
        return [path]
    matches = sorted(glob.glob(path, recursive=True) if inside is None else inside)
    if not matches and inside is None:
        raise StoreError(
            "matches no file",
            store=path,
            remedy="Check the pattern and the folder that it starts from.",
        )
    if not matches:
        raise StoreError(
            "is a directory without .h5ad files or .zarr stores",
            store=path,
            remedy="Name a directory that holds stores, or the stores themselves.",
        )
    return matches


def _root_files(path: str) -> list[str]:
    """The files at the root of a directory that make it a zarr store."""
    names = ("zarr.json", ".zgroup", ".zattrs", ".zmetadata")
    return [str(file) for name in names if (file := Path(path, name)).exists()]


def _watched_file(path: str, kind: StoreKind) -> str:
    """The file whose stamp tells whether a store changed: its own, or the root metadata."""
    return _root_files(path)[0] if kind == "zarr" else path


def _group(root: GroupNode, name: str) -> GroupNode | None:
    if name not in root:
        return None
    node = root[name]
    return None if isinstance(node, ArrayNode) else node


def _has(root: GroupNode, name: str) -> bool:
    """Whether a part of raw is there, which may itself be null-encoded."""
    raw = _group(root, "raw")
    return name.replace("/", ".") in root if raw is None else name.removeprefix("raw/") in raw


def _element(root: GroupNode, name: str) -> GroupNode | ArrayNode:
    """A part of raw; anndata 0.5 kept "raw.X" and "raw.var" beside X and var."""
    legacy = name.replace("/", ".")
    return root[legacy] if legacy in root else root[name]


def _matrix_node(root: GroupNode, key: str) -> GroupNode | ArrayNode:
    if key == "X":
        return root["X"]
    if key == "raw.X":
        return _element(root, "raw/X")
    return cast(GroupNode, root["layers"])[key]


def _read_facts(root: GroupNode, kind: StoreKind) -> StoreFacts:
    for name in ("obs", "var"):
        if name not in root:
            raise ElementError(
                f"has no {name!r}, only {root.keys()[:10]}, so it is no AnnData store",
                store=root.store,
                key="/",
                remedy="Write it with anndata.",
            )
    obs, var = root["obs"], root["var"]
    n_obs, n_vars = frame_length(obs), frame_length(var)
    matrices: dict[str, MatrixFacts] = {}
    if "X" in root:
        _add_matrix(matrices, "X", root["X"], (n_obs, n_vars))
    layers = _group(root, "layers")
    for name in layers.keys() if layers is not None else ():
        assert layers is not None
        if name in ("X", "raw.X"):
            raise ElementError(
                f"is called {name!r}, which stands for another matrix",
                store=root.store,
                key=f"layers/{name}",
                remedy="Rename the layer.",
            )
        _add_matrix(matrices, name, layers[name], (n_obs, n_vars))
    if _has(root, "raw/X") and _has(root, "raw/var"):
        n_raw = frame_length(_element(root, "raw/var"))
        _add_matrix(matrices, "raw.X", _element(root, "raw/X"), (n_obs, n_raw))
    obsm: dict[str, ObsmFacts] = {}
    for name, facts in obsm_facts(root["obsm"]).items() if "obsm" in root else ():
        if facts.shape[0] != n_obs:
            raise _wrong_shape(root, f"obsm/{name}", facts.shape, f"{n_obs} rows")
        obsm[name] = facts
    encoding = (
        "structured array"
        if isinstance(obs, ArrayNode)
        else f"{obs.attrs.get('encoding-type', 'unknown')} {obs.attrs.get('encoding-version', '')}"
    )
    nbytes = None if kind == "zarr" else Path(root.store).stat().st_size
    return StoreFacts(
        kind,
        n_obs,
        n_vars,
        column_names(obs),
        column_names(var),
        matrices,
        obsm,
        nbytes,
        encoding.strip(),
    )


def _add_matrix(
    matrices: dict[str, MatrixFacts],
    key: str,
    node: GroupNode | ArrayNode,
    shape: tuple[int, int],
) -> None:
    facts = matrix_facts(node)
    if facts is None:
        return
    if facts.shape != shape:
        raise _wrong_shape(node, node.name, facts.shape, f"{shape[0]} × {shape[1]}")
    matrices[key] = facts


def _wrong_shape(
    node: GroupNode | ArrayNode, key: str, shape: tuple[int, ...], wanted: str
) -> ElementError:
    found = " × ".join(str(n) for n in shape)
    return ElementError(
        f"is {found} where obs and var say {wanted}",
        store=node.store,
        key=key,
        remedy="Write the store again with anndata, or leave it out.",
    )


def unopenable(paths: list[str], timeout: float) -> dict[str, StoreError]:
    """Open each store in a child process; why some could not be opened in time, by path."""
    context = multiprocessing.get_context("spawn")
    trouble: dict[str, StoreError] = {}
    left = list(dict.fromkeys(paths))
    while left:
        ours, theirs = context.Pipe()
        child = context.Process(target=_open_all, args=(left, theirs), daemon=True)
        child.start()
        theirs.close()
        try:
            ours.recv()  # the child's imports are not the stores' time
            while left:
                if not ours.poll(timeout):
                    trouble[left[0]] = StoreError(
                        f"did not open within {timeout:g} s",
                        store=left[0],
                        remedy="The file may be damaged; check it, or raise open_timeout.",
                    )
                    left = left[1:]
                    break
                ours.recv()
                left = left[1:]
        except EOFError:  # the child died: the store it was at killed it
            if left:
                trouble[left[0]] = StoreError(
                    "ended the process that opened it",
                    store=left[0],
                    remedy="The file is damaged; leave it out.",
                )
                left = left[1:]
        finally:
            child.kill()
            child.join()
            ours.close()
    return trouble


def _open_all(paths: list[str], pipe: Any) -> None:
    pipe.send("ready")
    for path in paths:
        # The parent meets the same error and reports it.
        with suppress(Exception), Store.opened(path) as store:
            store.read_var_names()
            for name in store.facts.obs_columns:
                store.obs_column(name)
        pipe.send(path)
