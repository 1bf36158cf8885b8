"""Facts about an obs column: its type, its gaps, and the counts of its values where they are few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array
from mappedviz.recipe.labels import Label, as_label

if TYPE_CHECKING:
    from mappedviz.formats.columns import Column

#: Columns with more distinct values than this are named, but their values are not kept.
MANY_VALUES = 2_000


@dataclass(frozen=True, eq=False, slots=True)
class ObsFacts:
    """Facts about one obs column of one store.

    Attributes
    ----------
    kind
        ``"categorical"``, ``"string"``, ``"integer"``, ``"float"`` or ``"boolean"``.
    dtype
        Its type as a person would say it: ``"category(12)"``.
    missing
        Rows without a value.
    labels, counts
        The values and how often each occurs, where there are few; else None. Categories
        that no row has are there with a count of 0.
    """

    kind: str
    dtype: str
    missing: int
    labels: tuple[Label, ...] | None = None
    counts: Array | None = None


def obs_facts(column: Column) -> ObsFacts:
    """Facts about a column, with the counts of its values where they are few.

    Examples
    --------
    >>> from mappedviz.formats.columns import Column
    >>> facts = obs_facts(Column("categorical", np.array([0, 1, -1]), np.array(["B", "T"])))
    >>> facts.dtype, facts.labels, facts.counts.tolist(), facts.missing
    ('category(2)', ('B', 'T'), [1, 1], 1)
    """
    if column.codes is not None:
        assert column.categories is not None
        missing = int((column.codes < 0).sum())
        dtype = f"category({len(column.categories)})"
        if len(column.categories) > MANY_VALUES:
            return ObsFacts(column.kind, dtype, missing)
        return ObsFacts(column.kind, dtype, missing, *counted(column.codes, column.categories))
    assert column.data is not None
    missing = 0 if column.missing is None else int(column.missing.sum())
    dtype = "str" if column.data.dtype == object else str(column.data.dtype)
    if column.kind == "float" or not _few_values(column.data):
        return ObsFacts(column.kind, dtype, missing)
    codes, categories = column.factorized()
    if len(categories) > MANY_VALUES:
        return ObsFacts(column.kind, dtype, missing)
    return ObsFacts(column.kind, dtype, missing, *counted(codes, categories))


def _few_values(data: Array) -> bool:
    """Return False if the beginning of a column shows that it has many values."""
    head = data[: 4 * MANY_VALUES].tolist()
    return len(set(head)) <= MANY_VALUES


def counted(codes: Array, categories: Array) -> tuple[tuple[Label, ...], Array]:
    """Labels and the rows of each, of codes (n,) into categories; -1 is not counted."""
    counts = np.bincount(codes.astype(np.int64) + 1, minlength=len(categories) + 1)[1:]
    labels = [as_label(label) for label in categories.tolist()]
    named = [label is not None for label in labels]
    return tuple(label for label in labels if label is not None), counts[np.array(named, bool)]
