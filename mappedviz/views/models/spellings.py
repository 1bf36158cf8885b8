"""Spellings that may mean the same, and the new names of labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mappedviz.errors import RecipeError
from mappedviz.recipe.relabels import ALL
from mappedviz.text.display import MISSING, csv_cell, listed, shown
from mappedviz.views import nodes, pictures
from mappedviz.views.models.tables import count, cut, things
from mappedviz.views.series import Ids

if TYPE_CHECKING:
    from mappedviz.audits.tables.labels import LabelTable
    from mappedviz.recipe.relabels import Renames
    from mappedviz.views.models.label_state import State
    from mappedviz.views.nodes import Node

_MOST_GROUPS = 60


def group_ids(labels: LabelTable) -> Ids:
    """Return the ids of the groups of spellings that are shown."""
    return Ids(list(dict.fromkeys(labels.variants["group"]))[:_MOST_GROUPS], "v")


def spellings_of(labels: LabelTable, group: Any) -> list[Any]:
    """Return the spellings of a group, the most frequent one first."""
    table = labels.variants
    return list(table.loc[table["group"] == group, "label"])


def target_ids(labels: LabelTable, group: Any) -> Ids:
    """Return the ids of the spellings that a group can become."""
    return Ids(spellings_of(labels, group), "t")


def variants(labels: LabelTable, state: State) -> list[Node]:
    """Return the table of spellings, and what can be done with those that are ticked."""
    table = labels.variants
    n = table["group"].nunique()
    if not n:
        return []
    named = group_ids(labels)
    facts: list[tuple[str, list[str], str, int, list[str]]] = []
    for name, some in table.groupby("group", sort=False):
        if not (known := named.known([name])):
            continue
        stores = list(dict.fromkeys(s for of_label in some["stores"] for s in of_label))
        texts = [
            f"{shown(label, 40)} ({n_cells:,})"
            for label, n_cells in zip(some["label"], some["n"], strict=True)
        ]
        becomes = shown(some["label"].iloc[0], 40)
        facts.append((known[0], texts, becomes, int(some["n"].sum()), stores))
    keys_: dict[str, list[Any]] = {
        "spellings": [one[1][0] for one in facts],
        "becomes": [one[2] for one in facts],
        "cells": [one[3] for one in facts],
    }
    page = cut(range(len(facts)), keys_, state.arrangement, _MOST_GROUPS)
    lines = []
    for group, texts, becomes, cells, stores in (facts[i] for i in page.rows):
        whole = " · ".join(texts)
        lines.append(
            {
                "id": group,
                "cells": [
                    {"text": " · ".join(texts[:6]), "title": whole if len(texts) > 6 else ""},
                    {"text": becomes},
                    count(cells),
                    {"text": listed(stores, most=2, limit=24)},
                ],
            }
        )
    columns: list[Node] = [
        {"id": "spellings", "label": "spellings", "sticky": True},
        {"id": "becomes", "label": "would become"},
        {"id": "cells", "label": "cells", "align": "right"},
        {"id": "stores", "label": "stores"},
    ]
    said = f"{things(n, 'group')} of labels may be spellings of one. Tick those that are."
    grid = pictures.table(
        "grid",
        "Spellings that may mean the same",
        columns,
        lines,
        **page.node,
        selected=named.known(state.ticked),
        selectable="many",
        boxes=True,
        copies=(),
    )
    merge = nodes.button(
        "merge_ticked",
        "Merge ticked",
        "read the ticked spellings as the most frequent one",
        icon="compress",
        disabled=not state.ticked,
    )
    inner = [grid, nodes.row("merging", [*_target(labels, state), merge])]
    return [nodes.panel("variants", inner, title="Spellings", hint=said)]


def _target(labels: LabelTable, state: State) -> list[Node]:
    """The choice of the name that a group gets; of several groups each gets its most frequent one."""
    if len(state.ticked) != 1 or not (some := spellings_of(labels, state.ticked[0])):
        return []
    named = target_ids(labels, state.ticked[0])
    chosen = state.target if state.target in some else some[0]
    options = [(named.of(one), shown(one, 60)) for one in some[:60]]
    return [nodes.select("target", "They become", named.of(chosen), options)]


# ------------------------------------------------------------------------ new names


def renamed(labels: LabelTable, state: State) -> list[Node]:
    """Return the new names of labels, as a table, and the file that they are read from."""
    pairs, of_stores = _pairs(state.recipe.relabel.get(state.key, ()))
    texts = [tuple(shown(one) for one in pair) for pair in pairs]
    columns: list[Node] = [
        {"id": "old", "label": "in the stores", "sticky": True},
        {"id": "new", "label": "read as"},
        *([{"id": "store", "label": "where"}] if of_stores else []),
    ]
    keys: dict[str, list[Any]] = {
        column["id"]: [one[i] for one in texts] for i, column in enumerate(columns)
    }
    page = cut(range(len(pairs)), keys, state.mapping)
    lines = [
        {"id": f"n{i}", "cells": [{"text": one} for one in texts[i][: len(columns)]]}
        for i in page.rows
    ]
    said = (
        "Copy the labels as CSV, write new names into the column “becomes” with a spreadsheet, "
        "and open the file here. An empty one keeps its name."
    )
    inner = [
        nodes.note("mapping_how", said, "hint"),
        nodes.file_field("mapping_file", "Open a CSV file", accept=".csv,text/csv"),
        pictures.table(
            "mapping",
            "New names",
            columns,
            lines,
            **page.node,
            note="" if pairs else f"None of {things(len(labels.classes), 'label')} has a new name.",
            copies=("csv",),
        ),
    ]
    opened = "names" in state.opened
    title = f"New names ({len(pairs):,})" if pairs else "New names, from a CSV file"
    return [nodes.disclosure("names", title, inner if opened else [], opened=opened)]


def _pairs(renames: Renames) -> tuple[list[tuple[Any, Any, str]], bool]:
    """Old names, new names and the stores where they hold; whether any holds in single stores."""
    if not isinstance(renames, Mapping):
        return [(old, new, "all stores") for old, new in renames], False
    return [
        (old, new, "other stores" if store == ALL else store)
        for store, pairs in renames.items()
        for old, new in pairs
    ], True


def mapping_csv(labels: LabelTable) -> str:
    """Return all labels as CSV, with an empty column for new names; no cell is a formula.

    Examples
    --------
    >>> import numpy as np
    >>> from mappedviz.audits import LabelTable
    >>> table = LabelTable.of("k", ["a"], [(["=NK", "T"], np.array([3, 5]), 0)])
    >>> print(mapping_csv(table))
    label,becomes,cells
    T,,5
    '=NK,,3
    <BLANKLINE>
    """
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(["label", "becomes", "cells"])
    for label, n in labels.total.sort_values(ascending=False, kind="stable").items():
        writer.writerow([csv_cell(label), "", int(n)])
    return sink.getvalue()


def mapping_in(text: str, labels: LabelTable) -> dict[Any, Any]:
    """Return the new names that a CSV file gives labels: ``{label: new}``.

    Raises
    ------
    RecipeError
        It has no columns "label" and "becomes", or names labels that no cell has.
    """
    known = {csv_cell(str(label)): label for label in labels.classes}
    known.update({str(label): label for label in labels.classes})
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    heads = reader.fieldnames or []
    if not {"label", "becomes"} <= set(heads):
        raise RecipeError(
            f"has the columns {listed(list(heads))}" if heads else "is empty",
            key="mapping",
            remedy="It needs the columns label and becomes.",
        )
    pairs: dict[Any, Any] = {}
    strange = []
    for line in reader:
        old, new = line["label"] or "", (line["becomes"] or "").strip()
        if not new:
            continue
        if old not in known:
            strange.append(old)
            continue
        if new.startswith("'") and csv_cell(new[1:]) == new:
            new = new[1:]
        pairs[known[old]] = None if new == MISSING else new
    if strange:
        raise RecipeError(
            f"names {things(len(strange), 'label')} that no cell has: {listed(strange)}",
            key="mapping",
            remedy="Take the labels of a CSV file that was copied here.",
        )
    return pairs
