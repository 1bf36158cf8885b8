"""Charts for notebooks: bars, a curve, a matrix, a table, code to copy. Widgets without libraries.

Each is one small :mod:`anywidget` whose traits are all there is to it: set them, and the picture
changes; a click or a key press changes ``selected``. What is drawn is told by ids, which are
strings and unique within a chart. Texts are shown as they are, so they come out of
:func:`mappedviz.text.display.shown` or :func:`mappedviz.text.display.names`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import anywidget
import traitlets

MOST_ROWS = 200  # what a chart draws at most
STATIC = Path(__file__).parent / "static"
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_NAME = re.compile(r"== (\w+) ==")


def _sections(name: str, starts: str) -> dict[str, str]:
    """The sections of a file beside this one, without comments and indentation."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in (STATIC / name).read_text(encoding="utf-8").splitlines():
        line = line.strip()
        if line.startswith(starts):
            if title := _NAME.search(line):
                lines = found.setdefault(title[1], [])
        elif line:
            lines.append(line)
    return {title: "\n".join(lines) for title, lines in found.items()}


_JS = _sections("charts.js", "// ")
_CSS = _sections("charts.css", "/* ")


def _module(*names: str) -> str:
    return "\n".join(_JS[name] for name in ("module", *names))


def _style(*names: str) -> str:
    style = "".join(_CSS[name] for name in ("common", *names))
    return re.sub(r"(?<=[{};:,])\s+|\s+(?=\{)", "", style)


def _number(value: Any, what: str) -> float | int | None:
    """A number that JSON knows; None and NaN are none."""
    if value is None:
        return None
    if hasattr(value, "item"):  # of numpy
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise traitlets.TraitError(f"{what}: {value!r} is not a number.")
    if math.isinf(value):
        raise traitlets.TraitError(f"{what}: {value!r} cannot be drawn.")
    if math.isnan(value):
        return None
    return int(value) if value == int(value) else value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise traitlets.TraitError(f"{what}: {value!r} is not text.")
    return value


# What a record holds: how a value is checked, and what stands there without one.
_Fields: TypeAlias = Mapping[str, tuple[Callable[[Any, str], Any], Any]]


def _records(values: Iterable[Any], what: str, fields: _Fields) -> list[dict[str, Any]]:
    """Dictionaries with known keys, each value of its kind; what has a default may be absent."""
    records = []
    for i, value in enumerate(values):
        where = f"{what}[{i}]"
        if not isinstance(value, Mapping):
            raise traitlets.TraitError(f"{where}: {value!r} is not a dictionary.")
        if unknown := set(value) - set(fields):
            raise traitlets.TraitError(
                f"{where} has {sorted(map(str, unknown))}; known are {sorted(fields)}."
            )
        record = {}
        for key, (kind, default) in fields.items():
            if key in value:
                record[key] = kind(value[key], f"{where}[{key!r}]")
            elif default is not None:
                record[key] = default
            elif kind is _text:
                raise traitlets.TraitError(f"{where} has no {key!r}.")
        records.append(record)
    if "id" in fields:
        ids = [record["id"] for record in records]
        if len(set(ids)) < len(ids):
            twice = next(one for i, one in enumerate(ids) if one in ids[:i])
            raise traitlets.TraitError(f"{what}: the id {twice!r} is there twice.")
    return records


def _numbers(values: Any, what: str) -> list[float | int | None]:
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise traitlets.TraitError(f"{what}: {values!r} is not a list of numbers.")
    return [_number(value, what) for value in values]


def _marks(values: Any, what: str) -> list[float | int]:
    numbers = _numbers(values if hasattr(values, "__iter__") else [values], what)
    return [number for number in numbers if number is not None]


def _flag(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise traitlets.TraitError(f"{what}: {value!r} is neither True nor False.")
    return value


def _colour(value: Any, what: str) -> str:
    if not isinstance(value, str) or not _COLOUR.fullmatch(value):
        raise traitlets.TraitError(f"{what}: {value!r} is not a colour like '#0072b2'.")
    return value


def _align(value: Any, what: str) -> str:
    if value not in ("left", "right"):
        raise traitlets.TraitError(f"{what}: {value!r} is neither 'left' nor 'right'.")
    return str(value)


def _key(value: Any, what: str) -> float | int | str | None:
    return value if isinstance(value, str) else _number(value, what)


class Chart(anywidget.AnyWidget):
    """The base of all charts.

    Attributes
    ----------
    title
        Name of the chart, for screen readers.
    selected
        Ids of the selected rows. Set by a click, Enter or Space, and from Python.
    selectable
        Number of rows that can be selected: ``"none"``, ``"one"`` or ``"many"``.
    """

    kind = traitlets.Unicode().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)
    selectable = traitlets.Enum(["none", "one", "many"], default_value="none").tag(sync=True)

    def put(self, **values: Any) -> None:
        """Set several traits at once: one message, drawn once."""
        with self.hold_sync():
            for name, value in values.items():
                self.set_trait(name, value)


