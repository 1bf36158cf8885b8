"""The charts as values: what their traits take, and what they send."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import traitlets

from mappedviz.text.colours import OKABE_ITO
from mappedviz.views import charts
from mappedviz.views.charts import Bars, Chart, Code, Curve, KeyGuard, Matrix, Table
from tests.hostile import HOSTILE

FOLDER = charts.STATIC
KINDS = [Bars, Curve, Matrix, Table, Code]
NAMESPACE = "http://www.w3.org/2000/svg"  # a name, not an address


def sent(widget) -> dict[str, int]:
    """Bytes of each trait that goes to the browser, as JSON."""
    return {name: len(json.dumps(value).encode()) for name, value in widget.get_state().items()}


def stores(n: int) -> list[dict]:
    return [{"name": f"store_{i}.h5ad", "colour": OKABE_ITO[i], "hatch": False} for i in range(n)]


def categories(n: int, n_stores: int) -> list[dict]:
    rng = np.random.default_rng(0)
    counts = rng.integers(1_000, 90_000, (n, n_stores))
    return [
        {
            "id": str(i),
            "label": f"CD{i} positive, αβ T cell",
            "values": row,
            "text": f"{row.sum():,} (3.1 %)",
            "title": "in all 8 stores",
        }
        for i, row in enumerate(counts)
    ]


@pytest.mark.parametrize("kind", [*KINDS, KeyGuard])
def test_what_the_browser_runs_is_small(kind):
    """Saved notebooks hold it once a chart."""
    widget = kind()
    assert len(str(widget._esm).encode()) < 12_000
    assert len(str(getattr(widget, "_css", "")).encode()) < 5_000


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_with_nothing_to_show(kind):
    chart = kind()
    state = chart.get_state()
    assert state["kind"] == kind.__name__.lower()
    assert state["selected"] == []
    with pytest.raises(traitlets.TraitError):
        chart.kind = "other"


def test_the_script_writes_text_only_and_asks_nobody():
    source = (FOLDER / "charts.js").read_text(encoding="utf-8")
    code = "\n".join(
        line for line in source.splitlines() if not line.lstrip().startswith("//")
    ).replace(NAMESPACE, "")
    # One list of the highlighter names them as words of Python.
    code = code.replace("(import|from|as|", "(")
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "DOMParser"):
        assert word not in code
    for word in ("eval", "Function", "import", "require", "fetch", "XMLHttpRequest", "WebSocket"):
        assert not re.search(rf"\b{word}\b", code)
    assert not re.search(r"https?:|//\w|url\(|\.src\b|\.href\b", code)
    style = (FOLDER / "charts.css").read_text(encoding="utf-8")
    assert not re.search(r"https?:|url\(|@import|@font-face", style)


@pytest.mark.parametrize("kind", [*KINDS, KeyGuard])
@pytest.mark.skipif(shutil.which("node") is None, reason="no node: the browser is the judge")
def test_the_script_is_a_module(kind):
    """What is sent is the file without comments and indentation: still the same program."""
    run = subprocess.run(
        ["node", "--input-type=module", "--check"],
        input=str(kind()._esm),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr


def test_a_change_of_25_categories_and_8_stores_is_small():
    bars = Bars(series=stores(8), rows=categories(25, 8), unit="cells")
    assert sent(bars)["rows"] < 10_000


def test_values_of_numpy_become_numbers_of_json():
    bars = Bars(series=stores(3))
    bars.rows = [{"id": "a", "label": "A", "values": np.array([1, 2.5, np.nan]), "marks": 3.0}]
    assert bars.rows == [
        {"id": "a", "label": "A", "values": [1, 2.5, None], "text": "", "title": "", "marks": [3]}
    ]
    json.dumps(bars.get_state(), allow_nan=False)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a"], "is not a dictionary"),
        ([{"label": "A"}], "has no 'id'"),
        ([{"id": 1, "label": "A"}], "'id'.*is not text"),
        ([{"id": "a", "label": "A"}] * 2, "the id 'a' is there twice"),
        ([{"id": "a", "label": "A", "value": 3}], r"has \['value'\]; known are"),
        ([{"id": "a", "label": "A", "values": 3}], "is not a list of numbers"),
        ([{"id": "a", "label": "A", "values": "12"}], "is not a list of numbers"),
        ([{"id": "a", "label": "A", "values": ["1"]}], "is not a number"),
        ([{"id": "a", "label": "A", "values": [True]}], "is not a number"),
        ([{"id": "a", "label": "A", "values": [np.inf]}], "cannot be drawn"),
    ],
)
def test_rows_that_cannot_be_drawn_are_refused(rows, message):
    bars = Bars(rows=[{"id": "0", "label": "before"}])
    with pytest.raises(traitlets.TraitError, match=message):
        bars.rows = rows
    assert bars.rows[0]["label"] == "before"


@pytest.mark.parametrize("colour", ["red", "#fff", "url(http://evil)", "#0072b2;x", None, 3])
def test_colours_are_colours(colour):
    with pytest.raises(traitlets.TraitError, match="is not a colour"):
        Bars(series=[{"name": "a", "colour": colour}])


@pytest.mark.parametrize(
    ("kind", "traits"),
    [
        (Bars, {"mode": "pie"}),
        (Bars, {"series": [{"name": "a", "hatch": 1}]}),
        (Bars, {"selectable": "two"}),
        (Bars, {"selected": [1]}),
        (Curve, {"points": [[1]]}),
        (Curve, {"points": [[1, None]]}),
        (Curve, {"points": [3]}),
        (Matrix, {"rows": [{"id": "a"}]}),
        (Matrix, {"values": [["x"]]}),
        (Matrix, {"texts": [[1]]}),
        (Table, {"columns": [{"id": "a", "label": "A", "align": "middle"}]}),
        (Table, {"rows": [{"id": "a", "cells": [{"value": 1}]}]}),
        (Table, {"rows": [{"id": "a", "cells": [{"text": "1", "bar": "x"}]}]}),
        (Table, {"sort": ["a"]}),
        (Table, {"sort": ["a", "up"]}),
        (Code, {"text": 3}),
    ],
)
def test_other_traits_are_checked_too(kind, traits):
    with pytest.raises(traitlets.TraitError):
        kind(**traits)


def test_points_are_told_as_the_browser_writes_them():
    curve = Curve(points=list(np.array([[1.0, 9.0], [2.5, 7.0]])))
    assert curve.points == [[1, 9], [2.5, 7]]


def test_cells_send_what_they_have():
    table = Table(
        columns=[{"id": "n", "label": "cells", "align": "right", "bar": True}],
        rows=[{"id": "a", "cells": [{"text": "1", "value": np.int64(1), "bar": 0.5, "title": ""}]}],
        sort=("n", "descending"),
    )
    assert table.rows == [{"id": "a", "cells": [{"text": "1", "value": 1, "bar": 0.5}]}]
    assert table.sort == ["n", "descending"]
    # Zero is a value.
    table.rows = [{"id": "a", "cells": [{"text": "0", "value": 0, "bar": 0.0}]}]
    assert table.rows[0]["cells"] == [{"text": "0", "value": 0, "bar": 0}]


def test_several_traits_in_one_message(monkeypatch):
    messages = []
    bars = Bars()
    monkeypatch.setattr(bars, "send_state", lambda key=None: messages.append(set(key)))
    bars.put(rows=categories(2, 3), series=stores(3), selected=["1"])
    assert messages == [{"rows", "series", "selected"}]
    with pytest.raises(traitlets.TraitError):
        bars.put(nothing=3)


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_a_label(name):
    from mappedviz.text.display import shown

    bars = Bars(rows=[{"id": "0", "label": shown(name), "values": [1]}])
    json.dumps(bars.get_state()).encode()


def test_every_chart_can_be_named_and_selected():
    for kind in KINDS:
        assert issubclass(kind, Chart)
        chart = kind(title="Cells", selectable="many", selected=["a", "b"])
        assert chart.selected == ["a", "b"]
