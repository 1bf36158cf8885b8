"""Where a plan gets its stores and what it reads of them.

A plan takes one source per store. :class:`StoreFile` opens a path, :class:`GivenStore` reads of a
store that is open already, :class:`KnownStore` answers from memory, and :class:`UnreadableStore`
says why there is nothing to read.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from mappedviz.errors import MissingKeyError, StoreError
from mappedviz.formats.columns import Column
from mappedviz.recipe.names import Names
from mappedviz.stores.opening import unopenable
from mappedviz.stores.paths import expand_paths
from mappedviz.stores.store import Store

if TYPE_CHECKING:
    from mappedviz.recipe.recipe import Recipe

_T = TypeVar("_T")


class StoreSource(Protocol):
    """One store that a plan is to read."""

    @property
    def path(self) -> str:
        """Its path."""
        ...

    def opened(self) -> AbstractContextManager[GivenStore]:
        """Return the store, to be read of inside the ``with`` block.

        Raises
        ------
        StoreError
            It cannot be read.
        """
        ...


class StoreFile:
    """A store that is opened by its path.

    Examples
    --------
    >>> from mappedviz.datasets import demo
    >>> with StoreFile(str(demo() / "berlin.h5ad")).opened() as store:
    ...     len(store.var_names()), list(store.obs_columns(["cell_type"]))
    (640, ['cell_type'])
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @contextmanager
    def opened(self) -> Iterator[GivenStore]:
        """See :meth:`StoreSource.opened`."""
        with Store.opened(self.path) as store:
            yield GivenStore(store)


class UnreadableStore:
    """A path that is known to be no store, and why."""

    def __init__(self, path: str, error: Exception) -> None:
        self.path = path
        self.error = error

    def opened(self) -> AbstractContextManager[GivenStore]:
        """Raise the error."""
        raise self.error.with_traceback(None)


