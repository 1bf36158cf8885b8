"""The pictures of labels: bars by store or by any obs key, and one key against another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.errors import MappedvizError
from mappedviz.text.display import MISSING, Words, differing, names, quantity, share, shown
from mappedviz.views import nodes, pictures
from mappedviz.views.models.memory import of_audit
from mappedviz.views.models.stores import colours_of, marks_of
from mappedviz.views.models.tables import things
from mappedviz.views.series import Ids, of_series, series_of, series_of_values

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz._types import Array
    from mappedviz.audits.result import Audit
    from mappedviz.audits.tables.labels import LabelTable
    from mappedviz.views.models.label_state import State
    from mappedviz.views.nodes import Node

STORE = "store"
_MOST_COLUMNS = 30  # and rows, of a matrix
_LABEL = 30  # characters that there is room for
MOST_SERIES = 14  # colours, plain and hatched


@of_audit
def cross(audit: Audit, key: str, by: str) -> pd.DataFrame:
    """Return cells of each label of a key and each value of another, the most frequent values first."""
    table = audit.crosstab(key, by)
    order = np.argsort(-table.to_numpy().sum(axis=0), kind="stable")
    return table.iloc[:, order]


def class_ids(labels: LabelTable, state: State) -> Ids:
    """Return the ids of the classes that have a bar."""
    return Ids(labels.top(state.top_n, by=state.sort, search=state.search)[0].index, "c")


def bars(audit: Audit, labels: LabelTable, state: State) -> Node:
    """Return cells of each label, stacked by store or by the values of another key."""
    top, other, n_other = labels.top(state.top_n, by=state.sort, search=state.search)
    named = Ids(top.index, "c")
    nothing = labels.missing + labels.absent
    whole = list(top.to_numpy())
    rest = [other.to_numpy(), nothing.to_numpy()]
    waits = "bars" in state.waiting
    if state.logarithmic or waits:
        series = [{"name": "cells", "colour": series_of(["x"])[0]["colour"]}]
        values = [[int(counts.sum())] for counts in (*whole, *rest)]
    elif state.by:
        series, values = _by(cross(audit, state.key, state.by), list(top.index), whole, rest)
    elif len(labels.stores) > MOST_SERIES:  # a stack of grey says nothing
        series = [{"name": "cells", "colour": series_of(["x"])[0]["colour"]}]
        values = [[int(counts.sum())] for counts in (*whole, *rest)]
    else:
        series = series_of(labels.stores, colours_of(audit))
        values = [counts.tolist() for counts in (*whole, *rest)]
    texts = [quantity(counts.sum()) for counts in (*whole, *rest)]
    n_stores = (top.to_numpy() > 0).sum(axis=1)
    rows = [
        {
            "id": named.of(label),
            "label": text,
            "values": values[i],
            "text": texts[i],
            "title": _title(label, int(n_stores[i]), len(labels.stores)),
        }
        for i, (label, text) in enumerate(zip(top.index, names(top.index, _LABEL), strict=True))
    ]
    below = []
    if n_other and not state.search:
        words = f"other ({n_other:,} more)"
        below.append({"id": "c.other", "label": words, "values": values[-2], "text": texts[-2]})
    if int(nothing.sum()) and not state.search:
        below.append({"id": "c.missing", "label": MISSING, "values": values[-1], "text": texts[-1]})
    return pictures.bars(
        "bars",
        "Cells of each label",
        rows,
        series,
        below=below,
        mode="share" if state.shares else "stacked",
        log=state.logarithmic,
        unit="cells",
        selected=named.known(state.classes),
        selectable="many",
        busy=waits,
    )


def _title(label: Any, n: int, of: int) -> str:
    """The text of the tooltip besides the numbers."""
    where = f"in {n:,} of {things(of, 'store')}" if of > 1 else ""
    whole = shown(label, 400)
    return where if len(whole) <= _LABEL else f"{whole} {where}".strip()


def _by(
    table: pd.DataFrame, shown_: list[Any], whole: list[Array], rest: list[Array]
) -> tuple[list[dict[str, Any]], list[list[int]]]:
    """Series and values of bars by another key; cells without a value of it are a series too."""
    series = series_of_values(list(table.columns))
    known = table.reindex(shown_, fill_value=0).to_numpy()
    others = table.to_numpy().sum(axis=0) - known.sum(axis=0)
    counted = [*known, others, np.zeros(table.shape[1], dtype=np.int64)]
    values = []
    for counts, total in zip(counted, (*whole, *rest), strict=True):
        some = of_series(counts.tolist(), len(series) - 1)
        some += [0] * (len(series) - 1 - len(some))
        values.append([*some, int(total.sum()) - int(counts.sum())])
    return series, values


@of_audit
def cut_cross(audit: Audit, rows: str, columns: str) -> pd.DataFrame:
    """Return cells of each pair of values of two keys: the most frequent ones, others, and none."""
    return audit.crosstab(rows, columns, _MOST_COLUMNS - 1, missing=True)


def keys_of(state: State) -> tuple[str, str]:
    """Return the keys of the rows and of the columns of the matrix."""
    return state.across or state.key, state.against or STORE


def matrix(audit: Audit, state: State) -> Node:
    """Return one key against another: shades are shares of a row's cells."""
    rows, columns = keys_of(state)
    if "matrix" in state.waiting:
        return nodes.note("matrix", "Counting the cells …", "hint")
    try:
        table = cut_cross(audit, rows, columns)
    except MappedvizError as error:  # of an audit from JSON
        return nodes.note("matrix", shown(str(error), 300), "hint")
    counts = table.to_numpy()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # The darkest: of many columns all are pale. What is other or missing does not set it.
    own = [np.array([not isinstance(one, Words) for one in side]) for side in table.axes]
    most = max(float(shares[np.ix_(*own)].max(initial=0)), 1e-9)
    return pictures.matrix(
        "matrix",
        f"{shown(rows, 30)} × {shown(columns, 30)}",
        _side(audit, "y", rows, list(table.index)),
        _side(audit, "x", columns, list(table.columns)),
        [[round(min(float(one) / most, 1), 3) for one in some] for some in shares],
        texts=[[quantity(n) if n else "" for n in some] for some in counts.tolist()],
        scale=f"share of the row's cells, up to {share(most)}",
    )


def _side(audit: Audit, prefix: str, key: str, values: list[Any]) -> list[Node]:
    """Heads of rows or columns; of stores without what all names share."""
    texts = differing(values, 24) if key == STORE else names(values, _LABEL)
    marks = marks_of(audit) if key == STORE else {}
    return [
        {
            "id": f"{prefix}{i}",
            "label": text,
            "title": shown(value, 300),
            "mark": marks.get(value) if isinstance(value, str) else None,
        }
        for i, (text, value) in enumerate(zip(texts, values, strict=True))
    ]


def matrix_frame(audit: Audit, state: State) -> pd.DataFrame:
    """Return all of the table that :func:`matrix` shows the beginning of."""
    return audit.crosstab(*keys_of(state), missing=True)
