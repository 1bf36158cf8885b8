"""Names of the variables of a store that a recipe joins: of its var, of raw.var, or of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mappedviz.collection.matrices import frames_of
from mappedviz.recipe.names import Names

if TYPE_CHECKING:
    from mappedviz.audits.scan import Scan
    from mappedviz.audits.tables.what_if import StoreNames
    from mappedviz.recipe.recipe import Recipe


def names_by_column(scan: Scan, recipe: Recipe, column: str | None) -> StoreNames | None:
    """Return the names of a store by the column of var that they are in; None if unreadable.

    Names that a column does not have are left out. Where matrices over var and over raw.var
    are joined, a store has the variables that both have; in an outer join, those that any has.

    Parameters
    ----------
    scan
        What was read of the store.
    recipe
        Says which matrices are joined.
    column
        The column that the recipe joins by, which is read if the scan has it not.
    """
    if scan.store is None:
        return None
    found: list[dict[str | None, Names]] = []
    for raw in frames_of(recipe, scan.store):
        joined = read_names(scan, column, raw=raw)
        if joined is None:
            return None
        every = {**(scan.raw_names if raw else scan.names), column: joined}
        found.append({name: _named(one, name) for name, one in every.items()})
    if len(found) == 1:
        return found[0]
    var, of_raw = found
    either = recipe.join == "outer" and recipe.min_stores is None and recipe.var_names is None
    return {
        name: _combined(one, of_raw[name], either=either)
        for name, one in var.items()
        if name in of_raw
    }


def read_names(scan: Scan, column: str | None, *, raw: bool) -> Names | None:
    """Return the names in a column of var, or of raw.var, before versions are stripped; None if unreadable."""
    if scan.known is None:
        return None
    names = scan.raw_names if raw else scan.names
    if column in names:
        return names[column]
    try:
        return scan.known.var_names(column, raw=raw)
    except Exception:  # the plan says what is wrong
        return None


def _named(names: Names, column: str | None) -> Names:
    """The names without those that a column does not have."""
    if column is None or "" not in names.values.tolist():
        return names
    return Names.of(names.values[names.values != ""])


def _combined(one: Names, other: Names, *, either: bool) -> Names:
    if one.key == other.key:
        return one
    first, second = one.values.tolist(), other.values.tolist()
    there = set(first) if either else set(second)
    some = (
        [*first, *(name for name in second if name not in there)]
        if either
        else [name for name in first if name in there]
    )
    return Names.of(np.array(some, dtype=object))
