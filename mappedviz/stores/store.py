"""A store: its address, the facts about it, and how this process reads it.

A :class:`Store` holds no open file. Metadata is read inside :meth:`Store.session`; rows are
read through chunk maps and a bounded pool of descriptors, so ten thousand stores need no
ten thousand handles and a store pickles as its path, its facts and its stamp.
"""

from __future__ import annotations

import os
import platform
import stat
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal, Self, cast

import numpy as np

from mappedviz._types import Array, PathLike, StoreKind
from mappedviz.errors import AbsentStoreError, MissingKeyError, StoreError
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.columns import Column, all_text
from mappedviz.formats.detect import store_kind
from mappedviz.formats.files import FilePool
from mappedviz.formats.foreign import named
from mappedviz.formats.frames import (
    ColumnFacts,
    column_facts,
    column_names,
    frame_length,
    read_column,
    read_index,
)
from mappedviz.formats.in_memory import MEMORY, Contents, contents_of
from mappedviz.formats.inodes import inode_of
from mappedviz.formats.matrices import SPARSE_PARTS
from mappedviz.formats.nodes import ArrayNode, GroupNode
from mappedviz.formats.obsm import read_field, read_obsm
from mappedviz.formats.registry import FORMATS
from mappedviz.formats.remote_client import request
from mappedviz.formats.remote_look import look_at
from mappedviz.formats.remote_options import noted, recall, snapshot
from mappedviz.formats.sniff import zarr_root_files
from mappedviz.formats.stamps import Stamp
from mappedviz.recipe.in_memory import adopt, given_object, is_anndata
from mappedviz.stores.facts import StoreFacts, read_facts
from mappedviz.stores.places import matrix_at, raw_part, uns_of
from mappedviz.stores.pointers import PointerRecord
from mappedviz.stores.session import session_of
from mappedviz.text.addresses import absolute, base_name, in_memory, is_url

if TYPE_CHECKING:
    from anndata import AnnData  # type: ignore[import-untyped]

    from mappedviz.gather.matrix import Matrix

#: Servers are asked no more often whether a store is what it was.
_SECONDS = 1.0

__all__ = ["Store", "open_store", "stamp_of"]


