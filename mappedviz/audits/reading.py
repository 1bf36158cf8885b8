"""Reading one store, once: its facts, its names, its obs columns, and a sample of its rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from mappedviz._types import Array, PathLike
from mappedviz.audits.columns import obs_facts
from mappedviz.audits.gene_marks import GeneMarks, gene_marks
from mappedviz.audits.samples import all_finite, sample_of
from mappedviz.audits.scan import RAW_VAR, Scan, ScanCancelledError, Wants
from mappedviz.collection.matrices import RAW
from mappedviz.collection.sources import KnownStore
from mappedviz.errors import MappedvizError, StoreError
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.consistency import contradictions
from mappedviz.formats.files import FilePool
from mappedviz.formats.frames import column_facts, column_names, read_column, read_index
from mappedviz.formats.nodes import GroupNode
from mappedviz.gather.row_hashes import hash_rows, hash_texts
from mappedviz.recipe.names import Names
from mappedviz.stores.evidence import evidence_of
from mappedviz.stores.places import raw_part
from mappedviz.stores.store import Store
from mappedviz.text.addresses import absolute, in_memory, is_url

if TYPE_CHECKING:
    from mappedviz.gather.matrix import Matrix

#: The column of var in which CELLxGENE marks variables whose values in X are no measurements.
FILTERED = "feature_is_filtered"
_T = TypeVar("_T")
_LARGEST_CSC = 20_000_000
_SOURCES = ("title", "citation", "doi", "dataset", "source", "url", "schema_version", "organism")


def scan_store(path: PathLike, wants: Wants = Wants()) -> Scan:  # noqa: B008 - frozen
    """Read what the tables need of one store; errors are kept, not raised.

    Parameters
    ----------
    path
        A store.
    wants
        What to read.

    Examples
    --------
    >>> from mappedviz.datasets import demo
    >>> scan = scan_store(demo() / "berlin.h5ad")
    >>> scan.n_obs, scan.samples["X"].scale, scan.obs["donor"].labels
    (700, 'counts', ('D1', 'D2', 'D3', 'D4'))
    >>> scan_store("nowhere.h5ad").error
    AbsentStoreError('does not exist')
    """
    scan = read_store(os.fspath(path), wants)
    scan.remember()
    return scan


def read_store(path: str, wants: Wants, stop: Callable[[], None] = lambda: None) -> Scan:
    """As :func:`scan_store`, but names are not remembered yet; `stop` may raise, to cancel.

    A store that changes meanwhile is read once more.
    """
    for _ in range(2):
        scan = _read(path, wants, stop)
        if scan.store is None:
            return scan
        with suppress(StoreError):
            scan.store.check_unchanged()
            return scan
    error = StoreError(
        "changed while it was read, twice",
        store=absolute(path),
        remedy="Wait until it is written.",
    )
    return Scan(path, error=error)


def _read(path: str, wants: Wants, stop: Callable[[], None]) -> Scan:
    """Read a store."""
    scan = Scan(path)
    if wants.every_column:
        with suppress(OSError):  # opening it says what is wrong
            scan.evidence = evidence_of(absolute(path))
    with ExitStack() as opened:
        try:
            store = opened.enter_context(Store.opened(path))
        except Exception as error:  # whatever it is, it is listed and the other stores go on
            scan.error = error.with_traceback(None)
            return scan
        known = scan.known = KnownStore(store)
        with store.session() as root:
            scan.names = _read_var(scan, store, root)
            scan.filtered = _filtered(root)
            stop()
            _read_obs(scan, known, root, wants, stop)
            scan.source = _source(scan, root)
            scan.contradictions = tuple(_kept(scan, "uns", partial(contradictions, root)) or ())
            _read_raw_names(scan, root, wants)
            matrices = _open(scan, store, _to_open(scan, wants))
            _read_obsm(scan, wants, stop)
    # Rows need no open file: HDF5 is free for others meanwhile.
    _read_rows(scan, matrices, wants, stop)
    _read_elsewhere(scan, wants, stop)
    scan.nbytes = _size(store)
    return scan


def is_complete(scan: Scan, wants: Wants) -> bool:
    """Return True if a scan has all that is wanted, apart from columns, which are read on demand."""
    return not (
        _to_open(scan, wants)
        or _obsm_to_read(scan, wants)
        or _elsewhere_to_open(scan, wants)
        or _lacks_raw_names(scan, wants)
        or (wants.obs_names and _lacks_obs_names(scan))
    )


def complete(scan: Scan, wants: Wants, stop: Callable[[], None]) -> None:
    """Read what a scan lacks of what is wanted; `stop` may raise, to cancel."""
    if scan.known is None or is_complete(scan, wants):
        return
    store = scan.known.store
    with store.session() as root:
        if wants.obs_names and _lacks_obs_names(scan):
            _read_obs_names(scan, root)
        _read_raw_names(scan, root, wants)
        matrices = _open(scan, store, _to_open(scan, wants))
        _read_obsm(scan, wants, stop)
    _read_rows(scan, matrices, wants, stop)
    _read_elsewhere(scan, wants, stop)


def _kept(scan: Scan, key: str, read: Callable[[], _T]) -> _T | None:
    """Return what `read` returns, or None with the error noted."""
    try:
        return read()
    except ScanCancelledError:
        raise
    except Exception as error:
        scan.broken[key] = error.with_traceback(None)
        return None


# --- var and obs ----------------------------------------------------------------------------


def _read_var(
    scan: Scan, store: Store, root: GroupNode, *, raw: bool = False
) -> dict[str | None, Names]:
    """The names of the variables, or of those of raw; damage is noted."""
    found: dict[str | None, Names] = {}
    index, frame = (RAW_VAR, RAW_VAR) if raw else ("var_names", "var")
    for column in (None, *_text_columns(root, raw=raw)):
        key = index if column is None else f"{frame}/{column}"
        try:
            values = store.read_var_names(column, raw=raw)
        except Exception as error:
            scan.broken = {**scan.broken, key: error.with_traceback(None)}
            continue
        if column is None or _identifies(values):
            found[column] = Names.of(values)
    return found


def _identifies(values: Array) -> bool:
    """Whether a column tells variables apart; it may have gaps."""
    named = values[values != ""]
    return len(set(named.tolist())) > 0.9 * len(named) > 0.45 * len(values)


def _filtered(root: GroupNode) -> int | None:
    """The number of variables that are marked as filtered; see :attr:`Scan.filtered`."""
    try:
        column = read_column(root["var"], FILTERED)
    except Exception:  # there is none, or nobody can read it
        return None
    if column.kind != "boolean" or column.data is None:
        return None
    marked = column.data if column.missing is None else column.data & ~column.missing
    return int(marked.sum())


def _text_columns(root: GroupNode, *, raw: bool) -> list[str]:
    """Columns of var that may identify a variable: text, not all alike."""
    try:
        var = raw_part(root, RAW_VAR) if raw else root["var"]
    except MappedvizError:  # reading its index says what is wrong
        return []
    uns = _uns(root)
    names = []
    for name in column_names(var):
        try:
            facts = column_facts(var, name, uns=uns)
        except Exception:  # noqa: S112 - reading it says what is wrong, if anybody reads it
            continue
        few = facts.kind == "categorical" and _n_categories(facts.dtype) < 0.9 * facts.length
        if facts.kind in ("string", "categorical") and not few:
            names.append(name)
    return names


def _uns(root: GroupNode) -> GroupNode | None:
    try:
        node = root["uns"] if "uns" in root else None  # noqa: SIM401 - a GroupNode has no get()
    except MappedvizError:  # whatever reads of it says what is wrong
        return None
    return node if isinstance(node, GroupNode) else None


def _n_categories(dtype: str) -> int:
    return int(dtype.removeprefix("category(").rstrip(")"))


def _read_obs(
    scan: Scan, known: KnownStore, root: GroupNode, wants: Wants, stop: Callable[[], None]
) -> None:
    store = known.store
    for name in store.facts.obs_columns:
        stop()
        column = _kept(scan, f"obs/{name}", partial(store.obs_column, name))
        if column is None:
            continue
        facts = _kept(scan, f"obs/{name}", partial(obs_facts, column))
        if facts is not None:
            scan.obs[name] = facts
        few = facts is not None and facts.labels is not None
        if name in wants.columns or (few and wants.every_column):
            known.keep_column(name, column)
    if wants.obs_names:
        _read_obs_names(scan, root)


def _lacks_obs_names(scan: Scan) -> bool:
    return scan.obs_hashes is None and "obs_names" not in scan.broken


def _read_obs_names(scan: Scan, root: GroupNode) -> None:
    scan.obs_hashes = _kept(scan, "obs_names", lambda: hash_texts(read_index(root["obs"])))


def _lacks_raw_names(scan: Scan, wants: Wants) -> bool:
    if scan.store is None or scan.raw_names or RAW_VAR in scan.broken:
        return False
    return RAW in wants.slots(scan.store)


def _read_raw_names(scan: Scan, root: GroupNode, wants: Wants) -> None:
    if _lacks_raw_names(scan, wants):
        assert scan.store is not None
        scan.raw_names = _read_var(scan, scan.store, root, raw=True)


# --- rows -----------------------------------------------------------------------------------


def _to_open(scan: Scan, wants: Wants) -> list[str]:
    """The matrices of which rows are wanted that the scan lacks."""
    if scan.known is None:
        return []
    slots = wants.slots(scan.known.store)
    keys = {key: None for key in slots if _lacks_sample(scan, key, wants.rows)}
    if wants.deep and scan.row_hashes is None and None in scan.names:
        keys["X"] = None
    there = scan.known.store.facts.matrices
    return [key for key in keys if key in there and key not in scan.broken]


def _elsewhere_to_open(scan: Scan, wants: Wants) -> list[str]:
    keys = [key for key in scan.others(wants) if _lacks_sample(scan, key, wants.rows)]
    return [key for key in keys if key not in scan.broken]


def _read_elsewhere(scan: Scan, wants: Wants, stop: Callable[[], None]) -> None:
    keys = _elsewhere_to_open(scan, wants)
    if keys:
        assert scan.store is not None
        with scan.store.session():
            matrices = _open(scan, scan.store, keys)
        _sample(scan, matrices, wants, stop)


def _lacks_sample(scan: Scan, key: str, rows: int) -> bool:
    assert scan.known is not None
    facts = scan.known.store.facts.matrices.get(key)
    if not rows or facts is None or 0 in facts.shape:
        return False
    if facts.kind == "csc" and (facts.nnz or 0) > _LARGEST_CSC:
        return False  # all of it would have to be read
    sample = scan.samples.get(key)
    if sample is None or sample.asked != rows:
        return True
    # A sample of raw.X may have been made before the names of its variables were read.
    return sample.hashes is None and None in _names_of(scan, key)


def _open(scan: Scan, store: Store, keys: Iterable[str]) -> dict[str, Matrix]:
    cache = ChunkCache(64 << 20, FilePool())
    opened = {key: _kept(scan, key, partial(store.open_matrix, key, cache)) for key in keys}
    return {key: matrix for key, matrix in opened.items() if matrix is not None}


def _obsm_to_read(scan: Scan, wants: Wants) -> list[str]:
    if scan.known is None or not wants.rows:
        return []
    there = scan.known.store.facts.obsm
    return [
        key
        for key in wants.obsm_of(scan.known.store)
        if key in there and key not in scan.obsm_finite and f"obsm/{key}" not in scan.broken
    ]


def _read_obsm(scan: Scan, wants: Wants, stop: Callable[[], None]) -> None:
    cache = ChunkCache(64 << 20, FilePool())
    for key in _obsm_to_read(scan, wants):
        stop()
        assert scan.known is not None
        store = scan.known.store
        finite = _kept(
            scan,
            f"obsm/{key}",
            lambda store=store, key=key: all_finite(store.open_obsm(key, cache), wants.rows),  # type: ignore[misc]
        )
        if finite is not None:
            scan.obsm_finite = {**scan.obsm_finite, key: finite}


def _read_rows(
    scan: Scan, matrices: dict[str, Matrix], wants: Wants, stop: Callable[[], None]
) -> None:
    assert scan.store is not None
    asked = wants.slots(scan.store)
    _sample(scan, {key: one for key, one in matrices.items() if key in asked}, wants, stop)
    if wants.deep and scan.row_hashes is None and "X" in matrices and "X" not in scan.broken:
        genes = scan.names[None].values
        scan.row_hashes = _kept(scan, "X", partial(hash_rows, matrices["X"], genes, stop))


def _sample(
    scan: Scan, matrices: dict[str, Matrix], wants: Wants, stop: Callable[[], None]
) -> None:
    for key, matrix in matrices.items():
        if _lacks_sample(scan, key, wants.rows):
            stop()
            marks = _marks(scan, key)
            sample = _kept(scan, key, partial(sample_of, matrix, key, wants.rows, marks))
            if sample is not None:
                scan.samples = {**scan.samples, key: sample}  # threads may be copying the old one


def _names_of(scan: Scan, key: str) -> dict[str | None, Names]:
    return scan.raw_names if key == RAW else scan.names


def _marks(scan: Scan, key: str) -> GeneMarks | None:
    """What is known of the genes of a matrix; None where their names are not."""
    names = _names_of(scan, key)
    if None not in names:
        return None
    return gene_marks([names[None], *(one for column, one in names.items() if column is not None)])


# --- the store as a whole -------------------------------------------------------------------


def _source(scan: Scan, root: GroupNode) -> tuple[str, ...]:
    """Names in uns that say where the data come from; damage is noted."""

    def listed() -> list[str]:
        node = root["uns"] if "uns" in root else None  # noqa: SIM401 - a GroupNode has no get()
        return node.keys() if isinstance(node, GroupNode) else []

    names = _kept(scan, "uns", listed) or []
    return tuple(name for name in names if any(word in name.lower() for word in _SOURCES))


def _size(store: Store) -> int | None:
    """Bytes on disk; None for a directory of very many files or behind a URL, and for an object in memory."""
    if store.facts.nbytes is not None or in_memory(store.path) or is_url(store.path):
        return store.facts.nbytes
    total = 0
    for seen, (folder, _, files) in enumerate(os.walk(store.path)):
        if seen > 20_000:
            return None
        total += sum(os.lstat(os.path.join(folder, file)).st_size for file in files)
    return total
