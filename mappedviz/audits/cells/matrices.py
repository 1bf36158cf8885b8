"""The matrix of which cells are drawn, the names of its genes and the scale of its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mappedviz._types import Array
from mappedviz.audits.samples import SAMPLED_ROWS, sample_of
from mappedviz.audits.scan import RAW
from mappedviz.collection.variables import identifier_of
from mappedviz.errors import ElementError

if TYPE_CHECKING:
    from mappedviz.audits.cells.drawn import StoreCells
    from mappedviz.formats.cache import ChunkCache
    from mappedviz.gather.matrix import Matrix
    from mappedviz.recipe.recipe import Recipe

_LARGEST_CSC = 20_000_000


def open_rows(one: StoreCells, key: str, cache: ChunkCache) -> Matrix:
    """The matrix of a store, to read rows of.

    Raises
    ------
    MissingKeyError
        The store has no such matrix.
    ElementError
        It is stored by columns, and so large that all of it would have to be read.
    """
    facts = one.store.facts.matrices.get(key)
    if facts is not None and facts.kind == "csc" and (facts.nnz or 0) > _LARGEST_CSC:
        raise ElementError(
            "is stored by columns (CSC), so that rows cannot be drawn",
            store=one.store.path,
            key=key,
            remedy="Store it as CSR.",
        )
    return one.store.open_matrix(key, cache)


def scale_of(one: StoreCells, key: str, matrix: Matrix) -> str:
    """The scale of the values, as the audit judged it, or judged now."""
    sample = one.scan.samples.get(key)
    if sample is None:
        if 0 in matrix.facts.shape:
            return "empty"
        sample = sample_of(matrix, key, SAMPLED_ROWS)
    return sample.scale


def joined_names(one: StoreCells, recipe: Recipe, key: str) -> Array:
    """Names of the genes of a matrix by which the recipe joins; of raw.X its index."""
    if key == RAW:
        return one.store.read_var_names(raw=True)
    column = identifier_of(recipe, one.store.path)
    if column in one.scan.names:
        return one.scan.names[column].values
    assert one.scan.known is not None
    return one.scan.known.var_names(column).values


def name_lists(one: StoreCells, recipe: Recipe, key: str) -> Iterator[Array]:
    """All lists of names that the genes of a matrix have, those of the recipe first."""
    yield joined_names(one, recipe, key)
    if key != RAW:
        column = identifier_of(recipe, one.store.path)
        yield from (names.values for name, names in one.scan.names.items() if name != column)
