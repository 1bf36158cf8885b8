"""Reading stores in child processes, which can be ended and may end.

HDF5 reads with one thread at a time, so that threads gain nothing; processes do.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from mappedviz.audits.reading import read_store
from mappedviz.audits.scan import Scan, Wants
from mappedviz.errors import StoreError
from mappedviz.recipe.names import Names
from mappedviz.stores.deadline import EndedChildError
from mappedviz.text.addresses import absolute

if TYPE_CHECKING:
    from mappedviz.stores.children import Caller

#: Lists of names that are kept to be sent once: most stores of a collection share a few.
_MOST_LISTS = 100

#: Names of variables, or their digest if they were sent before: by whether of raw, and column.
_Sent: TypeAlias = "dict[tuple[bool, str | None], Names | bytes]"


class ChildReader:
    """Reads one store after the other in a child process.

    Parameters
    ----------
    caller
        Asks the child.
    """

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self._names: dict[bytes, Names] = {}

    def read(self, path: str, wants: Wants) -> Scan:
        """Return the scan of a store, with the reason if the child process was late or ended.

        A child may be ended for what is no fault of the store: by the system, for want of memory. So a
        store that it was reading is given to another one, once.

        Parameters
        ----------
        path
            The store.
        wants
            What to read of it.

        Raises
        ------
        NotStartedError
            The system starts no process.
        EndedError
            The caller was stopped.
        """
        try:
            try:
                return self._ask(path, wants)
            except EndedChildError:
                return self._ask(path, wants)
        except StoreError as error:
            return Scan(path, error=error)

    def _ask(self, path: str, wants: Wants) -> Scan:
        full = absolute(path)  # a child that is used again may be in another folder
        fresh = self.caller.fresh or len(self._names) > _MOST_LISTS
        if fresh:
            self._names = {}
        sent, names = self.caller.call(full, _scan, full, wants, fresh)
        scan: Scan = pickle.loads(sent)  # noqa: S301 - written by our own child
        scan.path = path
        for (raw, column), found in names.items():
            if isinstance(found, Names):
                self._names[found.key] = found
            one = found if isinstance(found, Names) else self._names[found]
            (scan.raw_names if raw else scan.names)[column] = one
        return scan


def packed(scan: Scan) -> bytes:
    """Return a scan as bytes that travel between processes of this package."""
    try:
        return pickle.dumps(scan, protocol=5)
    except Exception as error:  # an exception of some library that cannot travel
        error = StoreError(str(scan.error or error), store=scan.path)
        return pickle.dumps(Scan(scan.path, error=error), protocol=5)


class _Child:
    """What a child remembers from one store to the next."""

    sent: ClassVar[set[bytes]] = set()


def _scan(path: str, wants: Wants, fresh: bool) -> tuple[bytes, _Sent]:
    """Read a store for the process that started this one."""
    if fresh:
        _Child.sent.clear()
    scan = read_store(path, wants)
    # Many stores have the same names, which are most of what is read: they travel once.
    found = {(False, column): one for column, one in scan.names.items()}
    found |= {(True, column): one for column, one in scan.raw_names.items()}
    scan.names, scan.raw_names = {}, {}
    names: _Sent = {}
    for where, one in found.items():
        names[where] = one.key if one.key in _Child.sent else one
        _Child.sent.add(one.key)
    return packed(scan), names
