"""Tables of cells of one collection, read on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mappedviz.audits.cells.depths import CellStats, cell_stats_of
from mappedviz.audits.cells.embeddings import Embedding, embedding_of
from mappedviz.audits.cells.expression import Expression, expression_of

if TYPE_CHECKING:
    from mappedviz.audits.cells.drawn import StoreCells
    from mappedviz.recipe.recipe import Recipe


@dataclass(frozen=True, eq=False)
class CellReader:
    """Reads the same cells of each store for every table.

    Attributes
    ----------
    stores
        The stores that the recipe reads, and which cells of theirs count.
    recipe
        What the user wants.
    label
        The obs key of the class.
    """

    stores: Sequence[StoreCells]
    recipe: Recipe
    label: str | None

    def embedding(
        self, key: str | None = None, n: int = 5_000, by: str | None = None, seed: int = 0
    ) -> Embedding:
        """See :meth:`mappedviz.Audit.embedding`."""
        return embedding_of(self.stores, self.recipe, key, n, self._by(by), seed)

    def cell_stats(self, n: int = 500, seed: int = 0) -> CellStats:
        """See :meth:`mappedviz.Audit.cell_stats`."""
        return cell_stats_of(self.stores, self.recipe, n, seed)

    def expression(
        self, gene: str, by: str | None = None, n: int = 5_000, seed: int = 0
    ) -> Expression:
        """See :meth:`mappedviz.Audit.expression`."""
        return expression_of(self.stores, self.recipe, gene, self._by(by), n, seed)

    def _by(self, by: str | None) -> str | None:
        return self.label if by is None else by
