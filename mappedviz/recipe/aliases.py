"""Aliases of a recipe: under which name a store has what other stores call otherwise."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, TypeAlias

from mappedviz.errors import RecipeError
from mappedviz.recipe.fields import names_of, wrong_type
from mappedviz.recipe.frozen import FrozenDict
from mappedviz.recipe.store_paths import choose_for_store

#: Key -> candidates, of which the first that a store has is taken, or store -> name.
Aliases: TypeAlias = FrozenDict[tuple[str, ...] | FrozenDict[str]]


def obs_alias_of(value: Any) -> Aliases:
    """Return which obs column stands for a key where."""
    return _aliases("obs_alias", value, "obs column")


def layer_alias_of(value: Any, layers_keys: Sequence[str]) -> Aliases:
    """Return which matrix stands for a key where; each key is one that is read.

    Examples
    --------
    >>> layer_alias_of({"counts": {"a.h5ad": "X"}}, ["counts"])
    {'counts': {'a.h5ad': 'X'}}
    """
    clean = _aliases("layer_alias", value, "matrix")
    absent = [key for key in clean if key not in layers_keys]
    if absent:
        raise RecipeError(
            f"names {absent}, not among layers_keys {list(layers_keys)}",
            key="layer_alias",
            remedy="Give aliases for the layers_keys that are read, or read these keys.",
        )
    return clean


def name_in_store(aliases: Aliases, key: str, path: str, has: Container[str]) -> str | None:
    """Return the name of a key in a store, out of those that the store has; None if it has none.

    Examples
    --------
    >>> aliases = obs_alias_of({"cell_type": ["cell_type", "louvain"], "donor": {"a": "patient"}})
    >>> name_in_store(aliases, "cell_type", "a.h5ad", {"louvain", "leiden"})
    'louvain'
    >>> name_in_store(aliases, "donor", "a.h5ad", {"donor"}) is None
    True
    """
    if key not in aliases:  # as most are, of ten thousand stores
        return key if key in has else None
    return next((name for name in candidates(aliases, key, path) if name in has), None)


def candidates(aliases: Aliases, key: str, path: str) -> tuple[str, ...]:
    """Return the names that a key may have in a store, of which the first that it has is taken.

    Examples
    --------
    >>> candidates(obs_alias_of({"cell_type": ["cell_type", "louvain"]}), "cell_type", "a.h5ad")
    ('cell_type', 'louvain')
    """
    alias = aliases.get(key)
    if isinstance(alias, Mapping):
        return (choose_for_store(alias, path, key),)
    return alias or (key,)


def _aliases(field: str, value: Any, what: str) -> Aliases:
    if value is None:
        return FrozenDict()
    if not isinstance(value, Mapping):
        raise wrong_type(field, value, f"a dict of key -> {{store: {what}}} or candidates")
    clean: dict[str, tuple[str, ...] | FrozenDict[str]] = {}
    for key, choice in value.items():
        if not isinstance(key, str):
            raise wrong_type(field, key, "keys as strings")
        if isinstance(choice, Mapping):
            if not all(isinstance(part, str) for pair in choice.items() for part in pair):
                raise wrong_type(field, choice, f"a dict of store -> {what}")
            clean[key] = FrozenDict(choice)
        else:
            clean[key] = names_of(field, choice)
    return FrozenDict(clean)
