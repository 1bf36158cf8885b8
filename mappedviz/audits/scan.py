"""What the tables need of each store, read once: many stores at a time, one bad one does no harm.

A scan opens a store, reads its facts, its names, its obs columns and a sample of its rows, and
closes it. What it found is plain data, kept for the next audit as long as the file is unchanged.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mappedviz._types import Array, PathLike, StoreKind
from mappedviz.errors import ElementError, MappedvizError, MissingKeyError
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.columns import Column
from mappedviz.formats.files import FilePool
from mappedviz.formats.forks import ForkSafeLock
from mappedviz.formats.frames import column_facts, read_index
from mappedviz.formats.nodes import ArrayNode, GroupNode
from mappedviz.gather.request import Part, sum_dtype
from mappedviz.gather.rows import gather_csr
from mappedviz.recipe.labels import Label, as_label
from mappedviz.stores.store import Store

if TYPE_CHECKING:
    from mappedviz.formats.matrices import MatrixFacts

SAMPLED_ROWS = 512
#: Columns with more distinct values than this are named, but their values are not kept.
MANY_VALUES = 2_000
_BLOCK = 16  # sampled rows that lie side by side: chunks hold many rows
_LARGEST_CSC = 20_000_000


class ScanCancelledError(MappedvizError):
    """A scan was cancelled through its event."""


# --- what is found --------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Names:
    """The names of the variables of one or more stores.

    Attributes
    ----------
    values
        Objects (n_vars,) of type str.
    key
        Equal for equal names in the same order.
    codes
        int32 (n_vars,): positions in the vocabulary that all names of this process share; empty
        as long as they are not shared.
    """

    values: Array
    key: bytes
    codes: Array = field(default_factory=lambda: np.empty(0, np.int32))

    @classmethod
    def of(cls, values: Array) -> Names:
        """Names that are not shared yet."""
        return cls(values, digest(values))

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class ObsFacts:
    """What one obs column of one store holds.

    Attributes
    ----------
    kind
        ``"categorical"``, ``"string"``, ``"integer"``, ``"float"`` or ``"boolean"``.
    dtype
        Its type as a person would say it: ``"category(12)"``.
    missing
        Rows without a value.
    labels, counts
        The values and how often each occurs, where there are few; else None. Categories
        that no row has are there with a count of 0.
    """

    kind: str
    dtype: str
    missing: int
    labels: tuple[Label, ...] | None = None
    counts: Array | None = None


@dataclass(frozen=True, eq=False)
class MatrixSample:
    """What some rows of a matrix say about it.

    Attributes
    ----------
    key
        ``"X"`` or a layer.
    rows
        Rows that were read.
    totals, exp_totals
        Sum of every row, and of expm1 of its values: float64 (rows,).
    genes
        Values that are not zero, per row: int64 (rows,).
    low, high
        Smallest and largest value.
    whole, finite
        Whether all values are whole numbers; whether none is NaN or infinite.
    seconds
        What reading one row somewhere in the file took.
    """

    key: str
    rows: int
    totals: Array
    exp_totals: Array
    genes: Array
    low: float
    high: float
    whole: bool
    finite: bool
    seconds: float

    @property
    def scale(self) -> str:
        """What the values are, on the evidence of the sample.

        ``"empty"``, ``"not finite"``, ``"scaled"`` (negative values), ``"counts"``, ``"log1p"`` (expm1
        of all rows sums to the same), ``"normalised"`` (all rows sum to the same), ``"logarithms"`` (no
        value is large), or ``"fractions"``.
        """
        filled = self.totals[self.genes > 0]
        if not len(filled):
            return "empty"
        if not self.finite:
            return "not finite"
        if self.low < 0:
            return "scaled"
        if self.whole:
            return "counts"
        if self.high < 30 and len(filled) > 1 and spread(self.exp_totals[self.genes > 0]) < 0.01:
            return "log1p"
        if len(filled) > 1 and spread(filled) < 0.01:
            return "normalised"
        return "logarithms" if self.high < 20 else "fractions"


def spread(values: Array) -> float:
    """Coefficient of variation: standard deviation over mean.

    Examples
    --------
    >>> spread(np.array([10.0, 10.0])), round(spread(np.array([5.0, 15.0])), 2)
    (0.0, 0.5)
    """
    mean = float(np.mean(values))
    return float(np.std(values)) / mean if mean else float("inf")


@dataclass(eq=False)
class Scan:
    """Everything that was read of one store.

    Attributes
    ----------
    path
        As it was given.
    store
        The store, which answers questions about names and columns from memory; None where it
        could not be opened.
    error
        Why it could not be opened.
    names
        The index of var, and under their names the text columns of var.
    obs
        The obs columns.
    columns
        The obs columns whose rows were asked for.
    samples
        Samples of matrices.
    obs_hashes
        uint64 (n_obs,) of the names of the observations.
    row_hashes
        uint64 (n_obs,) of the rows of X, if asked for.
    source
        What the store says about where it comes from: names in ``uns``.
    nbytes
        Size on disk.
    broken
        Elements that could not be read: key -> error.
    """

    path: str
    store: ScannedStore | None = None
    error: Exception | None = None
    names: dict[str | None, Names] = field(default_factory=dict)
    obs: dict[str, ObsFacts] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)
    samples: dict[str, MatrixSample] = field(default_factory=dict)
    obs_hashes: Array | None = None
    row_hashes: Array | None = None
    source: tuple[str, ...] = ()
    nbytes: int | None = None
    broken: dict[str, Exception] = field(default_factory=dict)
    wants: Wants | None = None

    @property
    def n_obs(self) -> int:
        """Rows of the store; 0 where it could not be opened."""
        return 0 if self.store is None else self.store.facts.n_obs


@dataclass(frozen=True)
class Wants:
    """What to read beyond the facts.

    Attributes
    ----------
    columns
        Obs columns whose rows are kept; of others only counts are.
    matrices
        Matrices that are sampled.
    rows
        Rows to sample of each; 0 for none.
    obs_names
        Whether the names of the observations are read.
    deep
        Whether all rows of X are read, for a hash of each.
    """

    columns: frozenset[str] = frozenset()
    matrices: tuple[str, ...] = ("X",)
    rows: int = SAMPLED_ROWS
    obs_names: bool = True
    deep: bool = False


# --- a store that remembers -----------------------------------------------------------------


class _LateRoot(GroupNode):
    """The root of a store, opened when something is read of it; it belongs to one thread."""

    def __init__(self, store: Store) -> None:
        self.store = store.path
        self.name = ""
        self.kind: StoreKind = store.kind
        self._of = store
        self._opened = ExitStack()
        self._root: GroupNode | None = None

    def _node(self) -> GroupNode:
        if self._root is None:
            self._root = self._opened.enter_context(Store.session(self._of))
        return self._root

    @property
    def attrs(self) -> Mapping[str, Any]:
        return self._node().attrs

    def keys(self) -> list[str]:
        return self._node().keys()

    def __contains__(self, name: object) -> bool:
        return name in self._node()

    def __getitem__(self, name: str) -> GroupNode | ArrayNode:
        return self._node()[name]

    def close(self) -> None:
        self._root = None
        self._opened.close()


class ScannedStore(Store):
    """A store that answers from memory what a scan has read of it already.

    It is a :class:`~mappedviz.Store` in all else, so that
    :meth:`MappedCollection.from_recipe(…, stores=…) <mappedviz.MappedCollection.from_recipe>` needs
    no second look at the files.
    """

    def _locate(self, path: PathLike) -> None:
        super()._locate(path)
        self._names: dict[tuple[str | None, bool], Array | Exception] = {}
        self._columns: dict[str, Column | Exception] = {}

    @contextmanager
    def session(self) -> Iterator[GroupNode]:
        """See :meth:`Store.session`; the file is opened when something is read of it."""
        held: _LateRoot | None = getattr(self._here, "late", None)
        if held is not None:
            yield held
            return
        held = self._here.late = _LateRoot(self)
        try:
            yield held
        finally:
            self._here.late = None
            held.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_names": {}, "_columns": {}}

    def read_var_names(self, column: str | None = None, *, raw: bool = False) -> Array:
        """See :meth:`Store.read_var_names`."""
        return cast(
            Array,
            _remembered(
                self._names, (column, raw), lambda: Store.read_var_names(self, column, raw=raw)
            ),
        )

    def obs_column(self, name: str) -> Column:
        """See :meth:`Store.obs_column`."""
        return cast(
            Column,
            _remembered(self._columns, name, lambda: _compact(Store.obs_column(self, name))),
        )

    def remember_names(self, column: str | None, names: Array | Exception) -> None:
        """Names, or the error that reading them raises, for :meth:`read_var_names`."""
        self._names[column, False] = names

    def remember_column(self, name: str, column: Column | Exception) -> None:
        """A column, or the error that reading it raises, for :meth:`obs_column`."""
        self._columns[name] = column


def _remembered(memory: dict[Any, Any], key: Any, read: Callable[[], Any]) -> Any:
    if key not in memory:
        try:
            memory[key] = read()
        except MissingKeyError:  # cheap, and not a property of the file
            raise
        except Exception as error:
            memory[key] = error
    if isinstance(memory[key], Exception):
        raise memory[key].with_traceback(None)
    return memory[key]


# --- one store ------------------------------------------------------------------------------


def scan_store(path: PathLike, wants: Wants = Wants()) -> Scan:
    """Read what the tables need of one store; errors are kept, not raised.

    Parameters
    ----------
    path
        A store.
    wants
        What to read.

    Examples
    --------
    >>> scan = scan_store("notebooks/data/pbmc5k_small_cd4_vs_cd8.h5ad")
    >>> scan.n_obs, scan.samples["X"].scale, dict(zip(scan.obs["cell_type"].labels,
    ...     scan.obs["cell_type"].counts.tolist()))
    (500, 'logarithms', {'CD4_T': 250, 'CD8_T': 250})
    >>> scan_store("nowhere.h5ad").error
    StoreError('does not exist')
    """
    scan = read_store(os.fspath(path), wants)
    intern_scan(scan)
    return scan


def read_store(path: str, wants: Wants, stop: Callable[[], None] = lambda: None) -> Scan:
    """As :func:`scan_store`, but the names are not shared yet; `stop` may raise, to cancel."""
    scan = Scan(path, wants=wants)
    with ExitStack() as opened:
        try:
            store = opened.enter_context(ScannedStore.opened(path))
        except Exception as error:  # whatever it is, it is listed and the other stores go on
            scan.error = error.with_traceback(None)
            return scan
        scan.store = store
        with store.session() as root:
            _read_var(scan, store, root)
            stop()
            _read_obs(scan, store, root, wants, stop)
            _read_rows(scan, store, wants, stop)
            scan.source = _source(root)
            scan.nbytes = _size(store)
    return scan


def _read_rows(scan: Scan, store: ScannedStore, wants: Wants, stop: Callable[[], None]) -> None:
    for key in wants.matrices if wants.rows else ():
        if key not in scan.samples and key not in scan.broken:
            stop()
            _read_sample(scan, store, key, wants.rows)
    if wants.deep and scan.row_hashes is None and "X" not in scan.broken:
        _read_row_hashes(scan, store, stop)


def top_up(scan: Scan, wants: Wants) -> None:
    """Read what a scan lacks of what is wanted; columns are read when they are asked for."""
    if scan.store is not None:
        with scan.store.session():
            _read_rows(scan, scan.store, wants, lambda: None)


def _kept(scan: Scan, key: str, read: Callable[[], Any]) -> Any:
    """What `read` returns, or None with the error noted."""
    try:
        return read()
    except Exception as error:
        scan.broken[key] = error.with_traceback(None)
        return None


def _read_var(scan: Scan, store: ScannedStore, root: GroupNode) -> None:
    for column in (None, *_text_columns(store, root)):
        key = "var_names" if column is None else f"var/{column}"
        try:
            values = store.read_var_names(column)
        except Exception as error:
            # A column with gaps is no identifier, but nothing is wrong with it.
            if column is None or not isinstance(error, ElementError) or "missing" not in str(error):
                scan.broken[key] = error
            continue
        if column is None or len(set(values.tolist())) > 0.9 * len(values):
            scan.names[column] = Names.of(values)


def _text_columns(store: Store, root: GroupNode) -> list[str]:
    """Columns of var that may identify a variable: text, not all alike."""
    var = root["var"]
    uns = _uns(root)
    names = []
    for name in store.facts.var_columns:
        try:
            facts = column_facts(var, name, uns=uns)
        except Exception:  # noqa: S112 - reading it says what is wrong, if anybody reads it
            continue
        few = facts.kind == "categorical" and _n_categories(facts.dtype) < 0.9 * facts.length
        if facts.kind in ("string", "categorical") and not few:
            names.append(name)
    return names


def _uns(root: GroupNode) -> GroupNode | None:
    node = root["uns"] if "uns" in root else None  # noqa: SIM401 - a GroupNode has no get()
    return node if isinstance(node, GroupNode) else None


def _n_categories(dtype: str) -> int:
    return int(dtype.removeprefix("category(").rstrip(")"))


def _read_obs(
    scan: Scan, store: ScannedStore, root: GroupNode, wants: Wants, stop: Callable[[], None]
) -> None:
    for name in store.facts.obs_columns:
        stop()
        column = _kept(scan, f"obs/{name}", partial(Store.obs_column, store, name))
        if column is None:
            store.remember_column(name, scan.broken[f"obs/{name}"])
            continue
        facts = _kept(scan, f"obs/{name}", partial(obs_facts, column))
        if facts is not None:
            scan.obs[name] = facts
        if name in wants.columns:
            scan.columns[name] = _compact(column)
    if wants.obs_names:
        names = _kept(scan, "obs_names", lambda: read_index(root["obs"]))
        if names is not None:
            scan.obs_hashes = hash_texts(names)


def _compact(column: Column) -> Column:
    """The same column in little memory: text as codes."""
    if column.kind != "string":
        return column
    codes, categories = column.factorized()
    return Column("categorical", codes.astype(np.int32), categories)


def hash_texts(texts: Array) -> Array:
    """uint64 (n,) of texts: equal for equal ones, in every process."""
    from pandas.util import hash_array

    return cast(Array, hash_array(np.asarray(texts, dtype=object), categorize=False))


def obs_facts(column: Column) -> ObsFacts:
    """What a column holds, with the counts of its values where they are few.

    Examples
    --------
    >>> facts = obs_facts(Column("categorical", np.array([0, 1, -1]), np.array(["B", "T"])))
    >>> facts.dtype, facts.labels, facts.counts.tolist(), facts.missing
    ('category(2)', ('B', 'T'), [1, 1], 1)
    """
    if column.codes is not None:
        assert column.categories is not None
        missing = int((column.codes < 0).sum())
        dtype = f"category({len(column.categories)})"
        if len(column.categories) > MANY_VALUES:
            return ObsFacts(column.kind, dtype, missing)
        return ObsFacts(column.kind, dtype, missing, *counted(column.codes, column.categories))
    assert column.data is not None
    missing = 0 if column.missing is None else int(column.missing.sum())
    dtype = "str" if column.data.dtype == object else str(column.data.dtype)
    if column.kind == "float" or not _few_values(column.data):
        return ObsFacts(column.kind, dtype, missing)
    codes, categories = column.factorized()
    if len(categories) > MANY_VALUES:
        return ObsFacts(column.kind, dtype, missing)
    return ObsFacts(column.kind, dtype, missing, *counted(codes, categories))


def _few_values(data: Array) -> bool:
    """Whether the beginning of a column does not show yet that all values differ."""
    head = data[: 4 * MANY_VALUES].tolist()
    return len(set(head)) <= MANY_VALUES


def counted(codes: Array, categories: Array) -> tuple[tuple[Label, ...], Array]:
    """Labels and the rows of each, of codes (n,) into categories; -1 is not counted."""
    counts = np.bincount(codes.astype(np.int64) + 1, minlength=len(categories) + 1)[1:]
    labels = [as_label(label) for label in categories.tolist()]
    named = [label is not None for label in labels]
    return tuple(label for label in labels if label is not None), counts[np.array(named, bool)]


# --- samples of rows ------------------------------------------------------------------------


def spread_rows(n_obs: int, rows: int, block: int = _BLOCK) -> list[Array]:
    """About `rows` row numbers in blocks that are spread evenly over a store.

    Examples
    --------
    >>> [part.tolist() for part in spread_rows(100, 4, block=2)]
    [[0, 1], [98, 99]]
    >>> [len(part) for part in spread_rows(10, 512)]
    [10]
    """
    if n_obs <= rows:
        return [np.arange(n_obs)] if n_obs else []
    n = max(rows // block, 1)
    starts = np.unique(np.linspace(0, n_obs - block, n).astype(np.int64))
    return [np.arange(start, start + block) for start in starts]


def _read_sample(scan: Scan, store: ScannedStore, key: str, rows: int) -> None:
    facts = store.facts.matrices.get(key)
    if facts is None or 0 in facts.shape:
        return
    if facts.kind == "csc" and (facts.nnz or 0) > _LARGEST_CSC:
        return  # all of it would have to be read
    sample = _kept(scan, key, lambda: _sample(store, key, facts, rows))
    if sample is not None:
        scan.samples[key] = sample


def _sample(store: ScannedStore, key: str, facts: MatrixFacts, rows: int) -> MatrixSample:
    matrix = store.open_matrix(key, ChunkCache(64 << 20, FilePool()))
    blocks = spread_rows(facts.shape[0], rows)
    firsts = np.array([block[0] for block in blocks])
    start = time.perf_counter()
    _rows_of(matrix, firsts)
    seconds = (time.perf_counter() - start) / len(firsts)
    totals, exp_totals, genes, ends = [], [], [], []
    whole = finite = True
    per_read = max(1, int(2_000_000 / max(facts.shape[1] * facts.density, 1)) // len(blocks[0]))
    for at in range(0, len(blocks), per_read):
        indptr, data = _rows_of(matrix, np.concatenate(blocks[at : at + per_read]))
        data = data.astype(np.float64, copy=False)
        row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        n = len(indptr) - 1
        finite = finite and bool(np.isfinite(data).all())
        with np.errstate(over="ignore", invalid="ignore"):
            totals.append(np.bincount(row, weights=data, minlength=n))
            exp_totals.append(np.bincount(row, weights=np.expm1(data), minlength=n))
            whole = whole and bool((data == np.rint(data)).all())
        genes.append(np.bincount(row, weights=data != 0, minlength=n).astype(np.int64))
        if len(data):
            ends += [float(data.min()), float(data.max())]
        if len(data) < n * facts.shape[1]:
            ends.append(0.0)
    return MatrixSample(
        key,
        sum(map(len, totals)),
        np.concatenate(totals),
        np.concatenate(exp_totals),
        np.concatenate(genes),
        min(ends),
        max(ends),
        whole,
        finite,
        seconds,
    )


def _rows_of(matrix: Any, rows: Array) -> tuple[Array, Array]:
    """Row pointers and values of some rows."""
    part = Part(matrix, rows, np.arange(len(rows)), None)
    dtype = sum_dtype(matrix.facts.dtype)  # entries may be repeated
    indptr, _, data = gather_csr([part], len(rows), matrix.facts.shape[1], dtype)
    return indptr, data


def _read_row_hashes(scan: Scan, store: ScannedStore, stop: Callable[[], None]) -> None:
    """A hash of every row of X: which genes have which values, by the names of the genes."""
    facts = store.facts.matrices.get("X")
    names = scan.names.get(None)
    if facts is None or names is None:
        return
    gene = hash_texts(names.values)

    def read() -> Array:
        matrix = store.open_matrix("X", ChunkCache(64 << 20, FilePool()))
        n_obs, n_vars = facts.shape
        hashes = np.zeros(n_obs, dtype=np.uint64)
        step = max(1, int(4_000_000 / max(n_vars * facts.density, 1)))
        for begin in range(0, n_obs, step):
            stop()
            rows = np.arange(begin, min(begin + step, n_obs))
            part = Part(matrix, rows, np.arange(len(rows)), None)
            indptr, indices, data = gather_csr([part], len(rows), n_vars, np.float64)
            # Summed, because the order of the genes must not matter; each pair of a gene and
            # its value is mixed first. Stored zeros say nothing.
            mixed = (data.view(np.uint64) ^ gene[indices]) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
            mixed *= np.uint64(0xBF58476D1CE4E5B9)
            mixed[data == 0] = 0
            sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)])
            hashes[begin : begin + len(rows)] = sums[indptr[1:]] - sums[indptr[:-1]]
        return hashes

    scan.row_hashes = _kept(scan, "X", read)


_SOURCES = ("title", "citation", "doi", "dataset", "source", "url", "schema_version", "organism")


def _source(root: GroupNode) -> tuple[str, ...]:
    """Names in uns that say where the data come from."""
    try:
        uns = _uns(root)
        names = uns.keys() if uns is not None else []
    except MappedvizError:
        return ()
    return tuple(name for name in names if any(word in name.lower() for word in _SOURCES))


def _size(store: Store) -> int | None:
    """Bytes on disk; None for a directory of very many files."""
    if store.facts.nbytes is not None:
        return store.facts.nbytes
    total = 0
    for seen, (folder, _, files) in enumerate(os.walk(store.path)):
        if seen > 20_000:
            return None
        total += sum(os.lstat(os.path.join(folder, file)).st_size for file in files)
    return total


# --- names that many stores share -----------------------------------------------------------


class Vocabulary:
    """Every name of a variable once, and its position."""

    def __init__(self) -> None:
        self._code_of: dict[str, int] = {}
        self._lists: dict[bytes, Names] = {}
        self._lock = ForkSafeLock()
        self._array = np.empty(0, dtype=object)

    def intern(self, names: Names) -> Names:
        """The same names with their codes; one object for all stores that have them alike."""
        with self._lock():
            if names.key not in self._lists:
                code_of = self._code_of
                codes = [code_of.setdefault(name, len(code_of)) for name in names.values.tolist()]
                self._lists[names.key] = replace(names, codes=np.array(codes, np.int32))
            return self._lists[names.key]

    @property
    def names(self) -> Array:
        """Objects (n,): the name of every code."""
        with self._lock():
            if len(self._array) != len(self._code_of):
                self._array = np.array(list(self._code_of), dtype=object)
            return self._array

    def clear(self) -> None:
        """Forget all names; those handed out stay valid, their codes do not."""
        self.__init__()  # type: ignore[misc]  # as new


def digest(names: Array) -> bytes:
    """Equal for equal names in the same order."""
    texts = names.tolist()
    text = "\x1f".join(texts)
    if text.count("\x1f") != max(len(texts) - 1, 0):  # a name holds the separator
        text = "".join(f"{len(name)}:{name}" for name in texts)
    head = f"{len(texts)} "
    return blake2b((head + text).encode("utf-8", "surrogatepass"), digest_size=16).digest()


VOCABULARY = Vocabulary()


def intern_scan(scan: Scan) -> None:
    """Let stores with the same names share them, and let the store answer from memory."""
    if scan.store is None:
        return
    for column, names in scan.names.items():
        shared = VOCABULARY.intern(names)
        scan.names[column] = shared
        scan.store.remember_names(column, shared.values)
    for key, error in scan.broken.items():
        if key == "var_names" or key.startswith("var/"):
            scan.store.remember_names(None if key == "var_names" else key[4:], error)
        elif key.startswith("obs/"):
            scan.store.remember_column(key[4:], error)
    for name, kept in scan.columns.items():
        scan.store.remember_column(name, kept)
