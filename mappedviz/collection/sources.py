"""Where a plan gets its stores and what it reads of them.

A plan takes one source per store. :class:`StoreFile` opens a path, :class:`GivenStore` reads of a
store that is open already, :class:`KnownStore` answers from memory, and :class:`UnreadableStore`
says why there is nothing to read. :class:`RecordedStore` answers from the cache, or
from what a child process has read.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from mappedviz.collection.matrices import RAW
from mappedviz.errors import MissingKeyError, StoreError
from mappedviz.formats.columns import Column
from mappedviz.recipe.aliases import candidates
from mappedviz.recipe.names import Names
from mappedviz.recipe.store_paths import choose_for_store
from mappedviz.stores.deadline import seconds_of
from mappedviz.stores.first_contact import Contact, Found, Wants
from mappedviz.stores.paths import expand_paths
from mappedviz.stores.sections import in_codes
from mappedviz.stores.store import Store
from mappedviz.text.addresses import absolute, in_memory

if TYPE_CHECKING:
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.stores.fact_cache import FactCache

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


class RecordedStore(GivenStore):
    """A store that answers from its record, which a child or the cache has; see :class:`Contact`.

    Parameters
    ----------
    path
        Its address.
    contact
        Knows the stores of the recipe.
    """

    store: Store

    def __init__(self, path: str, contact: Contact) -> None:
        self._path = path
        self._contact = contact
        self._found: Found | None = None

    @property
    def path(self) -> str:
        """See :attr:`StoreSource.path`."""
        return self._path

    @contextmanager
    def opened(self) -> Iterator[GivenStore]:
        """See :meth:`StoreSource.opened`; the record is in memory inside of the block only."""
        self._found = found = self._contact.find(self._path)
        self.store = Store.known(self._path, found.facts(), found.stamp())
        self.store.kept_in = self._contact.cache.folder
        try:
            yield self
        finally:
            self._found = None

    def var_names(self, column: str | None = None, *, raw: bool = False) -> Names:
        """See :meth:`GivenStore.var_names`."""
        where = ("raw.var" if raw else "var", column)
        if self._found is not None:
            if where in self._found.errors:
                raise self._found.errors[where]
            key = self._found.names_key(where)
            names = None
            if key is not None:
                names = self._found.names.get(key) or self._contact.cache.names(key)
            if names is not None:
                return names
        return super().var_names(column, raw=raw)

    def obs_columns(self, names: Iterable[str]) -> dict[str, Column]:
        """See :meth:`GivenStore.obs_columns`."""
        wanted = list(names)
        known: dict[str, Column] = {}
        for name in wanted if self._found is not None else ():
            assert self._found is not None
            error = self._found.errors.get(f"obs/{name}")
            if error is not None:
                raise error
            column = self._found.column(name)
            if column is not None:
                known[name] = column
        left = super().obs_columns(name for name in wanted if name not in known)
        return {name: known[name] if name in known else left[name] for name in wanted}


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


def paths_of(recipe: Recipe) -> tuple[list[str], dict[str, StoreError]]:
    """Paths of the stores of a recipe, and of those that stand for no store the reason.

    Raises
    ------
    StoreError
        A path stands for no store, and the recipe does not skip such paths.
    """
    failed: dict[str, StoreError] = {}
    return expand_paths(recipe.paths, failed if recipe.on_error == "skip" else None), failed


def sources_of(
    recipe: Recipe, keys: Sequence[str], cache: FactCache, open_timeout: float | None
) -> list[StoreSource]:
    """A source per store of a recipe, by its path.

    Parameters
    ----------
    recipe
        Names the paths.
    keys
        Obs keys that will be read of each.
    cache
        Where what is known of stores is kept.
    open_timeout
        Seconds that the first contact with one store may take; None to read in this process.

    Raises
    ------
    RecipeError
        `open_timeout` is no time.
    StoreError
        A path stands for no store, and the recipe does not skip such paths.
    """
    open_timeout = seconds_of(open_timeout)
    paths, failed = paths_of(recipe)
    if cache.folder is None and open_timeout is None:
        files: list[StoreSource] = [StoreFile(path) for path in paths]
    else:
        addresses = [absolute(path) for path in paths]
        wants = wanted_of(recipe, keys)
        contact = Contact(
            addresses, wants, cache, open_timeout, first_error=recipe.on_error == "raise"
        )
        files = [
            StoreFile(address) if in_memory(address) else RecordedStore(address, contact)
            for address in addresses
        ]
    return [
        UnreadableStore(path, failed[path]) if path in failed else file
        for path, file in zip(paths, files, strict=True)
    ]


def wanted_of(recipe: Recipe, keys: Sequence[str]) -> Callable[[str], Wants]:
    """Return what a recipe makes a plan read of a store, by its path."""
    same: Wants | None = None

    def wants(path: str) -> Wants:
        nonlocal same
        if same is not None:
            return same
        key = recipe.var_key
        by_store = isinstance(key, Mapping)
        names = choose_for_store(key, path, None) if isinstance(key, Mapping) else key
        found = Wants(
            columns=tuple(candidates(recipe.obs_alias, each, path) for each in keys),
            names=() if recipe.join is None else (names,),
            raw=RAW in recipe.layers_keys or bool(recipe.layer_alias),
            matrices=tuple(
                candidates(recipe.layer_alias, each, path) for each in recipe.layers_keys
            ),
        )
        aliases = (*recipe.obs_alias.values(), *recipe.layer_alias.values())
        if not by_store and not any(isinstance(alias, Mapping) for alias in aliases):
            same = found
        return found

    return wants
