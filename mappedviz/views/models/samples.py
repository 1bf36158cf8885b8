"""The obs of the stores: the sample sheet, and all columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.errors import MappedvizError
from mappedviz.text.display import differing, is_missing, listed, shown
from mappedviz.views import nodes, pictures
from mappedviz.views.models.memory import of_audit
from mappedviz.views.models.stores import marks_of
from mappedviz.views.models.tables import cut, things

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit
    from mappedviz.views.models.tables import Arrangement
    from mappedviz.views.nodes import Node

_MOST_KEYS = 8


@of_audit
def sample_keys(audit: Audit) -> list[str]:
    """Return the obs keys that say what was sampled: few values in each store, telling names first."""
    return [str(key) for key in audit.sample_sheet().columns[:_MOST_KEYS]]


@of_audit
def _values(audit: Audit, key: str) -> list[list[Any]]:
    """Per store its values of a key, the most frequent one first."""
    labels = audit.labels(key)
    codes, stores, n = labels.rows
    found: list[list[Any]] = [[] for _ in labels.stores]
    for i in np.lexsort((codes, -n)).tolist():
        found[stores[i]].append(labels.classes[codes[i]])
    return found


def sheet(audit: Audit, some: Sequence[int], arrangement: Arrangement, *, opened: bool) -> Node:
    """Return the sample sheet of some stores: their donors, tissues, ….

    Parameters
    ----------
    audit
        What is shown.
    some
        Positions of the stores.
    arrangement
        Order and page.
    opened
        Whether anything is to be seen of it.
    """
    known = sample_keys(audit) if opened else []
    inner: list[Node] = []
    if known:
        names = [str(store) for store in audit.stores.index]
        texts = differing(names)
        place = {store: i for i, store in enumerate(audit.labels(known[0]).stores)}
        values = {key: _values(audit, key) for key in known}

        def of_store(key: str, i: int) -> list[Any]:
            return values[key][place[names[i]]] if names[i] in place else []

        order: dict[str, Any] = {"store": texts}
        for k, key in enumerate(known):
            order[f"k{k}"] = [listed(of_store(key, i), most=1) or None for i in range(len(names))]
        page = cut(some, order, arrangement)
        marks = marks_of(audit)
        lines = [
            {
                "id": f"s{i}",
                "cells": [
                    {"text": texts[i], "title": shown(names[i], 300), "mark": marks.get(names[i])},
                    *(_cell(of_store(key, i)) for key in known),
                ],
            }
            for i in page.rows
        ]
        columns: list[Node] = [{"id": "store", "label": "store", "sticky": True}]
        columns += [{"id": f"k{k}", "label": shown(key, 24)} for k, key in enumerate(known)]
        inner = [
            pictures.table("sheet", "Sample sheet", columns, lines, **page.node, copies=("csv",))
        ]
    elif opened:
        inner = [nodes.note("no_sheet", "No obs column says what was sampled.", "hint")]
    return nodes.disclosure("samples", "Sample sheet: donors, tissues, …", inner, opened=opened)


def _cell(values: list[Any]) -> Node:
    if not values:
        return {"text": "–"}
    text, whole = listed(values, most=2, limit=24), listed(values, most=20, limit=60)
    return {"text": text} if text == whole else {"text": text, "title": whole}


def obs_columns(audit: Audit, arrangement: Arrangement, *, opened: bool) -> Node:
    """Return all obs columns: which stores have them, as what, and how many cells have no value."""
    n = len(audit.obs_schema.index)
    inner: list[Node] = []
    if opened and n:
        try:
            inner = [_columns(audit, arrangement)]
        except MappedvizError as error:  # of an audit from JSON
            inner = [nodes.note("no_columns", shown(str(error), 300), "hint")]
    return nodes.disclosure("obs", f"{things(n, 'obs column')}", inner, opened=opened)


def _columns(audit: Audit, arrangement: Arrangement) -> Node:
    table = audit.obs_browser
    n_stores = int((audit.stores["status"] == "ok").sum())
    facts = table.to_dict("records")
    order: dict[str, Any] = {
        "column": [str(column) for column in table.index],
        "stores": [one["n_stores"] for one in facts],
        "types": [", ".join(one["dtypes"]) for one in facts],
        "values": [one["most"] for one in facts],
        "missing": [one["missing"] for one in facts],
    }
    page = cut(range(len(facts)), order, arrangement)
    lines = []
    for i in page.rows:
        one = facts[i]
        n, examples = int(one["n_stores"]), list(one["examples"])
        lines.append(
            {
                "id": f"o{i}",
                "cells": [
                    {"text": shown(table.index[i], 40)},
                    {"text": f"{n:,} of {n_stores:,}", "bar": n / max(n_stores, 1)},
                    {"text": shown(order["types"][i] or "–", 60)},
                    {"text": _numbers(one["fewest"], one["most"])},
                    {
                        "text": listed(examples, most=3, limit=30) or "–",
                        "title": listed(examples, most=20, limit=60),
                    },
                    {"text": "–" if is_missing(one["missing"]) else f"{one['missing']:.3g} %"},
                ],
            }
        )
    columns: list[Node] = [
        {"id": "column", "label": "obs column", "sticky": True},
        {"id": "stores", "label": "in stores", "align": "right", "bar": True},
        {"id": "types", "label": "type"},
        {"id": "values", "label": "values", "align": "right", "title": "in a store"},
        {"id": "examples", "label": "such as"},
        {"id": "missing", "label": "missing", "align": "right", "title": "cells without a value"},
    ]
    return pictures.table(
        "columns", "Obs columns", columns, lines, **page.node, copies=("csv", "code")
    )


def _numbers(fewest: Any, most: Any) -> str:
    """Fewest and most values of a column in a store."""
    if is_missing(fewest):
        return "–"
    if is_missing(most):
        return f"{int(fewest):,} or more"
    return f"{int(fewest):,}" if fewest == most else f"{int(fewest):,} – {int(most):,}"


def sheet_frame(audit: Audit) -> Any:
    """Return the sample sheet of all stores as a DataFrame: store × key, values joined by "; "."""
    import pandas as pd

    known = sample_keys(audit)
    frame = pd.DataFrame(
        {
            key: ["; ".join(shown(one, None) for one in some) for some in _values(audit, key)]
            for key in known
        },
        index=pd.Index(audit.labels(known[0]).stores if known else [], name="store", dtype=object),
    )
    return frame.reindex(audit.stores.index, fill_value="")
