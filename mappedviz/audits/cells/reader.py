"""Tables of cells of one collection, read on demand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mappedviz.audits.cells.depths import CellStats, cell_stats_of
from mappedviz.audits.cells.embeddings import Embedding, embedding_of
from mappedviz.audits.cells.expression import Expression, expression_of
from mappedviz.audits.nearest import suggestion
from mappedviz.errors import MissingKeyError

if TYPE_CHECKING:
    from mappedviz.audits.cells.drawn import Progress, StoreCells
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
    progress
        Called before each store is read.
    """

    stores: Sequence[StoreCells]
    recipe: Recipe
    label: str | None

    progress: Progress | None = None

    def only(self, names: Iterable[str] | None, progress: Progress | None = None) -> CellReader:
        """The reader of some of the stores; None for all.

        Raises
        ------
        MissingKeyError
            There is no such store, or it cannot be read.
        """
        if names is None:
            return replace(self, progress=progress)
        wanted = list(dict.fromkeys(names))
        known = {one.name: one for one in self.stores}
        for name in wanted:
            if name not in known:
                raise MissingKeyError(
                    "is no store that can be read",
                    key=name,
                    remedy=f"{suggestion(name, list(known))}See audit.stores.",
                )
        return replace(self, stores=[known[name] for name in wanted], progress=progress)

    def embedding(
        self, key: str | None = None, n: int = 5_000, by: str | None = None, seed: int = 0
    ) -> Embedding:
        """See :meth:`mappedviz.Audit.embedding`."""
        return embedding_of(self.stores, self.recipe, key, n, self._by(by), seed, self.progress)

    def cell_stats(self, n: int = 500, seed: int = 0) -> CellStats:
        """See :meth:`mappedviz.Audit.cell_stats`."""
        return cell_stats_of(self.stores, self.recipe, n, seed, self.progress)

    def expression(
        self, gene: str, by: str | None = None, n: int = 5_000, seed: int = 0
    ) -> Expression:
        """See :meth:`mappedviz.Audit.expression`."""
        return expression_of(self.stores, self.recipe, gene, self._by(by), n, seed, self.progress)

    def _by(self, by: str | None) -> str | None:
        return self.label if by is None else by
