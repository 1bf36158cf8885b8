"""The matrix of which cells are drawn, the names of its genes and the scale of its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mappedviz._types import Array
from mappedviz.audits.samples import SAMPLED_ROWS, sample_of
from mappedviz.collection.matrices import RAW, slot_and_facts
from mappedviz.collection.variables import identifier_of
from mappedviz.errors import ElementError

if TYPE_CHECKING:
    from mappedviz.audits.cells.drawn import StoreCells
    from mappedviz.formats.cache import ChunkCache
    from mappedviz.gather.matrix import Matrix
    from mappedviz.recipe.recipe import Recipe

_LARGEST_CSC = 20_000_000


def open_rows(one: StoreCells, recipe: Recipe, key: str, cache: ChunkCache) -> Matrix:
    """The matrix of a store that a recipe reads for a key, to read rows of.

    Raises
    ------
    MissingKeyError
        The store has no such matrix.
    ElementError
        It is stored by columns, and so large that all of it would have to be read.
    """
    slot, facts = slot_and_facts(recipe, key, one.store)
    if facts is not None and facts.kind == "csc" and (facts.nnz or 0) > _LARGEST_CSC:
        raise ElementError(
            "is stored by columns (CSC), so that rows cannot be drawn",
            store=one.store.path,
            key=slot,
            remedy="Store it as CSR.",
        )
    return one.store.open_matrix(key if slot is None else slot, cache)


def scale_of(one: StoreCells, recipe: Recipe, key: str, matrix: Matrix) -> str:
    """The scale of the values, as the audit judged it, or judged now."""
    sample = one.scan.sample(recipe, key)
    if sample is None:
        if 0 in matrix.facts.shape:
            return "empty"
        sample = sample_of(matrix, key, SAMPLED_ROWS)
    return sample.scale


def joined_names(one: StoreCells, recipe: Recipe, key: str) -> Array:
    """Names of the genes of a matrix by which the recipe joins; of raw.X without an alias its index."""
    return next(name_lists(one, recipe, key))


def name_lists(one: StoreCells, recipe: Recipe, key: str) -> Iterator[Array]:
    """All lists of names that the genes of a matrix have, those of the recipe first."""
    raw = one.scan.slot(recipe, key) == RAW
    as_they_are = key == RAW and key not in recipe.layer_alias
    column = None if as_they_are else identifier_of(recipe, one.store.path)
    every = one.scan.raw_names if raw else one.scan.names
    assert one.scan.known is not None
    names = every[column] if column in every else one.scan.known.var_names(column, raw=raw)
    yield names.values
    yield from (names.values for name, names in every.items() if name != column)
