"""The state of the view of labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mappedviz.views.models.tables import UNSORTED, Arrangement

if TYPE_CHECKING:
    from mappedviz.audits.findings import Finding
    from mappedviz.recipe.recipe import Recipe


@dataclass(frozen=True)
class State:
    """The state of the view: its traits, the recipe, and what is in focus.

    Attributes
    ----------
    name
        What is typed into the field for a new name.
    column
        The column that is chosen to be read in place of the key.
    fix
        The finding that knows what the key is called in the other stores.
    by
        Key that bars are stacked by; "" for the store.
    across, against
        Keys of the rows ("" for the label) and of the columns ("" for the store) of the matrix.
    target
        The spelling that the ticked group becomes; None for the most frequent one.
    level, terms
        What kinds of cells are rolled up to, and the terms that are typed for it.
    kinds
        Labels and terms that are ticked.
    kinds_order
        Order and page of their table.
    query, query_error
        A condition that was typed and refused, and why.
    opened
        Ids of what is open.
    waiting
        Ids of the pictures whose numbers are still being counted.
    arrangement, mapping
        Order and page of the spellings and of the new names.
    """

    recipe: Recipe
    key: str = ""
    top_n: int = 25
    sort: str = "count"
    search: str = ""
    shares: bool = False
    logarithmic: bool = False
    classes: tuple[Any, ...] = ()
    ticked: tuple[Any, ...] = ()
    name: str = ""
    column: str = ""
    fix: Finding | None = None
    by: str = ""
    across: str = ""
    against: str = ""
    target: Any = None
    level: str = ""
    terms: str = ""
    kinds: tuple[Any, ...] = ()
    kinds_order: Arrangement = UNSORTED
    query: str | None = None
    query_error: str = ""
    opened: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()
    arrangement: Arrangement = UNSORTED
    mapping: Arrangement = UNSORTED

    @property
    def scale(self) -> str:
        """The scale of the bars."""
        return "shares" if self.shares else "logarithm" if self.logarithmic else "cells"
