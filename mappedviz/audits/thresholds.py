"""The numbers from which on a check says something, each by a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from mappedviz.errors import RecipeError
from mappedviz.recipe.fields import number_of


def _number(check: str, default: float, low: float, high: float, meaning: str) -> Any:
    """A threshold: the check that asks for it, its bounds, and what it is."""
    about = {"check": check, "low": low, "high": high, "meaning": meaning}
    return field(default=default, metadata=about)


def _share(check: str, default: float, meaning: str) -> Any:
    return _number(check, default, 0, 1, meaning)


_ANY = float("inf")


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The numbers from which on checks of the audit say something.

    Attributes
    ----------
    rare_class_cells
        ``rare-classes``: a class with fewer cells is rare.
    least_effective_share, most_repeats
        ``weights``: least effective share of the cells, and most draws of a cell of the rarest class.
    most_confounding
        ``confounding``: largest Cramér's V of batch and label.
    most_same_cells
        ``same-cells``: largest share of names of cells that the smaller of two stores shares.
    least_inner_share
        ``join-coverage``: least share of the genes of the middle store that the inner join keeps.
    most_gain_without
        ``join-one-store``: largest growth of the inner join when one store is left out, as a share.
    most_zero_filled
        ``zero-filling``: largest share of values that no store measured.
    most_gain_by_case
        ``gene-case``: largest factor by which the inner join grows if names are written alike.
    least_of_panel, least_stores_of_gene
        ``panel-absent``: least share of the genes asked for in a store. ``panel-few-stores``: least share
        of the stores that has a gene asked for.
    most_depth_ratio
        ``depth``: largest ratio of the median depths of two stores.
    most_empty_cells
        ``empty-cells``: largest share of cells without a value.
    most_damaged_cells
        ``mitochondrial-share``: largest share of cells with more than 20 % mitochondrial counts.
    most_split_distance
        ``split-share``: largest distance of a part's share from the one asked for.
    least_cells_per_second
        ``layout``: slowest reading at random that is not mentioned.

    Raises
    ------
    RecipeError
        A value is not among the valid ones.
    RecipeTypeError
        A value is not a number.

    Examples
    --------
    >>> Thresholds(rare_class_cells=20).rare_class_cells
    20.0
    >>> Thresholds(most_confounding=7)
    Traceback (most recent call last):
    mappedviz.errors.RecipeError: most_confounding: is 7.0. Give a number from 0 to 1.
    """

    rare_class_cells: float = _number("rare-classes", 50, 0, _ANY, "cells of a class")
    least_effective_share: float = _share("weights", 0.2, "effective share of the cells")
    most_repeats: float = _number("weights", 100, 1, _ANY, "draws of a cell of the rarest class")
    most_confounding: float = _share("confounding", 0.5, "Cramér's V of batch and label")
    most_same_cells: float = _share("same-cells", 0.05, "names of cells that two stores share")
    least_inner_share: float = _share("join-coverage", 0.5, "genes of the middle store")
    most_gain_without: float = _number("join-one-store", 0.5, 0, _ANY, "growth of the inner join")
    most_zero_filled: float = _share("zero-filling", 0.2, "values that no store measured")
    most_gain_by_case: float = _number("gene-case", 1.2, 1, _ANY, "factor of the inner join")
    least_of_panel: float = _share("panel-absent", 0.1, "genes asked for, in a store")
    least_stores_of_gene: float = _share("panel-few-stores", 0.5, "stores with a gene asked for")
    most_depth_ratio: float = _number("depth", 3, 1, _ANY, "ratio of the medians of two stores")
    most_empty_cells: float = _share("empty-cells", 0.01, "cells without a value")
    most_damaged_cells: float = _share("mitochondrial-share", 0.1, "cells with over 20 % of them")
    most_split_distance: float = _share("split-share", 0.05, "distance from the share asked for")
    least_cells_per_second: float = _number("layout", 300, 0, _ANY, "cells read at random")

    def __post_init__(self) -> None:
        for one in fields(self):
            value = number_of(one.name, getattr(self, one.name))
            low, high = one.metadata["low"], one.metadata["high"]
            if not low <= value <= high:
                bounds = f"from {low:g} to {high:g}" if high < _ANY else f"from {low:g} upwards"
                raise RecipeError(f"is {value}", key=one.name, remedy=f"Give a number {bounds}.")
            object.__setattr__(self, one.name, value)

    def changed(self) -> dict[str, float]:
        """Return those that are not the default."""
        every = {one.name: (getattr(self, one.name), one.default) for one in fields(self)}
        return {name: value for name, (value, default) in every.items() if value != default}

    @classmethod
    def described(cls) -> Iterator[tuple[str, float, str]]:
        """Yield name, default, and which check says what of it."""
        plain = cls()
        for one in fields(cls):
            about = f"{one.metadata['check']}: {one.metadata['meaning']}"
            yield one.name, getattr(plain, one.name), about
