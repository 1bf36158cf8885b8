"""First contact: a store that is in no cache is read by a child process, which can be ended.

A crafted or half-copied HDF5 file can make the library spin for ever or crash, and nothing inside of
a process can stop it. So a child reads whatever is not known of a store yet, and what it read comes
back as a record; the process that asked never opens the file for its metadata.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from mappedviz._types import PathLike
from mappedviz.errors import StoreError
from mappedviz.formats.processors import processors
from mappedviz.formats.stamps import Stamp
from mappedviz.recipe.names import Names
from mappedviz.stores.children import Caller, in_children
from mappedviz.stores.deadline import EndedChildError
from mappedviz.stores.evidence import evidence_of
from mappedviz.stores.fact_cache import FactCache
from mappedviz.stores.records import Record, Section
from mappedviz.stores.sections import column_of, column_section, facts_of, facts_section
from mappedviz.stores.store import Store, stamp_of
from mappedviz.text.addresses import in_memory, is_url

if TYPE_CHECKING:
    from mappedviz.formats.columns import Column
    from mappedviz.stores.facts import StoreFacts

__all__ = ["OPEN_TIMEOUT", "Contact", "Found", "Wants"]

#: Seconds that the first contact with one store may take.
OPEN_TIMEOUT = 60.0

#: A child is worth its start for so many stores.
_STORES_PER_CHILD = 60
_MOST_CHILDREN = 16

#: Names of variables: of var or of raw.var, and which column of it (None: the index).
Where: TypeAlias = tuple[str, str | None]


@dataclass(frozen=True)
class Wants:
    """What to read of a store beside its facts.

    Attributes
    ----------
    columns
        Per obs key the columns of which the first that the store has is read.
    names
        Columns of var by which variables are known; None for the index.
    raw
        Whether those of raw.var are read as well.
    matrices
        Per key the matrices of which the first that the store has is opened, and nothing read of it.
    """

    columns: tuple[tuple[str, ...], ...] = ()
    names: tuple[str | None, ...] = ()
    raw: bool = False
    matrices: tuple[tuple[str, ...], ...] = ()

    def columns_of(self, facts: StoreFacts) -> list[str]:
        """Return the obs columns that are wanted of a store."""
        return _firsts(self.columns, facts.obs_columns)

    def matrices_of(self, facts: StoreFacts) -> list[str]:
        """Return the matrices that are wanted of a store."""
        return _firsts(self.matrices, tuple(facts.matrices))

    def names_of(self, facts: StoreFacts) -> list[Where]:
        """Return the names of variables that are wanted of a store."""
        frames = ("var", "raw.var") if self.raw and "raw.X" in facts.matrices else ("var",)
        return [(frame, column) for frame in frames for column in self.names]


def _names_section(where: Where) -> str:
    frame, column = where
    return f"names/{frame}" if column is None else f"names/{frame}/{column}"


def _firsts(choices: tuple[tuple[str, ...], ...], has: Sequence[str]) -> list[str]:
    found = (next((name for name in names if name in has), None) for names in choices)
    return list(dict.fromkeys(name for name in found if name is not None))


@dataclass(eq=False)
class Found:
    """What is known of a store: a record, and what could not be read.

    Attributes
    ----------
    record
        Its sections are ``"store"``, ``"facts"``, ``"obs/<column>"``, ``"names/var"`` and the like with
        the digests of names, and ``"opened/<matrix>"``.
    errors
        Why columns and names could not be read: by ``"obs/<column>"``, or frame and column.
    names
        Names that were read now; those of before are in the cache.
    """

    record: Record
    errors: dict[str | Where, Exception] = field(default_factory=dict)
    names: dict[bytes, Names] = field(default_factory=dict)

    def facts(self) -> StoreFacts:
        """Return the facts about the store."""
        return facts_of(self.record["facts"])

    def stamp(self) -> Stamp:
        """Return what the stamp of the store was when it was read."""
        return Stamp(*self.record["store"].data["stamp"])

    def names_key(self, where: Where) -> bytes | None:
        """Return the digest of names; None if they are not known."""
        name = _names_section(where)
        return bytes.fromhex(self.record[name].data) if name in self.record else None

    def column(self, name: str) -> Column | None:
        """Return an obs column; None if it is not known."""
        key = f"obs/{name}"
        return column_of(self.record[key]) if key in self.record else None

    def has(self, wants: Wants, cache: FactCache) -> bool:
        """Return True if all that is wanted is known."""
        facts = self.facts()
        if not all(f"obs/{name}" in self.record for name in wants.columns_of(facts)):
            return False
        for where in wants.names_of(facts):
            key = self.names_key(where)
            if key is None or cache.names(key) is None:
                return False
        return all(f"opened/{key}" in self.record for key in wants.matrices_of(facts))


class Contact:
    """What is known of several stores: from the cache, or read when the first of them is asked for.

    Parameters
    ----------
    addresses
        The stores, in the order in which they will be asked for.
    wants
        What to read of each.
    cache
        Where what is known is kept.
    timeout
        Seconds that one store may take; None to read in this process.
    first_error
        Whether stores behind one that cannot be opened are of no interest.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        wants: Callable[[str], Wants],
        cache: FactCache,
        timeout: float | None,
        *,
        first_error: bool = False,
    ) -> None:
        self.cache = cache
        self._addresses = list(dict.fromkeys(addresses))
        self._wants = wants
        self._timeout = timeout
        self._first_error = first_error
        self._read: dict[str, Found | Exception] = {}

    def find(self, address: str) -> Found:
        """Return what is known of a store, once it is read.

        Raises
        ------
        StoreError
            It cannot be opened, not in time, or ends the process that opens it.
        """
        found = self._read.pop(address, None) or self._known(address)
        if found is None:
            if self._timeout is None or not _in_child(address):
                found = _read_here(address, self._wants(address), self.cache)
            else:
                self._meet(address)
                found = self._read.pop(address)
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        return found

    def _known(self, address: str) -> Found | None:
        try:
            record = self.cache.get(address, stamp_of(address))
        except OSError:
            return None
        if record is None:
            return None
        found = Found(record)
        try:
            return found if found.has(self._wants(address), self.cache) else None
        except (LookupError, TypeError, ValueError):  # of another version, with our schema
            return None

    def _meet(self, address: str) -> None:
        """Read this store and those behind it that are not known, with some children."""
        behind = self._addresses[self._addresses.index(address) + 1 :]
        left = (one for one in behind if one not in self._read and _in_child(one))
        new = [address, *(one for one in left if self._known(one) is None)]
        workers = min(processors(), _MOST_CHILDREN, 1 + len(new) // _STORES_PER_CHILD)
        sent: dict[Caller, dict[bytes, Names]] = {}

        def ask(caller: Caller, one: str) -> Found | Exception:
            try:
                answer = self._ask(caller, one)
            except StoreError as error:
                return error
            if isinstance(answer, Exception):
                return answer
            content, errors, names, trouble = answer
            known = sent.setdefault(caller, {})
            known |= {each.key: each for each in names if isinstance(each, Names)}
            every = [known[each] if isinstance(each, bytes) else each for each in names]
            self.cache.trouble = self.cache.trouble or trouble
            return Found(Record(content), errors, {each.key: each for each in every})

        def here(one: str) -> Found | Exception:
            try:
                return _read_here(one, self._wants(one), self.cache)
            except Exception as error:
                return error

        self._read |= in_children(
            new,
            ask,
            here,
            workers=workers,
            timeout=self._timeout,
            enough=self._is_enough,
        )

    def _ask(self, caller: Caller, address: str) -> _Answer:
        def ask() -> _Answer:
            wants = self._wants(address)
            return caller.call(address, _answer, address, wants, self.cache.folder, caller.fresh)

        try:
            return ask()
        except EndedChildError:  # by the system, perhaps: another one tries, once
            return ask()

    def _is_enough(self, found: Found | Exception) -> bool:
        return self._first_error and (isinstance(found, Exception) or bool(found.errors))


def _in_child(address: str) -> bool:
    """Whether a child can read a store: what it is must be on a disk of this machine."""
    return not is_url(address) and not in_memory(address)


# --- reading ------------------------------------------------------------------------------

_Answer: TypeAlias = (
    "Exception | tuple[bytes, dict[str | Where, Exception], list[Names | bytes], str | None]"
)


def _read_here(address: str, wants: Wants, cache: FactCache) -> Found:
    content, errors, names = _read(address, wants, cache)
    for each in names:
        cache.keep_names(each)
    return Found(Record(content), errors, {each.key: each for each in names})


class _Child:
    """What a child remembers from one store to the next."""

    cache: ClassVar[FactCache] = FactCache(None)
    sent: ClassVar[set[bytes]] = set()


def _answer(address: str, wants: Wants, folder: PathLike | None, fresh: bool) -> _Answer:
    """Read a store for the process that started this one."""
    if fresh:
        _Child.cache, _Child.sent = FactCache(folder), set()
    try:
        content, errors, names = _read(address, wants, _Child.cache)
    except Exception as error:
        return _portable(error, address)
    for each in names:
        _Child.cache.keep_names(each)
    new = [each.key if each.key in _Child.sent else each for each in names]
    _Child.sent |= {each.key for each in names}
    errors = {key: _portable(error, address) for key, error in errors.items()}
    return content, errors, new, _Child.cache.trouble


def _portable(error: Exception, address: str) -> Exception:
    """Return an error that can be sent to another process."""
    error = error.with_traceback(None)
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    except Exception:
        return StoreError(f"cannot be read ({type(error).__name__}: {error})", store=address)
    return error


def _read(
    address: str, wants: Wants, cache: FactCache
) -> tuple[bytes, dict[str | Where, Exception], list[Names]]:
    """Read what is wanted of a store, keep it, and return its record."""
    evidence = evidence_of(address) if cache.folder is not None else ""
    errors: dict[str | Where, Exception] = {}
    with Store.opened(address) as store:
        facts = store.facts
        sections = {"facts": facts_section(facts)}
        lists: dict[Where, Names] = dict(_names(store, wants, errors))
        sections |= {
            _names_section(where): Section(names.key.hex()) for where, names in lists.items()
        }
        sections |= _columns(store, wants, errors)
        for key in wants.matrices_of(facts):
            with suppress(Exception):  # reading rows says what is wrong
                store.touch_matrix(key)
            sections[f"opened/{key}"] = Section()
        stamp = store.stamp
    content = cache.keep(address, stamp, sections, evidence, unchanged=_is_unchanged(store))
    return content, errors, list(lists.values())


def _is_unchanged(store: Store) -> bool:
    try:
        store.check_unchanged()
    except StoreError:  # so it is not kept, and whoever reads rows meets the same error
        return False
    return True


def _names(
    store: Store, wants: Wants, errors: dict[str | Where, Exception]
) -> Iterator[tuple[Where, Names]]:
    for frame, column in wants.names_of(store.facts):
        try:
            values = store.read_var_names(column, raw=frame == "raw.var")
        except Exception as error:
            errors[frame, column] = error.with_traceback(None)
        else:
            yield (frame, column), Names.of(values)


def _columns(
    store: Store, wants: Wants, errors: dict[str | Where, Exception]
) -> Iterator[tuple[str, Section]]:
    for name in wants.columns_of(store.facts):
        try:
            column = store.obs_column(name)
        except Exception as error:
            errors[f"obs/{name}"] = error.with_traceback(None)
        else:
            with suppress(TypeError):  # it is read again by whoever needs it
                yield f"obs/{name}", column_section(column)
