"""The table of the stores: what is in each, which cannot be read, and how to find them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mappedviz.errors import MappedvizError
from mappedviz.text.display import is_missing, quantity, share, shown, size
from mappedviz.views import nodes, pictures
from mappedviz.views.models import samples
from mappedviz.views.models.memory import of_audit
from mappedviz.views.models.stores import marks_of, texts_of
from mappedviz.views.models.tables import UNSORTED, Arrangement, count, cut, things
from mappedviz.views.series import Ids

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.result import Audit
    from mappedviz.views.nodes import Node

UNREADABLE, UNLABELLED, KIND = "unreadable", "unlabelled", "kind:"
_MANY = 8  # from so many stores on there are filters
_MOST_KINDS = 6
COLUMNS: list[Node] = [
    {"id": "store", "label": "store", "sticky": True},
    {"id": "status", "label": "status"},
    {"id": "cells", "label": "cells", "align": "right", "bar": True},
    {"id": "genes", "label": "genes", "align": "right", "bar": True},
    {"id": "X", "label": "X", "title": "layout, dtype, compression"},
    {"id": "scale", "label": "values", "title": "judged by sampled rows"},
    {"id": "density", "label": "non-zero", "align": "right"},
    {"id": "size", "label": "on disk", "align": "right"},
    {"id": "also", "label": "also holds"},
]


@dataclass(frozen=True)
class State:
    """The state of the view.

    Attributes
    ----------
    label
        Obs key of the class.
    stores
        Stores in focus.
    search
        Text that names contain.
    filters
        Chips that are pressed.
    arrangement
        Order and page.
    top_n
        Rows of a page.
    opened
        Ids of what is open.
    sheet, columns
        Order and page of the sample sheet and of the obs columns.
    """

    label: str | None = None
    stores: tuple[str, ...] = ()
    search: str = ""
    filters: tuple[str, ...] = ()
    arrangement: Arrangement = UNSORTED
    top_n: int = 50
    opened: frozenset[str] = frozenset()
    sheet: Arrangement = UNSORTED
    columns: Arrangement = UNSORTED


@of_audit
def ids(audit: Audit) -> Ids:
    """Return the ids of the stores."""
    return Ids(audit.stores.index, "s")


def body(audit: Audit, state: State) -> list[Node]:
    """Return the tab."""
    table = audit.stores
    unlabelled = _unlabelled(audit, state.label)
    chosen = rows(audit, state, unlabelled)
    keys = _keys(audit)
    page = cut(chosen, keys, state.arrangement, state.top_n)
    nothing = not state.stores
    tools = [
        nodes.button(
            "leave_selected_out",
            "Leave selected out",
            "train without the selected stores",
            icon="minus",
            disabled=nothing,
        ),
        nodes.button(
            "keep_selected",
            "Keep only selected",
            "train on the selected stores",
            icon="filter",
            disabled=nothing,
        ),
    ]
    if len(table) >= _MANY or state.search or state.filters:
        tools = [
            nodes.text_field("search", "Search", state.search, placeholder="part of a name"),
            nodes.chips("filters", "Only", state.filters, _chips(table, unlabelled, state.label)),
            *tools,
        ]
    return [
        nodes.numbers("numbers", _numbers(audit)),
        nodes.row("tools", tools),
        pictures.table(
            "grid",
            "Stores",
            COLUMNS,
            _lines(audit, page.rows),
            **page.node,
            note=_note(len(chosen), len(table)),
            selected=ids(audit).known(state.stores),
            selectable="many",
            copies=pictures.COPIES,
        ),
        samples.sheet(audit, chosen, state.sheet, opened="samples" in state.opened),
        samples.obs_columns(audit, state.columns, opened="obs" in state.opened),
    ]


def _numbers(audit: Audit) -> list[tuple[str, ...]]:
    table = audit.stores
    bad = int((table["status"] != "ok").sum())
    some: list[tuple[str, ...]] = [
        (quantity(len(table)), "stores" if len(table) != 1 else "store"),
        (quantity(table["n_obs"].sum()), "cells"),
        (quantity(audit.coverage.inner), "genes in all stores"),
        (quantity(audit.coverage.outer), "genes in any store"),
        (size(int(table["nbytes"].sum())), "on disk"),
    ]
    return [*some, (quantity(bad), "cannot be read", "", "error")] if bad else some


@of_audit
def _unlabelled(audit: Audit, label: str | None) -> set[str]:
    """The stores that have no such obs column."""
    if label is None:
        return set()
    try:
        absent = audit.labels(label).absent
    except MappedvizError:
        return set()
    return {str(store) for store, n in absent.items() if n}


def rows(audit: Audit, state: State, unlabelled: set[str] | None = None) -> list[int]:
    """Return the positions of the stores that are shown, those that cannot be read first."""
    table = audit.stores
    without = _unlabelled(audit, state.label) if unlabelled is None else unlabelled
    wanted = state.search.casefold()
    kinds = {one.removeprefix(KIND) for one in state.filters if one.startswith(KIND)}
    found: list[tuple[bool, int]] = []
    facts = zip(table.index, table["status"], table["x_scale"], strict=True)
    for i, (store, status, scale) in enumerate(facts):
        if wanted and wanted not in str(store).casefold():
            continue
        if UNREADABLE in state.filters and status == "ok":
            continue
        if UNLABELLED in state.filters and store not in without:
            continue
        if kinds and str(scale) not in kinds:
            continue
        found.append((status == "ok", i))
    return [i for _, i in sorted(found)]


def _chips(table: pd.DataFrame, unlabelled: set[str], label: str | None) -> list[Node]:
    chips: list[Node] = []
    bad = int((table["status"] != "ok").sum())
    if bad:
        chips.append({"id": UNREADABLE, "text": "cannot be read", "count": bad, "mood": "error"})
    if unlabelled:
        text = f"no {shown(label, 24)}"
        chips.append({"id": UNLABELLED, "text": text, "count": len(unlabelled), "mood": "warning"})
    kinds = table["x_scale"].dropna().value_counts()
    if len(kinds) > 1:
        chips += [
            {"id": f"{KIND}{kind}", "text": shown(kind, 24), "count": int(n)}
            for kind, n in kinds.iloc[:_MOST_KINDS].items()
        ]
    return chips


def _note(n: int, of: int) -> str:
    return "" if n == of else f"{things(n, 'store')} of {of:,}"


@of_audit
def _keys(audit: Audit) -> dict[str, Sequence[Any]]:
    """The values that the columns are sorted by."""
    table = audit.stores
    columns = {
        "cells": "n_obs",
        "genes": "n_vars",
        "X": "X",
        "scale": "x_scale",
        "density": "density",
        "size": "nbytes",
        "status": "status",
    }
    keys = {name: table[column].tolist() for name, column in columns.items()}
    return {**keys, "store": table.index.tolist()}


def _lines(audit: Audit, some: Sequence[int]) -> list[Node]:
    table = audit.stores
    named = ids(audit)
    texts, marks = texts_of(audit), marks_of(audit)
    tops = {
        name: max(int(table[name].sum()) and int(table[name].max()), 1)
        for name in ("n_obs", "n_vars")
    }
    part = table.iloc[list(some)]
    plain = part.astype(object).where(part.notna(), None).to_dict("records")
    lines = []
    for _i, store, facts in zip(some, part.index, plain, strict=True):
        line: Node = {"id": named.of(store), "cells": _cells(facts, texts[str(store)], tops)}
        line["cells"][0]["mark"] = marks.get(str(store))
        if facts["status"] != "ok":
            line["mood"] = "error"
        lines.append(line)
    return lines


def _cells(facts: dict[Any, Any], text: str, tops: dict[str, int]) -> list[Node]:
    """The cells of one row; dashes for what is unknown about a store that cannot be read."""
    parts = [
        "layers " + ", ".join(shown(name, 20) for name in facts["layers"][:4])
        if facts["layers"]
        else "",
        "raw" if facts["raw"] else "",
        "obsm " + ", ".join(shown(name, 20) for name in facts["obsm"][:4]) if facts["obsm"] else "",
    ]
    also = "; ".join(part for part in parts if part)
    good = facts["status"] == "ok"
    said = str(facts["status"]).removeprefix(f"{facts['path']}: ")
    status: Node = {"text": shown(said, 60), "mood": "ok" if good else "error"}
    if not good:
        status["title"] = shown(facts["status"], 400)
    return [
        {"text": text, "title": shown(facts["path"], 300)},
        status,
        count(facts["n_obs"], tops["n_obs"]),
        count(facts["n_vars"], tops["n_vars"]),
        _words(facts["X"], 40),
        _words(facts["x_scale"], 24),
        {"text": share(facts["density"])},
        {"text": size(facts["nbytes"])},
        _words(also, 60),
    ]


def _words(value: Any, limit: int) -> Node:
    if is_missing(value) or not value:
        return {"text": "–"}
    text, whole = shown(value, limit), shown(value, 400)
    return {"text": text} if text == whole else {"text": text, "title": whole}