class Bars(Chart):
    """Horizontal bars, one row each, with one segment or one thin bar for every series.

    Attributes
    ----------
    rows
        ``{"id", "label", "values": [one number a series], "text", "title", "marks"}``: `text`
        stands right of the bar, `title` in the tooltip, `marks` (a number or several) are drawn
        as thin lines. The first 200 are drawn.
    series
        ``{"name", "colour": "#rrggbb", "hatch": bool}``. More than one get a legend.
    mode
        ``"stacked"``, ``"share"`` (every row is 100 %; `marks` are fractions) or ``"grouped"``.
    log
        A logarithmic axis, where bars stand alone: one series, or ``"grouped"``.
    unit
        Unit of the values: ``"cells"``.
    marks_label
        Name of the marks, for the legend: ``"before"``.

    Examples
    --------
    >>> bars = Bars(title="Cells", unit="cells", series=[{"name": "", "colour": "#0072b2"}])
    >>> bars.rows = [{"id": "0", "label": "T cells", "values": [1200], "text": "1,200"}]
    """

    _esm = _module("common", "axes", "bars")
    _css = _style("axes", "bars")
    kind = traitlets.Unicode("bars", read_only=True).tag(sync=True)
    rows: traitlets.List[Any] = traitlets.List().tag(sync=True)
    series: traitlets.List[Any] = traitlets.List().tag(sync=True)
    mode = traitlets.Enum(["stacked", "share", "grouped"], default_value="stacked").tag(sync=True)
    log = traitlets.Bool(False).tag(sync=True)
    unit = traitlets.Unicode().tag(sync=True)
    marks_label = traitlets.Unicode().tag(sync=True)

    @traitlets.validate("rows")
    def _valid_rows(self, proposal: Any) -> list[dict[str, Any]]:
        fields: _Fields = {
            "id": (_text, None),
            "label": (_text, None),
            "values": (_numbers, []),
            "text": (_text, ""),
            "title": (_text, ""),
            "marks": (_marks, []),
        }
        return _records(proposal["value"], "rows", fields)

    @traitlets.validate("series")
    def _valid_series(self, proposal: Any) -> list[dict[str, Any]]:
        fields = {"name": (_text, None), "colour": (_colour, "#0072b2"), "hatch": (_flag, False)}
        return _records(proposal["value"], "series", fields)


class Curve(Chart):
    """A line through points, one of which can be marked: genes kept against k.

    Attributes
    ----------
    points
        ``[x, y]`` each.
    xlabel, ylabel
        Names of the axes.
    selected
        The marked x as text, ``["3"]``; moved by a click and the arrow keys.
    """

    _esm = _module("common", "axes", "curve")
    _css = _style("axes", "curve")
    kind = traitlets.Unicode("curve", read_only=True).tag(sync=True)
    points: traitlets.List[Any] = traitlets.List().tag(sync=True)
    xlabel = traitlets.Unicode().tag(sync=True)
    ylabel = traitlets.Unicode().tag(sync=True)

    @traitlets.validate("points")
    def _valid_points(self, proposal: Any) -> list[list[float | int]]:
        points = []
        for i, value in enumerate(proposal["value"]):
            numbers = [n for n in _numbers(value, f"points[{i}]") if n is not None]
            if len(numbers) != 2:
                raise traitlets.TraitError(f"points[{i}]: {value!r} is not x and y.")
            # 3.0 is told by "3", as the browser writes it.
            points.append([int(n) if n == int(n) else n for n in numbers])
        return points


