"""Names of stores: what all share is left out, and so it is in what was found about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mappedviz.text.display import differing
from mappedviz.views.models.memory import of_audit

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit


@of_audit
def texts_of(audit: Audit) -> dict[str, str]:
    """Return the text of each store, by its display name."""
    stores = [str(store) for store in audit.stores.index]
    return dict(zip(stores, differing(stores), strict=True))


def listed_stores(audit: Audit, stores: Sequence[str], most: int = 3) -> str:
    """Return the texts of some stores in one sentence, and the number of further ones."""
    texts = texts_of(audit)
    more = f" and {len(stores) - most:,} more" if len(stores) > most else ""
    return ", ".join(texts.get(store, store) for store in stores[:most]) + more


def without_paths(audit: Audit, text: str, stores: Iterable[str]) -> str:
    """Return what was said of some stores with their texts in place of their paths."""
    texts, paths = texts_of(audit), audit.stores["path"]
    for store in stores:
        if store in texts:
            text = text.replace(str(paths[store]), texts[store]).replace(store, texts[store])
    return text
