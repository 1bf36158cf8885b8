"""Which matrix of a store a key of the recipe reads, and over which variables."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, Protocol

from mappedviz.recipe.aliases import name_in_store

if TYPE_CHECKING:
    from mappedviz.formats.matrices import MatrixFacts
    from mappedviz.recipe.aliases import Aliases
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.stores.store import Store

#: The matrix that has variables of its own.
RAW = "raw.X"


class Aliased(Protocol):
    """Says which matrix a key is where, as a recipe does."""

    @property
    def layer_alias(self) -> Aliases:
        """As of a recipe."""
        ...


def slot_of(recipe: Aliased, key: str, path: str, matrices: Container[str]) -> str | None:
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
    return name_in_store(recipe.layer_alias, key, path, matrices)


def slot_and_facts(
    recipe: Aliased, key: str, store: Store
) -> tuple[str, MatrixFacts] | tuple[None, None]:
    """Return the matrix of a store that is read for a key, and its facts."""
    matrices = store.facts.matrices
    slot = slot_of(recipe, key, store.path, matrices)
    return (None, None) if slot is None else (slot, matrices[slot])


def facts_of(recipe: Aliased, key: str, store: Store) -> MatrixFacts | None:
    """Return the facts of the matrix of a store that is read for a key."""
    return slot_and_facts(recipe, key, store)[1]


def is_joined(recipe: Recipe, key: str) -> bool:
    """Return True if a key is joined over variables: all but a raw.X that has no alias."""
    return recipe.join is not None and (key != RAW or key in recipe.layer_alias)


def frames_of(recipe: Recipe, store: Store, keys: Iterable[str] | None = None) -> tuple[bool, ...]:
    """Return over which variables matrices of a store are read: False for var, True for raw.var, or both.

    A store of which nothing is read takes part with its var.

    Parameters
    ----------
    recipe
        Says ``layers_keys`` and ``layer_alias``.
    store
        The store.
    keys
        The keys that count; default: all but a raw.X that has no alias, which is never joined.
    """
    if not recipe.layer_alias:
        return (False,)
    if keys is None:
        keys = [key for key in recipe.layers_keys if key != RAW or key in recipe.layer_alias]
    slots = {slot_of(recipe, key, store.path, store.facts.matrices) for key in keys} - {None}
    return tuple(sorted({slot == RAW for slot in slots})) or (False,)
