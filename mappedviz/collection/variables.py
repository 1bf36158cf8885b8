"""The variables of the stores: by which names they are joined, and the join that a recipe asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mappedviz.collection.harmonise import Harmoniser, of_maps, unmapped
from mappedviz.collection.matrices import frames_of
from mappedviz.collection.sources import GivenStore
from mappedviz.errors import JoinError
from mappedviz.recipe.joins import VarJoin, VarNames
from mappedviz.recipe.names import Names
from mappedviz.recipe.store_paths import choose_for_store

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.recipe.recipe import Recipe
    from mappedviz.stores.store import Store


class NameLists:
    """The distinct lists of variables of the stores: thousands of stores often share one."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._harmonise = Harmoniser(recipe)
        self.lists: list[VarNames] = []
        # By the names that are joined, and as they are in the store; an empty name of a column
        # is none, that of an index is one.
        self._position: dict[tuple[bytes, bool], int] = {}
        self._position_of: dict[tuple[bytes, bool], int] = {}

    def add(self, source: GivenStore) -> tuple[int, int]:
        """Read the names of a store and return the positions of their lists: of var, and of raw.var.

        -1 where nothing is joined over them.
        """
        frames = frames_of(self.recipe, source.store)
        var, raw = False in frames, True in frames
        return self._add(source, raw=False) if var else -1, self._add(
            source, raw=True
        ) if raw else -1

    def _add(self, source: GivenStore, *, raw: bool) -> int:
        column = identifier_of(self.recipe, source.path)
        gaps = column is not None or self.recipe.var_map is not None
        names = source.var_names(column, raw=raw)
        if (names.key, gaps) not in self._position_of:
            joined = self._harmonise(names, source.path)
            if (joined.key, gaps) not in self._position:
                self._position[joined.key, gaps] = len(self.lists)
                frame = "raw.var" if raw else "var"
                found = VarNames(joined.values, source.path, gaps=gaps, frame=frame)
                self.lists.append(found)
            self._position_of[names.key, gaps] = self._position[joined.key, gaps]
        return self._position_of[names.key, gaps]


def identifier_of(recipe: Recipe, path: str) -> str | None:
    """The column of var by which the variables of a store are joined; None for the index."""
    key = recipe.var_key
    return choose_for_store(key, path, None) if isinstance(key, Mapping) else key


def harmonised(recipe: Recipe, names: Names, store: str | None = None) -> Names:
    """Names as they are joined; see :class:`~mappedviz.collection.harmonise.Harmoniser`."""
    return Harmoniser(recipe)(names, store)


def unmapped_names(recipe: Recipe, stores: Sequence[Store]) -> pd.DataFrame:
    """The names that ``var_map`` leaves out of the join; see :func:`~mappedviz.collection.harmonise.unmapped`."""
    return unmapped(recipe, ((store.path, _every_name(recipe, store)) for store in stores))


def _every_name(recipe: Recipe, store: Store) -> Names:
    """The names of the variables of a store, and of its raw, if they are joined."""
    column = identifier_of(recipe, store.path)
    lists = [
        GivenStore(store).var_names(column, raw=raw).values for raw in frames_of(recipe, store)
    ]
    return Names.of(np.concatenate([*lists, np.empty(0, dtype=object)]))


def join_variables(
    recipe: Recipe, lists: Sequence[VarNames], lists_of: Sequence[tuple[int, int]]
) -> VarJoin:
    """The join that a recipe asks for.

    Parameters
    ----------
    recipe
        What to keep.
    lists
        The distinct lists.
    lists_of
        Per store the positions of its lists, of var and of raw.var; -1 for none.
    """
    how: Callable[..., VarJoin]
    if recipe.var_names is not None:
        how = partial(VarJoin.panel, recipe.var_names)
    elif recipe.min_stores is not None:
        how = partial(VarJoin.at_least, recipe.min_stores)
    else:
        how = VarJoin.inner if recipe.join == "inner" else VarJoin.outer
    list_of, raw_of = [var for var, _ in lists_of], [raw for _, raw in lists_of]
    try:
        return how(lists, list_of, duplicates=recipe.duplicates, raw_of=raw_of)
    except JoinError as error:
        raise of_maps(error, recipe) from None
