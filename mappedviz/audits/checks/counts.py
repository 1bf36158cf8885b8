"""The check of where counts are: in X here, in a layer there, in raw.X elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mappedviz.audits.counts_fix import counts_elsewhere_of, counts_fix
from mappedviz.audits.findings import Found, NotApplicableError, check
from mappedviz.text.display import listed

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence


@check(
    "counts-elsewhere",
    "info",
    "If the model takes counts, read them under one name, with layer_alias=.",
)
def counts_elsewhere(e: Evidence) -> Iterator[Found]:
    """{key} holds no counts in {n} of {all} stores, where they are in other matrices: {where} (by {rows:,}
    sampled rows).
    """
    found = {key: counts_elsewhere_of(e, key) for key in e.recipe.layers_keys}
    if not any(one.sampled for one in found.values()):
        raise NotApplicableError("no rows could be sampled")
    if any(not one.elsewhere and not one.nowhere for one in found.values()):
        return  # a key has the counts of all stores
    for key, one in found.items():
        if one.elsewhere:
            stores: dict[str, list[str]] = {}
            for store, slot in one.elsewhere.items():
                stores.setdefault(slot, []).append(store)
            yield Found(
                {
                    "key": key,
                    "n": len(one.elsewhere),
                    "all": len(e.used),
                    "where": "; ".join(
                        f"{slot!r} in {listed(some, most=5)}" for slot, some in stores.items()
                    ),
                    "rows": one.rows,
                },
                stores=list(one.elsewhere),
                number=len(one.elsewhere),
                severity="warning" if one.here or one.absent else None,
                change=counts_fix(e, key),
            )
