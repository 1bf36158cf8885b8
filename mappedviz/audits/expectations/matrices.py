"""A matrix key in each store: the matrix that is read for it, and the scale of its values."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence


def slots_of(e: Evidence, key: str) -> dict[str, str | None]:
    """Store -> the matrix that is read for a key, through ``layer_alias``; None where it has none."""
    return {name: scan.slot(e.recipe, key) for name, scan in e.used}


def sampled_scales(e: Evidence, key: str) -> dict[str, str]:
    """Store -> scale of the matrix that is read for a key, where rows of it were sampled."""
    samples = {name: scan.sample(e.recipe, key) for name, scan in e.used}
    return {name: one.scale for name, one in samples.items() if one is not None}
