"""Facts + recipe -> plan: what the stores contain and what was asked, resolved once.

The plan holds no handle and no torch: stores (addresses and facts), the two index maps, and
the obs columns that were asked for. :class:`~mappedviz.MappedCollection` reads rows with it; the audit asks it
whether the engine would refuse.
"""

from __future__ import annotations

import pickle
import warnings
import zlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mappedviz._types import Array
from mappedviz.collection.filters import filter_masks
from mappedviz.collection.obs_keys import CodedKey, ObsKey, merged_labels, obs_key_of
from mappedviz.collection.sources import GivenStore, StoreSource, sources_of
from mappedviz.collection.split import described_rows
from mappedviz.collection.unknown_names import check_found, check_matrices, check_store_names
from mappedviz.collection.variables import NameLists, join_variables
from mappedviz.errors import RecipeError, StoreError, StoreWarning
from mappedviz.recipe.aliases import name_in_store
from mappedviz.recipe.joins import RowMap
from mappedviz.stores.fact_cache import CacheLike, FactCache
from mappedviz.stores.first_contact import OPEN_TIMEOUT
from mappedviz.stores.store import Store
from mappedviz.text.addresses import in_memory

if TYPE_CHECKING:
    from mappedviz.formats.columns import Column
    from mappedviz.recipe.joins import VarJoin
    from mappedviz.recipe.labels import Labels
    from mappedviz.recipe.recipe import Recipe


