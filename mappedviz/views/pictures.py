"""The nodes that show data: charts and tables, as plain checked dictionaries.

Rows have ids, which differ within a chart; a click sends the ids that are selected
then. At most 200 rows are drawn, so whoever calls these has chosen which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mappedviz._types import Array
from mappedviz.views.nodes import (
    MOST,
    Node,
    colour,
    compact,
    mark,
    mood,
    node,
    number,
    numbers_in,
    one_of,
    records,
    text,
    texts_in,
)

COPIES = ("png", "svg", "csv", "code")
_LETTERS = np.frombuffer(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", dtype=np.uint8
)
_SELECTABLE = ("none", "one", "many")
_ROW_TEXTS = ("label", "text", "title", "mood")


def _chart(
    kind: str,
    name: str,
    title: str,
    selected: Sequence[str] = (),
    selectable: str = "none",
    copies: Sequence[str] = (),
    **props: Any,
) -> Node:
    """A chart with what all of them have."""
    one_of(selectable, _SELECTABLE, f"{name}.selectable")
    for one in copies:
        one_of(one, COPIES, f"{name}.copies")
    return node(
        kind,
        name,
        title=text(title, name),
        selected=[text(one, name) for one in selected],
        selectable="" if selectable == "none" else selectable,
        copies=list(copies),
        **props,
    )


def series_in(values: Iterable[Mapping[str, Any]], what: str) -> list[Node]:
    """Return names and colours of series, checked: ``{"name", "colour", "hatch"}``."""
    made = []
    for i, value in enumerate(values):
        texts_in(value, ("name",), f"{what}[{i}]")
        made.append(compact({**value, "colour": colour(value["colour"], f"{what}[{i}]")}))
    return made


def _bar_rows(values: Iterable[Mapping[str, Any]], what: str) -> list[Node]:
    made = records(values, what, ("label", "values", "text", "title", "marks", "mood", "mark"))
    for one in made:
        texts_in(one, _ROW_TEXTS, what)
        one["values"] = numbers_in(one.get("values", []), what)
        if "marks" in one:
            one["marks"] = numbers_in(one["marks"], what)
    return made


def bars(
    name: str,
    title: str,
    rows: Iterable[Mapping[str, Any]],
    series: Iterable[Mapping[str, Any]],
    *,
    below: Iterable[Mapping[str, Any]] = (),
    mode: str = "stacked",
    log: bool = False,
    unit: str = "",
    marks_label: str = "",
    selected: Sequence[str] = (),
    selectable: str = "none",
    copies: Sequence[str] = COPIES,
    busy: bool = False,
) -> Node:
    """Return horizontal bars.

    Parameters
    ----------
    name, title
        Of the node.
    rows
        ``{"id", "label", "values" (one number a series), "text", "title", "marks", "mood"}``.
    series
        ``{"name", "colour", "hatch"}``.
    below
        Rows that never set the axis: "other", "missing".
    mode
        ``"stacked"``, ``"share"`` or ``"grouped"``.
    log
        A logarithmic axis.
    unit, marks_label
        Of the values, of the marks.
    selected, selectable
        Ids of rows; ``"none"``, ``"one"`` or ``"many"``.
    copies
        What can be copied.
    busy
        Other numbers are on their way.
    """
    return _chart(
        "bars",
        name,
        title,
        selected,
        selectable,
        copies,
        rows=_bar_rows(rows, f"{name}.rows"),
        below=_bar_rows(below, f"{name}.below"),
        series=series_in(series, f"{name}.series"),
        mode="" if one_of(mode, ("stacked", "share", "grouped"), name) == "stacked" else mode,
        log=log,
        unit=unit,
        marks_label=marks_label,
        busy=busy,
    )


def curve(
    name: str,
    title: str,
    points: Iterable[Sequence[Any]],
    *,
    xlabel: str,
    ylabel: str,
    selected: Sequence[str] = (),
    selectable: str = "none",
    copies: Sequence[str] = COPIES,
) -> Node:
    """Return a line through points, one of which can be marked by its x."""
    made = [numbers_in(point, f"{name}.points") for point in points]
    if any(len(point) != 2 or None in point for point in made):
        raise ValueError(f"{name}.points: each is x and y.")
    return _chart(
        "curve",
        name,
        title,
        selected,
        selectable,
        copies,
        points=made,
        xlabel=xlabel,
        ylabel=ylabel,
    )


def matrix(
    name: str,
    title: str,
    rows: Iterable[Mapping[str, Any]],
    columns: Iterable[Mapping[str, Any]],
    values: Sequence[Sequence[Any]],
    *,
    texts: Sequence[Sequence[str]] = (),
    scale: str = "",
    selected: Sequence[str] = (),
    selectable: str = "none",
    copies: Sequence[str] = COPIES,
) -> Node:
    """Return shaded cells in rows and columns: `values` are 0 … 1, None for nothing."""
    return _chart(
        "matrix",
        name,
        title,
        selected,
        selectable,
        copies,
        rows=records(rows, f"{name}.rows", ("label", "title", "mark")),
        columns=records(columns, f"{name}.columns", ("label", "title", "mark")),
        values=[numbers_in(some, f"{name}.values") for some in values],
        texts=[[text(one, name) for one in some] for some in texts],
        scale=scale,
    )


def table(
    name: str,
    title: str,
    columns: Iterable[Mapping[str, Any]],
    rows: Iterable[Mapping[str, Any]],
    *,
    sort: Sequence[str] = (),
    page: int = 0,
    pages: int = 1,
    total: int = 0,
    note: str = "",
    selected: Sequence[str] = (),
    selectable: str = "none",
    boxes: bool = False,
    copies: Sequence[str] = ("csv", "code"),
) -> Node:
    """Return a table, which was sorted, filtered and cut into pages before.

    Parameters
    ----------
    name, title
        Of the node.
    columns
        ``{"id", "label", "align": "left" | "right", "bar", "title", "sticky"}``.
    rows
        ``{"id", "cells": [{"text", "value", "bar", "title", "mood", "colour", "mark"}], "mood"}``.
    sort
        Id of a column, and ``"ascending"`` or ``"descending"``; or nothing.
    page, pages, total
        The page that is shown, from 0; how many there are; how many rows.
    note
        A line below.
    selected, selectable, copies
        As for :func:`bars`.
    boxes
        Rows are ticked, and show a box.
    """
    if sort and (len(sort) != 2 or sort[1] not in ("ascending", "descending")):
        raise ValueError(
            f"{name}.sort: {sort!r} is not [column name, 'ascending' or 'descending']."
        )
    heads = records(columns, f"{name}.columns", ("label", "align", "bar", "title", "sticky"))
    for one in heads:
        one_of(one.get("align", "left"), ("left", "right"), name)
    lines = records(rows, f"{name}.rows", ("cells", "mood"))
    for line in lines:
        line["cells"] = [_cell(one, name) for one in line.get("cells", [])]
        if len(line["cells"]) != len(heads):
            raise ValueError(f"{name}.rows: {len(heads)} columns, {len(line['cells'])} cells.")
    return {
        **_chart(
            "table",
            name,
            title,
            selected,
            selectable,
            copies,
            sort=list(sort),
            page=page or None,
            pages=pages if pages > 1 else None,
            total=total or None,
            note=note,
            boxes=boxes,
        ),
        "columns": heads,
        "rows": lines,
    }


def _cell(value: Mapping[str, Any], what: str) -> Node:
    made = compact({key: one for key, one in value.items() if key != "value"})
    texts_in(made, ("text", "title", "mood"), what)
    made.setdefault("text", "")
    if "bar" in made:
        made["bar"] = number(round(float(made["bar"]), 4), what)
    if "colour" in made:
        colour(made["colour"], what)
    if "mark" in made:
        mark(made["mark"], what)
    if "mood" in made:
        mood(made["mood"], what)
    return made


def upset(
    name: str,
    title: str,
    sets: Iterable[Mapping[str, Any]],
    columns: Iterable[Mapping[str, Any]],
    *,
    selected: Sequence[str] = (),
    selectable: str = "one",
    copies: Sequence[str] = COPIES,
) -> Node:
    """Return a dot matrix of sets ``{"id", "label", "size"}`` and ``{"id", "size", "members"}``."""
    made = records(sets, f"{name}.sets", ("label", "size", "title", "mark"))
    known = {one["id"] for one in made}
    shown = records(columns, f"{name}.columns", ("size", "members", "title"))
    for one in shown:
        if unknown := set(one.get("members", ())) - known:
            raise ValueError(f"{name}.columns: {sorted(unknown)} are no sets.")
    return _chart("upset", name, title, selected, selectable, copies, sets=made, columns=shown)


def histogram(
    name: str,
    title: str,
    bins: Iterable[Mapping[str, Any]],
    *,
    xlabel: str,
    ylabel: str,
    log: bool = False,
    selected: Sequence[str] = (),
    selectable: str = "none",
    copies: Sequence[str] = COPIES,
) -> Node:
    """Return bins ``{"id", "low", "high", "count", "title"}`` beside each other."""
    made = records(bins, f"{name}.bins", ("low", "high", "count", "title"))
    for one in made:
        for key in ("low", "high", "count"):
            one[key] = number(one.get(key, 0), f"{name}.bins")
    return _chart(
        "histogram",
        name,
        title,
        selected,
        selectable,
        copies,
        bins=made,
        xlabel=xlabel,
        ylabel=ylabel,
        log=log,
    )


def scatter(
    name: str,
    title: str,
    panels: Iterable[Mapping[str, Any]],
    *,
    legend: Iterable[Mapping[str, Any]] = (),
    places: Sequence[str] = (),
    paints: Sequence[str] = (),
    valued: bool = False,
    scale: str = "",
    square: bool = True,
    copies: Sequence[str] = COPIES,
) -> Node:
    """Return small multiples of points.

    Parameters
    ----------
    name, title
        Of the node.
    panels
        ``{"id", "title", "x", "y", "colour" | "value", "n"}``: x and y whole numbers 0 … 1000,
        `colour` positions in the legend, `value` 0 … 1.
    legend
        ``{"name", "colour"}``.
    places, paints
        The same of many points, as :func:`packed` writes it, one text a panel: in places x and y of
        each point in turn, in paints its colour, or 62 times its value if `valued`. Apart from each
        other, so that other colours of the same points are few bytes.
    valued
        Whether paints are values.
    scale
        The meaning of a value.
    square
        Both axes have one scale.
    copies
        What can be copied.
    """
    made = records(
        panels, f"{name}.panels", ("title", "x", "y", "colour", "value", "n", "mark"), 64
    )
    for one in made:
        lengths = {len(one[key]) for key in ("x", "y", "colour", "value") if key in one}
        if len(lengths) > 1:
            raise ValueError(f"{name}.panels: {one['id']!r} has lists of different lengths.")
    return _chart(
        "scatter",
        name,
        title,
        (),
        "none",
        copies,
        panels=made,
        legend=series_in(legend, f"{name}.legend"),
        places=[text(one, f"{name}.places") for one in places],
        paints=[text(one, f"{name}.paints") for one in paints],
        valued=valued,
        scale=text(scale, f"{name}.scale"),
        square=square,
    )


def packed(numbers: Array, letters: int = 1) -> str:
    """Return whole numbers as letters, 6 bits each; -1 in one letter is the last one, "_".

    Examples
    --------
    >>> packed(np.array([0, 1, 62, -1])), packed(np.array([0, 64, 1000]), 2)
    ('AB-_', 'AABAPo')
    """
    values = np.asarray(numbers, dtype=np.int64)
    shifts = 6 * np.arange(letters - 1, -1, -1)
    letters_: Array = _LETTERS[(values[:, None] >> shifts) & 63]
    return letters_.tobytes().decode("ascii")


def strips(
    name: str,
    title: str,
    rows: Iterable[Mapping[str, Any]],
    axis: Mapping[str, Any],
    *,
    below: Iterable[Mapping[str, Any]] = (),
    selected: Sequence[str] = (),
    selectable: str = "none",
    copies: Sequence[str] = COPIES,
) -> Node:
    """Return one strip of values 0 … 1 a row, with five quantiles, above a common axis.

    Parameters
    ----------
    name, title
        Of the node.
    rows
        ``{"id", "label", "values", "quantiles", "text", "title", "colour"}``.
    axis
        ``{"ticks": [{"at", "text"}], "label"}``.
    below
        Rows that stand below a rule: what is missing.
    selected, selectable, copies
        As for :func:`bars`.
    """
    return _chart(
        "strips",
        name,
        title,
        selected,
        selectable,
        copies,
        rows=_strip_rows(rows, f"{name}.rows"),
        below=_strip_rows(below, f"{name}.below"),
        axis=dict(axis),
    )


def _strip_rows(values: Iterable[Mapping[str, Any]], what: str) -> list[Node]:
    keys = ("label", "values", "quantiles", "text", "title", "colour", "mark")
    made = records(values, what, keys, MOST)
    for one in made:
        for key in ("values", "quantiles"):
            one[key] = numbers_in(one.get(key, []), what)
    return made
