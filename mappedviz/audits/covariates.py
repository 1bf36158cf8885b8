"""Obs keys of measured numbers, which are no classes: the drop-in default encodes them as if they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.audits.tables.labels import column_labels
from mappedviz.collection.plan import column_of

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence
    from mappedviz.audits.scan import Scan
    from mappedviz.recipe.recipe import Recipe

#: More distinct fractional numbers than this are no classes.
MANY_FRACTIONS = 50
_HEAD = 10_000  # rows of a store that are seen


def covariates(e: Evidence) -> dict[str, list[str]]:
    """Encoded obs keys that hold measured numbers -> the stores where they are floats.

    Keys that ``encode_labels`` names, and those with an encoder or new names of labels, are classes
    because a person says so.
    """
    recipe = e.recipe
    if recipe.encode_labels is not True:
        return {}
    keys = [key for key in recipe.obs_keys if not (key in recipe.encoders or key in recipe.relabel)]
    found = {key: _float_stores(e, key) for key in keys}
    return {key: stores for key, stores in found.items() if stores}


def _float_stores(e: Evidence, key: str) -> list[str]:
    """Stores where a key is a float column; none if it is text anywhere, or has few fractions."""
    stores, fractions = [], set[float]()
    for store, scan in e.used:
        assert scan.store is not None
        name = column_of(e.recipe, key, scan.store.path, scan.store.facts.obs_columns)
        facts = None if name is None else scan.obs.get(name)
        if facts is None:
            continue
        if facts.kind not in ("integer", "float", "boolean"):
            return []
        if facts.kind == "float":
            stores.append(store)
            if len(fractions) <= MANY_FRACTIONS:
                fractions |= _fractions(e, scan, key)
    return stores if len(fractions) > MANY_FRACTIONS else []


def _fractions(e: Evidence, scan: Scan, key: str) -> set[float]:
    try:
        column = column_labels(scan, e.recipe, key)
    except Exception:  # a finding says what is wrong
        return set()
    if column is None or column.data is None:
        return set()
    values = column.data[:_HEAD].astype(np.float64)
    values = values[np.isfinite(values)]
    return set(values[values % 1 != 0].tolist())


def as_numbers(recipe: Recipe, keys: list[str]) -> dict[str, Any]:
    """The change of a recipe by which some keys are read as numbers.

    Examples
    --------
    >>> from mappedviz import Recipe
    >>> as_numbers(Recipe(obs_keys=["cell_type", "percent_mito"]), ["percent_mito"])
    {'encode_labels': ('cell_type',)}
    """
    kept = tuple(key for key in recipe.encoded_keys if key not in keys)
    change: dict[str, Any] = {"encode_labels": kept or False}
    if isinstance(recipe.unknown_label, dict) and set(recipe.unknown_label) & set(keys):
        change["unknown_label"] = {
            key: label for key, label in recipe.unknown_label.items() if key not in keys
        }
    return change
