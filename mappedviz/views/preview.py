"""A split as it will be: cells, groups and classes of each part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mappedviz._types import Array
    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.collection.split import Parts


@dataclass(frozen=True)
class Preview:
    """The parts of a split.

    Attributes
    ----------
    names, cells
        Of the parts.
    by
        The key whose groups are kept together, or None; several are joined with "+".
    groups
        Groups of each part; None without a key.
    classes
        Classes of each part; None without a label.
    lacking
        Classes that are not in every part.
    """

    names: tuple[str, ...]
    cells: tuple[int, ...]
    by: str | None
    groups: tuple[int, ...] | None
    classes: tuple[int, ...] | None
    lacking: tuple[Any, ...]


def preview_of(parts: Parts[MappedCollection], label: str | None) -> Preview:
    """Count what is in each part of a split."""
    keys = parts[0].recipe.split_keys
    groups = None
    if keys:
        groups = tuple(
            len(set(zip(*(_labels(part, key) for key in keys), strict=True))) for part in parts
        )
    classes, lacking = None, ()
    if label is not None:
        found = [set(_labels(part, label)) - {None} for part in parts]
        classes = tuple(map(len, found))
        every = set[Any]().union(*found)
        lacking = tuple(sorted(every - set.intersection(*found), key=str))
    return Preview(
        parts.names,
        tuple(len(part) for part in parts),
        " + ".join(keys) or None,
        groups,
        classes,
        lacking,
    )


def _labels(part: MappedCollection, key: str) -> list[Any]:
    import pandas as pd

    values: Array = np.asarray(part.get_merged_labels(key), dtype=object)
    return [
        None if missing else value for value, missing in zip(values, pd.isna(values), strict=True)
    ]
