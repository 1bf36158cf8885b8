"""Where the counts of the stores are, and the change of a recipe that reads them under one name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mappedviz.audits.where_counts import likelihood, where_counts_may_be
from mappedviz.recipe.store_paths import shortest_names

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence
    from mappedviz.audits.scan import Scan

#: Names under which a fix reads counts; the first that is free.
_NAMES = ("counts", "raw_counts", "umi_counts")


@dataclass
class WhereCounts:
    """Where the counts of the stores are, by the sampled rows, for one key of a recipe.

    Attributes
    ----------
    here
        Stores whose matrix for this key holds counts -> that matrix.
    elsewhere
        Those in which another one does -> that matrix.
    nowhere
        Those in which none does.
    absent
        Those without a matrix for this key.
    rows
        Rows that were sampled of matrices that hold counts elsewhere.
    """

    here: dict[str, str] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    nowhere: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    rows: int = 0

    @property
    def sampled(self) -> bool:
        """True if any store has a sample that says something."""
        return bool(self.here or self.elsewhere or self.nowhere)


def counts_elsewhere_of(e: Evidence, key: str) -> WhereCounts:
    """Return where the counts of the stores with cells are; stores of which nothing was sampled are left out."""
    found = WhereCounts()
    for store, scan in e.used:
        if not scan.samples and not scan.elsewhere:
            continue
        slot, sample = scan.slot(e.recipe, key), scan.sample(e.recipe, key)
        if slot is None:
            found.absent.append(store)
        if slot is not None and sample is not None and sample.scale == "counts":
            found.here[store] = slot
        elif others := _with_counts(scan, slot):
            found.elsewhere[store] = others[0]
            found.rows += {**scan.samples, **scan.elsewhere}[others[0]].rows
        else:
            found.nowhere.append(store)
    return found


def _with_counts(scan: Scan, but: str | None) -> list[str]:
    """The matrices of a store that hold counts, the likeliest first."""
    every = {**scan.samples, **scan.elsewhere}
    return where_counts_may_be(
        name for name, sample in every.items() if sample.scale == "counts" and name != but
    )


def counts_fix(e: Evidence, key: str) -> dict[str, Any]:
    """Return the change of the recipe that reads the counts of all stores under one name.

    Empty unless all stores that are used have counts somewhere. Whether the engine takes it is not tried:
    matrices over var are joined as before, and the names of raw.var, which it would join, are not read
    until a recipe asks for them. The audit of the changed recipe says what is wrong with them.
    """
    found = counts_elsewhere_of(e, key)
    if found.nowhere or not found.elsewhere:
        return {}
    recipe = e.recipe
    taken = {*recipe.obs_keys, *recipe.layers_keys} - {key}
    name = next((one for one in _NAMES if one not in taken), None)
    if name is None:
        return {}
    slots = {**found.here, **found.elsewhere}
    chosen = {scan.path: slots[store] for store, scan in e.used if store in slots}
    has = {
        scan.path: set(scan.store.facts.matrices)
        for store, scan in e.used
        if store in slots and scan.store is not None
    }
    rest: dict[str, Any] = {one: alias for one, alias in recipe.layer_alias.items() if one != key}
    candidates = in_order(chosen, has)
    if candidates is None:
        rest[name] = _by_store(chosen, name)
    elif candidates != [name]:
        rest[name] = tuple(candidates)
    keys = tuple(name if one == key else one for one in recipe.layers_keys)
    return {"layers_keys": keys, "layer_alias": rest}


def in_order(chosen: Mapping[str, str], has: Mapping[str, set[str]]) -> list[str] | None:
    """Return candidates of which each store's first one is what is chosen for it; None if there are none.

    Parameters
    ----------
    chosen
        Store -> matrix.
    has
        Store -> all of its matrices.

    Examples
    --------
    >>> in_order({"a": "X", "b": "raw.X"}, {"a": {"X"}, "b": {"X", "raw.X"}})
    ['raw.X', 'X']
    >>> in_order({"a": "X", "b": "raw.X"}, {"a": {"X", "raw.X"}, "b": {"X", "raw.X"}}) is None
    True
    """
    left = sorted(set(chosen.values()), key=lambda name: (likelihood(name), name))
    later = {  # what has to come after each
        slot: {one for store, s in chosen.items() if s == slot for one in has[store]} - {slot}
        for slot in left
    }
    order: list[str] = []
    while left:
        free = [one for one in left if not any(one in later[other] for other in left)]
        if not free:
            return None
        order.append(free[0])
        left.remove(free[0])
    return order


def _by_store(chosen: Mapping[str, str], name: str) -> dict[str, str]:
    """The alias by store; a store in which the matrix has that name needs none."""
    names = shortest_names(chosen)
    return {names[path]: slot for path, slot in chosen.items() if slot != name}