@dataclass(eq=False)
class Plan:
    """A collection that is only waiting for row numbers.

    Attributes
    ----------
    recipe
        What was asked.
    stores
        The stores that are read, in order.
    rows
        Rows -> (store, local row).
    join
        Store columns -> joint columns; None for ``join=None``.
    obs
        The obs keys asked for.
    part_of
        Where these are some of the rows that the recipe selects: their number.
    described
        The rows are those that the recipe describes; else some of them.
    """

    recipe: Recipe
    stores: tuple[Store, ...]
    rows: RowMap
    join: VarJoin | None
    obs: dict[str, ObsKey]
    part_of: int | None = None
    described: bool = True
    _sources: tuple[GivenStore, ...] = field(default=(), repr=False)
    _other_labels: dict[str, Labels] = field(default_factory=dict, repr=False)
    _other_keys: dict[str, ObsKey] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        stores: Any = self.stores
        if not any(in_memory(store.path) for store in self.stores):
            # Thousands of stores have facts that are nearly the same: to a worker they go compressed.
            stores = zlib.compress(pickle.dumps(self.stores, pickle.HIGHEST_PROTOCOL), level=1)
        return {**self.__dict__, "stores": stores, "_sources": ()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        stores = state["stores"]
        if isinstance(stores, bytes):
            stores = pickle.loads(zlib.decompress(stores))  # noqa: S301 - of a pickle already
        self.__dict__.update(state, stores=stores)

    def take(self, rows: Array, recipe: Recipe | None = None) -> Plan:
        """The same plan for some of its rows, ascending and each once.

        Stores, variables and encoders stay, also where no row of theirs is left: what is made of
        one part fits the other.

        Parameters
        ----------
        rows
            Positions of the rows.
        recipe
            The recipe that describes these rows, if there is one.
        """
        return replace(
            self,
            recipe=self.recipe if recipe is None else recipe,
            described=recipe is not None,
            rows=self.rows.take(rows),
            obs={key: column.take(rows) for key, column in self.obs.items()},
            part_of=len(self.rows) if self.part_of is None else self.part_of,
            _other_labels={
                key: replace(labels, codes=labels.codes[rows])
                for key, labels in self._other_labels.items()
            },
            _other_keys={key: column.take(rows) for key, column in self._other_keys.items()},
        )

    def whole(self) -> Plan:
        """The plan of all rows of whose split the recipe names a part; this one if it names none."""
        if self.recipe.part is None:
            return self
        return make_plan(self.recipe.replace(part=None), self._sources or self.stores)

    def labels_of(self, key: str) -> Labels:
        """The labels of any obs key of all rows, alias and relabelling applied.

        Raises
        ------
        MissingKeyError
            No store has the key.
        """
        loaded = self.obs.get(key)
        if isinstance(loaded, CodedKey):
            return loaded.labels
        if key not in self._other_labels:
            self.keep_labels({key: self._read(key)})
        return self._other_labels[key]

    def obs_key(self, key: str) -> ObsKey:
        """Any obs key of all rows, alias and relabelling applied; read if the recipe has it not.

        Raises
        ------
        MissingKeyError
            No store has the key.
        """
        if key in self.obs:
            return self.obs[key]
        if key not in self._other_keys:
            columns = self._read(key)
            self._other_keys[key] = obs_key_of(self.recipe, key, columns, self.rows, self.stores)
        return self._other_keys[key]

    def _read(self, key: str) -> list[Column | None]:
        """The column of each store for a key that was not read with the others."""
        sources = self._sources or [GivenStore(store) for store in self.stores]
        columns = [obs_columns(self.recipe, [key], source)[key] for source in sources]
        check_found(self.recipe, key, columns, self.stores)
        return columns

    def keep_labels(self, columns: Mapping[str, Sequence[Column | None]]) -> None:
        """Keep the labels of keys whose columns were read, for :meth:`labels_of`."""
        for key, of_stores in columns.items():
            self._other_labels[key] = merged_labels(
                self.recipe, key, of_stores, self.rows, [store.path for store in self.stores]
            )


@dataclass(eq=False)
class _Read:
    """Columns and names that are read of one store while it is open."""

    source: GivenStore
    columns: dict[str, Column | None]
    names: tuple[int, int]


def make_plan(
    recipe: Recipe,
    stores: Sequence[Store | StoreSource] | None = None,
    *,
    cache: CacheLike = None,
    open_timeout: float | None = OPEN_TIMEOUT,
) -> Plan:
    """Open the stores and resolve the recipe against what they contain.

    Parameters
    ----------
    recipe
        What to read.
    stores
        Stores that are open already, with their facts, or sources of stores; else those of
        ``recipe.paths``, with a :class:`~mappedviz.errors.StoreWarning` that lists the ones that
        the recipe skips because they cannot be opened.
    cache, open_timeout
        As for :class:`~mappedviz.MappedCollection`.

    Raises
    ------
    StoreError, ElementError
        A store cannot be read.
    MissingKeyError
        A key is in no store.
    JoinError
        The variables cannot be joined.
    RecipeError
        The recipe speaks of stores that are not there, or there are no stores.
    """
    splits = [key for step in recipe.splits for key in step.keys_of_split()]
    keys = list(dict.fromkeys([*recipe.obs_keys, *recipe.filter_keys, *splits]))
    kept_in = FactCache.of(cache)
    sources = (
        sources_of(recipe, keys, kept_in, open_timeout)
        if stores is None
        else [GivenStore(one) if isinstance(one, Store) else one for one in stores]
    )
    if not sources:
        raise RecipeError(
            "names no store", key="path_list", remedy="Give the path of at least one store."
        )
    check_store_names(recipe, [source.path for source in sources])
    lists = NameLists(recipe)
    read, left_out = _read_all(recipe, sources, keys, lists)
    kept_in.warn(stacklevel=3)
    if left_out and stores is None:
        message = f"left out {len(left_out)} of {len(sources)} stores:\n"
        warnings.warn(message + "\n".join(map(str, left_out)), StoreWarning, stacklevel=3)
    if not read:
        raise RecipeError(
            f"names {len(sources)} stores, none of which could be opened",
            key="path_list",
            remedy="See the warning that lists them.",
        )
    kept = tuple(one.source.store for one in read)
    columns = {key: [one.columns[key] for one in read] for key in keys}
    for key in keys:
        check_found(recipe, key, columns[key], kept)
    check_matrices(recipe, kept)
    rows = RowMap.from_counts([store.facts.n_obs for store in kept])
    if recipe.filter_keys:
        rows = rows.select(filter_masks(recipe, columns, kept))
    obs = {key: obs_key_of(recipe, key, columns[key], rows, kept) for key in recipe.obs_keys}
    join = None
    if recipe.join is not None:
        join = join_variables(recipe, lists.lists, [one.names for one in read])
    plan = Plan(recipe, kept, rows, join, obs, _sources=tuple(one.source for one in read))
    plan.keep_labels({key: columns[key] for key in splits})
    return described_rows(plan, recipe)


def _read_all(
    recipe: Recipe, sources: Iterable[StoreSource], keys: Sequence[str], lists: NameLists
) -> tuple[list[_Read], list[StoreError]]:
    """Read each store; return what was read, and the errors of stores that the recipe skips."""
    read: list[_Read] = []
    left_out: list[StoreError] = []
    for source in sources:
        try:
            with source.opened() as opened:
                names = lists.add(opened) if recipe.join is not None else (-1, -1)
                read.append(_Read(opened, obs_columns(recipe, keys, opened), names))
        except StoreError as error:
            if recipe.on_error == "raise":
                raise
            left_out.append(error)
    return read, left_out


def column_of(recipe: Recipe, key: str, path: str, columns: Container[str]) -> str | None:
    """The obs column that stands for ``key`` in one store, or None."""
    return name_in_store(recipe.obs_alias, key, path, columns)


def obs_columns(
    recipe: Recipe, keys: Sequence[str], source: GivenStore
) -> dict[str, Column | None]:
    """The obs column of a store for each key; None where the store has none."""
    has = source.store.facts.obs_columns
    names = {key: column_of(recipe, key, source.path, has) for key in keys}
    found = source.obs_columns(name for name in names.values() if name is not None)
    return {key: None if name is None else found[name] for key, name in names.items()}
