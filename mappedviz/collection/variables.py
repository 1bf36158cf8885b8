"""The variables of the stores: by which names they are joined, and the join that a recipe asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mappedviz.recipe.joins import VarJoin, VarNames, strip_versions
from mappedviz.recipe.recipe import choose_for_store

if TYPE_CHECKING:
    from mappedviz.collection.sources import GivenStore
    from mappedviz.recipe.names import Names
    from mappedviz.recipe.recipe import Recipe


class NameLists:
    """The distinct lists of variables of the stores: thousands of stores often share one."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.lists: list[VarNames] = []
        # By the names that are joined, and as they are in the store; an empty name of a column
        # is none, that of an index is one.
        self._position: dict[tuple[bytes, bool], int] = {}
        self._position_of: dict[tuple[bytes, bool], int] = {}

    def add(self, source: GivenStore) -> int:
        """Read a store's names and return the position of their list."""
        column = identifier_of(self.recipe, source.path)
        gaps = column is not None
        names = source.var_names(column)
        if (names.key, gaps) not in self._position_of:
            joined = harmonised(self.recipe, names)
            if (joined.key, gaps) not in self._position:
                self._position[joined.key, gaps] = len(self.lists)
                self.lists.append(VarNames(joined.values, source.path, gaps=gaps))
            self._position_of[names.key, gaps] = self._position[joined.key, gaps]
        return self._position_of[names.key, gaps]


def identifier_of(recipe: Recipe, path: str) -> str | None:
    """The column of var by which the variables of a store are joined; None for the index."""
    key = recipe.var_key
    return choose_for_store(key, path, None) if isinstance(key, Mapping) else key


def harmonised(recipe: Recipe, names: Names) -> Names:
    """Names as they are joined, without versions if the recipe says so."""
    return names.of(strip_versions(names.values)) if recipe.strip_version else names


def join_variables(recipe: Recipe, lists: Sequence[VarNames], list_of: Sequence[int]) -> VarJoin:
    """The join that a recipe asks for."""
    how: Callable[..., VarJoin]
    if recipe.var_names is not None:
        how = partial(VarJoin.panel, recipe.var_names)
    elif recipe.min_stores is not None:
        how = partial(VarJoin.at_least, recipe.min_stores)
    else:
        how = VarJoin.inner if recipe.join == "inner" else VarJoin.outer
    return how(lists, list_of, duplicates=recipe.duplicates)
