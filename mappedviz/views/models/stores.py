"""Names of stores: what all share is left out, and so it is in what was found about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mappedviz.text.display import differing
from mappedviz.views.models.memory import of_audit
from mappedviz.views.series import MOST_COLOURS, colour_at

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit


_places: WeakKeyDictionary[Audit, Mapping[str, int]] = WeakKeyDictionary()


def keep_places(audit: Audit, places: Mapping[str, int]) -> None:
    """Say which colour the stores have: a session's stores keep theirs, whichever are left out.

    Parameters
    ----------
    audit
        The audit.
    places
        Path -> number of the colour.
    """
    _places[audit] = places


@of_audit
def colours_of(audit: Audit) -> dict[str, int]:
    """Return the number of the colour of each store; empty where there are more than colours."""
    known = _places.get(audit, {})
    stores = zip(audit.stores.index, audit.stores["path"], strict=True)
    found = {str(store): known.get(str(path), i) for i, (store, path) in enumerate(stores)}
    if len(found) > MOST_COLOURS:
        return {}
    if max(found.values(), default=0) >= MOST_COLOURS or len(set(found.values())) < len(found):
        return {store: i for i, store in enumerate(found)}  # more came and went than colours
    return found


@of_audit
def marks_of(audit: Audit) -> dict[str, dict[str, Any]]:
    """Return the mark before the name of each store, as ``mark`` of a node takes it."""
    return {store: colour_at(i) for store, i in colours_of(audit).items()}


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
