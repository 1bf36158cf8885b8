"""Which matrix of a store a key of the recipe reads, and over which variables."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

from mappedviz.recipe.recipe import choose_for_store

if TYPE_CHECKING:
    from mappedviz.formats.matrices import MatrixFacts
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.stores.store import Store

#: The matrix that has variables of its own.
RAW = "raw.X"


def slot_of(recipe: Recipe, key: str, path: str, matrices: Container[str]) -> str | None:
    """Return the matrix of a store that is read for a key; None if the store has none.

    Parameters
    ----------
    recipe
        Says ``layer_alias``.
    key
        One of its ``layers_keys``.
    path
        The store.
    matrices
        What the store has: ``"X"``, ``"raw.X"`` and the names of layers.

    Examples
    --------
    >>> from mappedviz.recipe.recipe import Recipe
    >>> recipe = Recipe(layers_keys="counts", layer_alias={"counts": ["counts", "raw.X", "X"]})
    >>> slot_of(recipe, "counts", "a.h5ad", {"X", "raw.X"})
    'raw.X'
    """
    alias = recipe.layer_alias.get(key)
    if isinstance(alias, Mapping):
        candidates: tuple[str, ...] = (choose_for_store(alias, path, key),)
    else:
        candidates = alias or (key,)
    return next((name for name in candidates if name in matrices), None)


def slot_and_facts(
    recipe: Recipe, key: str, store: Store
) -> tuple[str, MatrixFacts] | tuple[None, None]:
    """Return the matrix of a store that is read for a key, and its facts."""
    matrices = store.facts.matrices
    slot = slot_of(recipe, key, store.path, matrices)
    return (None, None) if slot is None else (slot, matrices[slot])


def facts_of(recipe: Recipe, key: str, store: Store) -> MatrixFacts | None:
    """Return the facts of the matrix of a store that is read for a key."""
    return slot_and_facts(recipe, key, store)[1]


def is_joined(recipe: Recipe, key: str) -> bool:
    """Return True if a key is joined over variables: all but a raw.X that has no alias."""
    return recipe.join is not None and (key != RAW or key in recipe.layer_alias)


def frames_of(recipe: Recipe, store: Store) -> tuple[bool, bool]:
    """Return whether matrices over var, and over raw.var, are joined of a store.

    A store of which nothing is joined takes part with its var.
    """
    if not recipe.layer_alias:
        return True, False
    slots = {
        slot_of(recipe, key, store.path, store.facts.matrices)
        for key in recipe.layers_keys
        if is_joined(recipe, key)
    } - {None}
    return slots != {RAW}, RAW in slots
