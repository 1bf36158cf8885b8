"""What holds of a collection now, as expectations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from mappedviz.audits.expectations.columns import column_facts, missing_shares
from mappedviz.audits.expectations.matrices import sampled_scales, slots_of
from mappedviz.audits.expectations.parts import (
    ExpectedColumn,
    ExpectedGenes,
    ExpectedMatrix,
    ExpectedStores,
)
from mappedviz.audits.expectations.values import Expectations
from mappedviz.audits.tables.organisms import organisms
from mappedviz.errors import RecipeError
from mappedviz.recipe.labels import sort_labels
from mappedviz.text.toml import check_text

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence
    from mappedviz.recipe.labels import Label

#: Labels of a column that nobody named, at most, which are taken for a vocabulary.
FEW_LABELS = 50
_MOST_LABELS = 2_000
_T = TypeVar("_T")


def holding(e: Evidence) -> Expectations:
    """Return what holds of a collection now: judged by it, nothing is broken.

    Columns are those that every store has, through the aliases of the recipe, and those that the audit
    names.
    """
    return Expectations(
        stores=_known(lambda: _stores(e)) or ExpectedStores(),
        genes=_known(lambda: _genes(e)) or ExpectedGenes(),
        matrices=_each(e.recipe.layers_keys, lambda key: _matrix(e, key)),
        obs=_each(_keys(e), lambda key: _column(e, key)),
        thresholds=e.thresholds,
    )


def _known(ask: Callable[[], _T]) -> _T | None:
    """What is asked; None where the stores cannot answer, which a finding says."""
    with suppress(Exception):
        return ask()
    return None


def _each(keys: Iterable[str], ask: Callable[[str], _T | None]) -> dict[str, _T]:
    found = {key: _known(partial(ask, key)) for key in keys}
    return {key: one for key, one in found.items() if one is not None}


def _stores(e: Evidence) -> ExpectedStores:
    cells = [int(n) for n in e.rows.counts]
    return ExpectedStores(least=len(e.used), least_cells=min(cells) if cells else None)


def _genes(e: Evidence) -> ExpectedGenes:
    if not e.coverage.stores:
        return ExpectedGenes()
    table, inner = e.coverage.table, e.coverage.inner
    species = organisms(e.used)
    all_tell = all(species.get(name) for name, _ in e.used)
    every = sorted(set().union(*species.values()))
    own = (table["kept"] + table["lost"]).max()
    kinds = {str(kind) for kind in table["id_kind"]} - {"none"}
    return ExpectedGenes(
        species=tuple(every) if all_tell and all(map(_writable, every)) else (),
        identifiers=tuple(sorted(kinds)),
        least_shared=inner,
        least_share=_at_least(inner / own) if own else None,
    )


def _matrix(e: Evidence, key: str) -> ExpectedMatrix | None:
    slots = slots_of(e, key)
    if not slots or None in slots.values() or not _writable(key):
        return None
    scales = set(sampled_scales(e, key).values())
    return ExpectedMatrix(scale=tuple(sorted(scales)))


def _keys(e: Evidence) -> list[str]:
    """Keys that were named, then columns that every store has."""
    columns = [list(scan.store.facts.obs_columns) for _, scan in e.used if scan.store is not None]
    first = columns[0] if columns else []
    others = set(first).intersection(*columns) if columns else set()
    keys = [*e.label_keys, *(key for key in first if key in others)]
    return [key for key in dict.fromkeys(keys) if _writable(key)]


def _column(e: Evidence, key: str) -> ExpectedColumn | None:
    columns = [one for one in column_facts(e, key).values() if one is not None]
    if not columns:
        return None
    kinds = {one.kind for one in columns}
    text = {"categorical", "string"}
    if kinds & text:
        kinds = kinds - text | {"text"}
    shares = missing_shares(e, key)
    most = max(shares.values(), default=0.0)
    return ExpectedColumn(
        required=len(columns) == len(e.used),
        kind=tuple(sorted(kinds)),
        labels=_labels(e, key) if "text" in kinds else None,
        most_missing=_at_most(most),
    )


def _labels(e: Evidence, key: str) -> tuple[Label, ...] | None:
    named = key in (e.label, *e.recipe.obs_keys)
    facts = [one for one in column_facts(e, key).values() if one is not None]
    if any(one.labels is None for one in facts):
        return None
    unknown = e.recipe.unknown_label_of(key)
    labels = sort_labels(label for label in e.labels(key).classes if label != unknown)
    few = len(labels) <= (_MOST_LABELS if named else FEW_LABELS)
    whole = all(_writable(label) for label in labels if isinstance(label, str))
    return tuple(labels) if few and whole else None


def _at_least(share: float) -> float:
    """A share with few digits that is not larger.

    Examples
    --------
    >>> _at_least(2 / 3), _at_least(0.7)
    (0.6666, 0.7)
    """
    few = math.floor(1e4 * share) / 1e4
    return few if few <= share else max(few - 1e-4, 0.0)


def _at_most(share: float) -> float:
    """A share with few digits that is not smaller."""
    few = math.ceil(1e4 * share) / 1e4
    return min(few if few >= share else few + 1e-4, 1.0)


def _writable(text: str) -> bool:
    try:
        check_text(text)
    except RecipeError:
        return False
    return True
