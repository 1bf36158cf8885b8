"""The obs of the stores: the sample sheet, and all columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.text.display import is_missing, listed, shown
from mappedviz.views import nodes, pictures
from mappedviz.views.models.categories import keys
from mappedviz.views.models.memory import of_audit
from mappedviz.views.models.tables import cut, things
from mappedviz.views.series import short_names

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit
    from mappedviz.views.models.tables import Arrangement
    from mappedviz.views.nodes import Node

_MOST_KEYS = 8
_MOST_STORES = 12  # that have a column of their own
_SAMPLE = re.compile(
    r"donor|patient|subject|individual|sample|batch|tissue|organ|assay|platform|technology|disease"
    r"|condition|treatment|sex|gender|age|stage|species|study|site",
    re.IGNORECASE,
)


@of_audit
def sample_keys(audit: Audit) -> list[str]:
    """Return the obs keys that tell what was sampled, by their names; those of most stores first."""
    return [key for key, _ in keys(audit) if _SAMPLE.search(key)][:_MOST_KEYS]


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
        texts = short_names(names)
        place = {store: i for i, store in enumerate(audit.labels(known[0]).stores)}
        values = {key: _values(audit, key) for key in known}

        def of_store(key: str, i: int) -> list[Any]:
            return values[key][place[names[i]]] if names[i] in place else []

        order: dict[str, Any] = {"store": texts}
        for k, key in enumerate(known):
            order[f"k{k}"] = [listed(of_store(key, i), most=1) or None for i in range(len(names))]
        page = cut(some, order, arrangement)
        lines = [
            {
                "id": f"s{i}",
                "cells": [
                    {"text": texts[i], "title": shown(names[i], 300)},
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
        inner = [
            nodes.note("no_sheet", "No obs column is named after a donor, a tissue, …", "hint")
        ]
    return nodes.disclosure("samples", "Sample sheet: donors, tissues, …", inner, opened=opened)


def _cell(values: list[Any]) -> Node:
    if not values:
        return {"text": "–"}
    text, whole = listed(values, most=2, limit=24), listed(values, most=20, limit=60)
    return {"text": text} if text == whole else {"text": text, "title": whole}


def obs_columns(audit: Audit, arrangement: Arrangement, *, opened: bool) -> Node:
    """Return all obs columns: which stores have them, as what, and how many cells have no value."""
    n = len(audit.obs_schema.index)
    inner = [_columns(audit, arrangement)] if opened and n else []
    return nodes.disclosure("obs", f"{things(n, 'obs column')}", inner, opened=opened)


@of_audit
def _facts(audit: Audit) -> list[tuple[str, int, str, float | None, list[str]]]:
    """Column, stores that have it, its types, per cent missing on average, type in each store."""
    schema = audit.obs_schema
    if not len(schema.columns):
        return []
    dtypes = schema.xs("dtype", axis=1, level="what").to_numpy(dtype=object)
    missing = schema.xs("missing", axis=1, level="what").to_numpy(dtype=float)
    found = []
    for column, of_stores, gaps in zip(schema.index, dtypes, missing, strict=True):
        kinds = Counter(_plain(dtype) for dtype in of_stores if dtype is not None)
        there = gaps[~np.isnan(gaps)]
        words = [f"{kind} ({k:,})" if len(kinds) > 1 else kind for kind, k in kinds.most_common(4)]
        found.append(
            (
                str(column),
                sum(kinds.values()),
                ", ".join(words),
                float(there.mean()) if len(there) else None,
                ["–" if dtype is None else str(dtype) for dtype in of_stores],
            )
        )
    return found


def _plain(dtype: Any) -> str:
    """The type without its number of categories."""
    return str(dtype).partition("(")[0]


def _columns(audit: Audit, arrangement: Arrangement) -> Node:
    facts = _facts(audit)
    pairs: list[Any] = audit.obs_schema.columns.tolist()
    stores = [store for store, what in pairs if what == "dtype"]
    each = len(stores) <= _MOST_STORES
    order: dict[str, Any] = {
        "column": [one[0] for one in facts],
        "stores": [one[1] for one in facts],
        "types": [one[2] for one in facts],
        "missing": [one[3] for one in facts],
    }
    page = cut(range(len(facts)), order, arrangement)
    lines = []
    for i in page.rows:
        column, n, types, missing, of_stores = facts[i]
        there: Node = {"text": f"{n:,} of {len(stores):,}", "bar": n / max(len(stores), 1)}
        gaps = "–" if is_missing(missing) else f"{missing:.3g} %"
        line: list[Node] = [{"text": shown(column, 40)}, there, {"text": shown(types, 60)}]
        line.append({"text": gaps})
        if each:
            line += [{"text": shown(one, 24)} for one in of_stores]
        lines.append({"id": f"o{i}", "cells": line})
    columns: list[Node] = [
        {"id": "column", "label": "obs column", "sticky": True},
        {"id": "stores", "label": "in stores", "align": "right", "bar": True},
        {"id": "types", "label": "type"},
        {"id": "missing", "label": "missing", "align": "right", "title": "cells without a value"},
    ]
    if each:
        columns += [
            {"id": f"s{i}", "label": text, "title": shown(stores[i], 300)}
            for i, text in enumerate(short_names(stores, 18))
        ]
    return pictures.table("columns", "Obs columns", columns, lines, **page.node, copies=("csv",))


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
