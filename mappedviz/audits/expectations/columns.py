"""An obs key in each store: what the column is that stands for it, and its gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mappedviz.collection.plan import column_of

if TYPE_CHECKING:
    from mappedviz.audits.columns import ObsFacts
    from mappedviz.audits.evidence import Evidence


def column_facts(e: Evidence, key: str) -> dict[str, ObsFacts | None]:
    """Store -> facts about the column that stands for a key; None where it has none, or a broken one."""
    found: dict[str, ObsFacts | None] = {}
    for name, scan in e.used:
        assert scan.store is not None
        column = column_of(e.recipe, key, scan.store.path, scan.store.facts.obs_columns)
        found[name] = None if column is None else scan.obs.get(column)
    return found


def missing_shares(e: Evidence, key: str) -> dict[str, float]:
    """Store -> share of its cells that have no label of a key; stores without the column are left out."""
    columns = {name: facts for name, facts in column_facts(e, key).items() if facts is not None}
    if not e.recipe.filter_keys and e.recipe.part is None and not e.recipe.renames_of(key):
        rows = {name: scan.n_obs for name, scan in e.used}
        return {name: one.missing / max(rows[name], 1) for name, one in columns.items()}
    table = e.labels(key)
    rows_of = e.rows_of(table)
    return {
        name: int(table.missing[name]) / max(int(rows_of[name]), 1)
        for name in table.stores
        if name in columns
    }
