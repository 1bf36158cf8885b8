"""Stores that are left out of a recipe, and what the recipe says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from mappedviz.recipe.relabels import plain_renames
from mappedviz.recipe.store_paths import BY_KEY, is_among, store_names
from mappedviz.text.addresses import absolute

if TYPE_CHECKING:
    from mappedviz.recipe.recipe import Recipe

_V = TypeVar("_V")


def without_stores(recipe: Recipe, dropped: Sequence[str], kept: Sequence[str]) -> Recipe:
    """Return the recipe of the stores that are kept; what it says of the others goes with them.

    Parameters
    ----------
    recipe
        The recipe.
    dropped, kept
        Paths of the stores.

    Examples
    --------
    >>> from mappedviz.recipe.recipe import Recipe
    >>> recipe = Recipe(paths=["a.h5ad", "b.h5ad"], var_key={"a": "ids", "b": None})
    >>> without_stores(recipe, ["a.h5ad"], ["b.h5ad"])
    Recipe(paths=('b.h5ad',), var_key={'b': None})
    """
    changes: dict[str, Any] = {"paths": tuple(kept)}
    said = [recipe.var_key, *(one for name in BY_KEY for one in getattr(recipe, name).values())]
    if not any(isinstance(one, Mapping) for one in said):
        return recipe.replace(**changes)
    gone = _names(dropped) - _names(kept)
    if isinstance(recipe.var_key, Mapping):
        changes["var_key"] = _rest(recipe.var_key, gone) or None
    for name in BY_KEY:
        of_keys: dict[str, Any] = {}
        for key, given in getattr(recipe, name).items():
            if name == "relabel":
                plain = plain_renames(given)
                of_keys[key] = _rest(plain, gone) if isinstance(given, Mapping) else plain
            elif isinstance(given, Mapping):
                if rest := _rest(given, gone):
                    of_keys[key] = rest
                elif name == "layer_alias" and key == "raw.X":
                    of_keys[key] = (key,)  # without an alias it would not be joined
            else:
                of_keys[key] = given
        changes[name] = of_keys
    return recipe.replace(**changes)


def _names(paths: Sequence[str]) -> set[str]:
    return {name for path in paths for name in (*store_names(path), absolute(path))}


def _rest(choices: Mapping[str, _V], gone: set[str]) -> dict[str, _V]:
    return {store: choice for store, choice in choices.items() if not is_among(store, gone)}