class Matrix(Chart):
    """Shaded cells in rows and columns.

    Attributes
    ----------
    rows, columns
        ``{"id", "label"}``. Rows can be selected.
    values
        The shade of each cell, 0 … 1; None for nothing.
    texts
        Text of each cell.
    """

    _esm = _module("common", "matrix")
    _css = _style("table", "matrix")
    kind = traitlets.Unicode("matrix", read_only=True).tag(sync=True)
    rows: traitlets.List[Any] = traitlets.List().tag(sync=True)
    columns: traitlets.List[Any] = traitlets.List().tag(sync=True)
    values: traitlets.List[Any] = traitlets.List().tag(sync=True)
    texts: traitlets.List[Any] = traitlets.List().tag(sync=True)

    @traitlets.validate("rows", "columns")
    def _valid_names(self, proposal: Any) -> list[dict[str, Any]]:
        fields = {"id": (_text, None), "label": (_text, None)}
        return _records(proposal["value"], proposal["trait"].name, fields)

    @traitlets.validate("values")
    def _valid_values(self, proposal: Any) -> list[list[float | int | None]]:
        return [_numbers(row, f"values[{i}]") for i, row in enumerate(proposal["value"])]

    @traitlets.validate("texts")
    def _valid_texts(self, proposal: Any) -> list[list[str]]:
        return [
            [_text(text, f"texts[{i}]") for text in row] for i, row in enumerate(proposal["value"])
        ]


class Table(Chart):
    """Rows that are sorted in the browser.

    Attributes
    ----------
    columns
        ``{"id", "label", "align": "left" | "right", "bar": bool, "title"}``.
    rows
        ``{"id", "cells": [{"text", "value", "bar", "title"}]}``: sorted by `value` (a number, a
        text; None comes last), or by `text` where there is none; `bar`, 0 … 1, is drawn under
        the text in columns with ``bar=True``. The first 200 are drawn.
    sort
        ``[column id, "ascending" | "descending"]``; empty: the rows as they are given.
    note
        A line below, such as how many rows were left out.
    """

    _esm = _module("common", "table")
    _css = _style("table")
    kind = traitlets.Unicode("table", read_only=True).tag(sync=True)
    columns: traitlets.List[Any] = traitlets.List().tag(sync=True)
    rows: traitlets.List[Any] = traitlets.List().tag(sync=True)
    sort = traitlets.List(traitlets.Unicode()).tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)

    @traitlets.validate("columns")
    def _valid_columns(self, proposal: Any) -> list[dict[str, Any]]:
        fields = {
            "id": (_text, None),
            "label": (_text, None),
            "align": (_align, "left"),
            "bar": (_flag, False),
            "title": (_text, ""),
        }
        return _records(proposal["value"], "columns", fields)

    @traitlets.validate("rows")
    def _valid_rows(self, proposal: Any) -> list[dict[str, Any]]:
        return _records(proposal["value"], "rows", {"id": (_text, None), "cells": (_cells, [])})

    @traitlets.validate("sort")
    def _valid_sort(self, proposal: Any) -> list[str]:
        sort = list(proposal["value"])
        if sort and (len(sort) != 2 or sort[1] not in ("ascending", "descending")):
            raise traitlets.TraitError(
                f"sort: {sort!r} is not [column id, 'ascending' or 'descending']."
            )
        return sort


def _cells(values: Any, what: str) -> list[dict[str, Any]]:
    fields = {
        "text": (_text, None),
        "value": (_key, None),
        "bar": (_number, None),
        "title": (_text, ""),
    }
    cells = _records(values, what, fields)
    # Most cells are plain text, and a table has many: nothing is sent for what they lack.
    return [
        {key: value for key, value in cell.items() if key == "text" or value not in (None, "")}
        for cell in cells
    ]


class Code(Chart):
    """Code with a button that copies it.

    Attributes
    ----------
    text
        The code.
    language
        ``"python"`` and ``"json"`` get a little colour.
    """

    _esm = _module("common", "code")
    _css = _style("code")
    kind = traitlets.Unicode("code", read_only=True).tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)
    language = traitlets.Unicode("python").tag(sync=True)


class KeyGuard(anywidget.AnyWidget):
    """Nothing to see: keys pressed in the box that holds it do not reach the notebook's commands.

    Without it, typing into a focused ``Dropdown`` in JupyterLab changes and deletes cells.

    Examples
    --------
    >>> import ipywidgets
    >>> box = ipywidgets.VBox([ipywidgets.Dropdown(options=["a", "b"]), KeyGuard()])
    """

    _esm = _module("guard")
    kind = traitlets.Unicode("guard", read_only=True).tag(sync=True)