class GivenStore:
    """A store whose facts are known; names and columns are read of its file.

    Parameters
    ----------
    store
        The store.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    @property
    def path(self) -> str:
        """See :attr:`StoreSource.path`."""
        return self.store.path

    @contextmanager
    def opened(self) -> Iterator[GivenStore]:
        """See :meth:`StoreSource.opened`."""
        self.store.check_unchanged()
        with self.store.session():
            yield self

    def var_names(self, column: str | None = None, *, raw: bool = False) -> Names:
        """Names of the variables: the index of var, or one of its columns; or of raw.var."""
        return Names.of(self.store.read_var_names(column, raw=raw))

    def obs_columns(self, names: Iterable[str]) -> dict[str, Column]:
        """Columns of obs by name, all read in one session."""
        wanted = list(names)
        if not wanted:
            return {}
        with self.store.session():
            return {name: self.store.obs_column(name) for name in wanted}


class KnownStore(GivenStore):
    """A store that has been read before: what is known is not read again, and what is read is kept.

    Errors are kept too: a malformed column is refused in the same words every time. Threads may
    share it.

    Parameters
    ----------
    store
        The store.

    Examples
    --------
    >>> from mappedviz.stores import open_store
    >>> from mappedviz.datasets import demo
    >>> known = KnownStore(open_store(demo() / "berlin.h5ad"))
    >>> known.var_names() is known.var_names()
    True
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._names: dict[Hashable, Names | Exception] = {}
        self._columns: dict[Hashable, Column | Exception] = {}

    @contextmanager
    def opened(self) -> Iterator[GivenStore]:
        """See :meth:`StoreSource.opened`; no file is opened unless something is missing."""
        self.store.check_unchanged()
        yield self

    def var_names(self, column: str | None = None, *, raw: bool = False) -> Names:
        """See :meth:`GivenStore.var_names`."""
        return _recalled(
            self._names, (column, raw), lambda: GivenStore.var_names(self, column, raw=raw)
        )

    def obs_columns(self, names: Iterable[str]) -> dict[str, Column]:
        """See :meth:`GivenStore.obs_columns`."""
        wanted = list(names)
        if all(name in self._columns for name in wanted):
            return {name: self._column(name) for name in wanted}
        with self.store.session():
            return {name: self._column(name) for name in wanted}

    def _column(self, name: str) -> Column:
        return _recalled(self._columns, name, lambda: in_codes(self.store.obs_column(name)))

    def keep_names(
        self, column: str | None, names: Names | Exception, *, raw: bool = False
    ) -> None:
        """Keep names, or the error that reading them raises, for :meth:`var_names`."""
        self._names[column, raw] = names

    def keep_column(self, name: str, column: Column | Exception) -> None:
        """Keep a column, or the error that reading it raises, for :meth:`obs_columns`."""
        self._columns[name] = in_codes(column) if isinstance(column, Column) else column

    def knows_names(self, column: str | None, *, raw: bool = False) -> bool:
        """Return True if :meth:`var_names` needs no file."""
        return (column, raw) in self._names

    def knows_column(self, name: str) -> bool:
        """Return True if :meth:`obs_columns` needs no file for a column."""
        return name in self._columns

    @property
    def columns(self) -> dict[Hashable, Column | Exception]:
        """The columns that are kept, or the errors that reading them raises."""
        return dict(self._columns)

    def forget_columns(self, but: Container[str]) -> None:
        """Keep no columns but these; errors stay."""
        self._columns = {
            name: one
            for name, one in self._columns.items()
            if name in but or isinstance(one, Exception)
        }

    def at_hand(self) -> KnownStore:
        """Return the store with its file, which is not another one than it was."""
        return self

    def share(self, other: KnownStore) -> None:
        """Know what another one of the same store knows, now and later."""
        self._names, self._columns = other._names, other._columns

    @property
    def n_columns(self) -> int:
        """Number of columns that are kept."""
        return len(self._columns)

    @property
    def nbytes(self) -> int:
        """Memory that the columns take, roughly; names are shared and not counted."""
        kept = [one for one in list(self._columns.values()) if isinstance(one, Column)]
        arrays = [a for one in kept for a in (one.codes, one.categories, one.data, one.missing)]
        return sum(_size(array) for array in arrays if array is not None)


def _size(array: Any) -> int:
    return int(array.nbytes) + (60 * len(array) if array.dtype == object else 0)


def _recalled(memory: dict[Hashable, _T | Exception], key: Hashable, read: Callable[[], _T]) -> _T:
    if key not in memory:
        try:
            memory[key] = read()
        except MissingKeyError:  # known without the file
            raise
        except Exception as error:
            memory[key] = error
    found = memory[key]
    if isinstance(found, Exception):
        raise found.with_traceback(None)
    return found


def in_codes(column: Column) -> Column:
    """The same column in little memory: text as codes."""
    if column.kind != "string":
        return column
    codes, categories = column.factorized()
    return Column("categorical", codes.astype(np.int32), categories)


def paths_of(recipe: Recipe) -> tuple[list[str], dict[str, StoreError]]:
    """Paths of the stores of a recipe, and of those that stand for no store the reason.

    Raises
    ------
    StoreError
        A path stands for no store, and the recipe does not skip such paths.
    """
    failed: dict[str, StoreError] = {}
    return expand_paths(recipe.paths, failed if recipe.on_error == "skip" else None), failed


def sources_of(recipe: Recipe, open_timeout: float | None = None) -> list[StoreSource]:
    """A source per store of a recipe, by its path.

    Parameters
    ----------
    recipe
        Names the paths.
    open_timeout
        Seconds that one store may take to open; see :func:`~mappedviz.stores.open_stores`.

    Raises
    ------
    StoreError
        A path stands for no store, and the recipe does not skip such paths.
    """
    paths, failed = paths_of(recipe)
    if open_timeout is not None:
        failed |= unopenable([path for path in paths if path not in failed], open_timeout)
    return [
        UnreadableStore(path, failed[path]) if path in failed else StoreFile(path) for path in paths
    ]
