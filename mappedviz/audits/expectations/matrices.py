"""A matrix key in each store: the matrix that is read for it, and the scale of its values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mappedviz.collection.matrices import slot_of

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence


def slots_of(e: Evidence, key: str) -> dict[str, str | None]:
    """Store -> the matrix that is read for a key, through ``layer_alias``; None where it has none."""
    return {
        name: slot_of(e.recipe, key, scan.store.path, scan.store.facts.matrices)
        for name, scan in e.used
        if scan.store is not None
    }


def sampled_scales(e: Evidence, key: str) -> dict[str, str]:
    """Store -> scale of the matrix that is read for a key, where rows of it were sampled."""
    scans = dict(e.used)
    slots = {name: slot for name, slot in slots_of(e, key).items() if slot is not None}
    return {
        name: scans[name].samples[slot].scale
        for name, slot in slots.items()
        if slot in scans[name].samples
    }