class Store:
    """One AnnData store, on disk or in memory, read-only.

    Parameters
    ----------
    path
        An ``.h5ad`` file, a ``.zarr`` directory or a ``.zarr.zip`` file; or an AnnData object,
        whose matrices are not copied.

    Raises
    ------
    StoreError
        There is no such store, or it is none; the message says what it is.
    ElementError
        It is a store, but obs, var or a matrix contradict each other.

    Examples
    --------
    >>> from mappedviz.stores.store import open_store
    >>> from mappedviz.datasets import demo
    >>> store = open_store(demo() / "berlin.h5ad")
    >>> store.facts.n_obs, store.facts.n_vars, sorted(store.facts.matrices)
    (700, 640, ['X'])
    """

    _contents: Contents | None

    def __init__(self, path: PathLike | AnnData) -> None:
        self._locate(path)
        with self.session() as root, named(self.path):
            self.facts = read_facts(root, self.kind)

    @classmethod
    @contextmanager
    def opened(cls, path: PathLike | AnnData) -> Iterator[Self]:
        """A new store inside its first session: what is read there opens no file again."""
        store = cls.__new__(cls)
        store._locate(path)
        with store.session() as root:
            with named(store.path):
                store.facts = read_facts(root, store.kind)
            yield store

    @classmethod
    def known(cls, address: str, facts: StoreFacts, stamp: Stamp) -> Self:
        """A store whose facts are known; no file is opened, and no server asked.

        Parameters
        ----------
        address
            Where it is, absolute.
        facts, stamp
            What was read of it, and what its stamp was then.
        """
        store = cls.__new__(cls)
        store.path, store.kind, store.facts = address, facts.kind, facts
        store._begin()
        store._watch(None if is_url(address) else FORMATS[facts.kind].watched(address), stamp)
        return store

    def _locate(self, path: PathLike | AnnData) -> None:
        self.path = absolute(given_object(path) if is_anndata(path) else path)
        self._begin()
        if in_memory(self.path):
            with named(self.path):
                self._contents = contents_of(self.path)
            self.kind: StoreKind = MEMORY
            return
        with named(self.path):
            self.kind = store_kind(self.path)
        watched = FORMATS[self.kind].watched(self.path)
        stamp = look_at(self.path).stamp if is_url(self.path) else Stamp.of(watched)
        self._watch(watched, stamp)

    def _begin(self) -> None:
        self._own_cache: ChunkCache | None = None
        #: Folder of the cache that keeps row pointers of a remote store.
        self.kept_in: str | None = None
        self._machine = platform.node()
        self._contents = None

    def _watch(self, watched: str | None, stamp: Stamp) -> None:
        self._watched = (
            watched or ""
        )  # of a known store at a URL, its server says it: see `_object`
        self._unchanged = stamp.mtime_ns, stamp.size, stamp.inode
        self._etag, self._checked_at = stamp.etag, time.monotonic()

    @property
    def stamp(self) -> Stamp:
        """Stamp of the content that it had when it was opened."""
        mtime_ns, size, inode = self._unchanged
        return Stamp(size, mtime_ns, inode, self._etag)

    @property
    def name(self) -> str:
        """File name, for people."""
        return base_name(self.path)

    def __repr__(self) -> str:
        return f"Store({self.path!r}: {self.facts.n_obs} obs × {self.facts.n_vars} vars)"

    def __getstate__(self) -> dict[str, Any]:
        kept = {**self.__dict__, "_own_cache": None, "_checked_at": 0.0}
        kept.pop("_threads", None)
        return {**kept, "_options": snapshot([self.path])}

    def __setstate__(self, state: dict[str, Any]) -> None:
        recall(state.pop("_options", {}))
        self.__dict__.update(state)
        if self._contents is not None:
            adopt(self.path, self._contents)
        elif self._machine != platform.node():  # another copy of the same file, perhaps
            self._unchanged = (*self._unchanged[:2], 0)

    @property
    def _here(self) -> threading.local:
        """What each thread has open, for nodes are not shared; made when something is, for stores are many."""
        found: threading.local | None = self.__dict__.get("_threads")
        return found or self.__dict__.setdefault("_threads", threading.local())

    def session(self) -> AbstractContextManager[GroupNode]:
        """The open root of the store; one opening serves all reads inside the ``with`` block."""
        if self._contents is not None:
            return nullcontext(self._contents.root)
        return session_of(self.path, self.kind, self._here)

    def check_unchanged(self) -> None:
        """Raise StoreError if the file is another one than when it was opened, or changed."""
        if self._contents is not None:
            self._contents.check_unchanged()
            return
        if is_url(self.path):
            self._ask_unchanged()
            return
        try:
            now = os.stat(self._watched)
        except OSError:
            now = None
        # Compared by hand: this is done after every row that is read singly.
        known = self._unchanged
        if now is None or known != (now.st_mtime_ns, now.st_size, now.st_ino if known[2] else 0):
            raise StoreError(
                "was removed while it was open" if now is None else "changed while it was open",
                store=self.path,
                remedy="Make the collection again to read the store as it is now.",
            )

    def check_same(self) -> None:
        """Raise StoreError if the store has another content than when it was opened.

        Of an AnnData object, obs and var are compared, and a sample of the values of its matrices.
        """
        self.check_unchanged()
        if self._contents is not None:
            self._contents.check_same()

    def _object(self) -> str:
        """The object whose stamp is that of a remote store."""
        self._watched = self._watched or FORMATS[self.kind].watched(self.path)
        return self._watched

    def _ask_unchanged(self) -> None:
        """Ask the server; seldom, as each of its answers is checked anyway."""
        if time.monotonic() - self._checked_at < _SECONDS:
            return
        try:
            request(self._object(), None, self.stamp, head=True)
        except AbsentStoreError as error:
            raise StoreError(
                "was removed while it was open",
                store=self.path,
                remedy="Make the collection again to read the store as it is now.",
            ) from error
        self._checked_at = time.monotonic()

    # --- metadata and columns ---------------------------------------------------------

    @property
    def obs_names(self) -> Array:
        """Names of the observations: objects (n_obs,) of type str."""
        with self.session() as root, named(self.path, "obs"):
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
            Of ``raw.X`` instead of X: the index, or a column, of raw.var.

        Returns
        -------
        ndarray
            Objects (n_vars,) of type str; ``""`` where the column has no value.

        Raises
        ------
        MissingKeyError
            No such column.
        ElementError
            The column is malformed.
        """
        frame = "raw.var" if raw else "var"
        with self.session() as root, named(self.path, frame):
            var = raw_part(root, "raw/var") if raw else root["var"]
            if column is None:
                return read_index(var)
            if column not in column_names(var):
                raise no_var_column(self.path, frame, column, column_names(var))
            uns, n_vars = uns_of(root, var), frame_length(var)
            values = read_column(var, column, uns=uns, length=n_vars).values()
            if values.dtype == object and all_text(values):
                return values
            # Numbers beside a missing one are stored as floats: 7157.0 is "7157" elsewhere.
            whole = values.dtype.kind == "f" and (values == np.rint(values))[values == values].all()
            text = (lambda value: str(int(value))) if whole else str
            names = ["" if value != value else text(value) for value in values.tolist()]
            return np.array(names, dtype=object)

    def obs_column(self, name: str) -> Column:
        """One column of obs.

        Raises
        ------
        MissingKeyError
            No such column.
        ElementError
            The column is malformed.
        """
        with self.session() as root, named(self.path, f"obs/{name}"):
            obs = root["obs"]
            return read_column(obs, name, uns=uns_of(root, obs), length=self.facts.n_obs)

    def column_facts(self, name: str, frame: Literal["obs", "var"] = "obs") -> ColumnFacts:
        """Kind and size of a column of obs or var, without reading it."""
        with self.session() as root, named(self.path, f"{frame}/{name}"):
            return column_facts(root[frame], name, uns=uns_of(root, root[frame]))

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
        with self.session() as root, named(self.path, key):
            kept = None
            if self.kept_in and is_url(self.path) and self.facts.matrices[key].kind == "csr":
                kept = PointerRecord(self.kept_in, self.path, key, self.stamp, self._object())
            return Matrix.open(matrix_at(root, key), cache, kept)

    def touch_matrix(self, key: str) -> None:
        """Ask the library for all that :meth:`open_matrix` asks of it, and keep nothing."""
        with self.session() as root, named(self.path, key):
            node = matrix_at(root, key)
            parts = [node] if isinstance(node, ArrayNode) else map(node.__getitem__, SPARSE_PARTS)
            for part in parts:
                cast(ArrayNode, part).touch()

    def open_obsm(self, key: str, cache: ChunkCache) -> Matrix | Array:
        """An obsm element: a matrix to read rows from, or (for odd ones) the whole array."""
        from mappedviz.gather.matrix import Matrix

        facts = self.facts.obsm[key]
        with self.session() as root, named(self.path, f"obsm/{key}"):
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


def no_var_column(path: str, frame: str, column: str, has: Sequence[str]) -> MissingKeyError:
    """Return the error that var, or that of raw, has no such column."""
    return MissingKeyError(
        f"{frame} has no column {column!r}, only {list(has)}",
        store=path,
        key="var_key",
        remedy="Give var_key per store as a dict, with None for the index.",
    )


def open_store(
    path: PathLike | AnnData, *, storage_options: Mapping[str, Any] | None = None
) -> Store:
    """Open one store; see :class:`Store`.

    Parameters
    ----------
    path
        A store, or the URL of one.
    storage_options
        How a URL is opened: see :doc:`/remote`.
    """
    return Store(noted(path, storage_options))


def stamp_of(address: str) -> Stamp:
    """Return what tells the content that a store has now from others.

    Parameters
    ----------
    address
        The store.

    Raises
    ------
    OSError
        There is none, or it is an object in memory, of which nothing tells the content.

    Examples
    --------
    >>> from mappedviz.datasets import demo
    >>> path = str(demo() / "berlin.h5ad")
    >>> stamp_of(path).size == (demo() / "berlin.h5ad").stat().st_size
    True
    """
    if in_memory(address):
        raise AbsentStoreError("is an object in memory, not a file", store=address)
    if is_url(address):
        stamp: Stamp = look_at(address).stamp
        return stamp
    status = os.stat(address)
    if stat.S_ISDIR(status.st_mode):  # the file at its root says when it was written
        return Stamp.of(next(iter(zarr_root_files(address)), address))
    return Stamp(status.st_size, status.st_mtime_ns, inode_of(status))
