"""Kinds of cells that labels may mean, by the Cell Ontology: a table whose rows are ticked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from mappedviz.audits.tables.kinds import kinds_table
from mappedviz.errors import MappedvizError
from mappedviz.ontology import SURE, terms
from mappedviz.text.display import shown
from mappedviz.views import nodes, pictures
from mappedviz.views.models.memory import of_audit
from mappedviz.views.models.tables import count, cut, part, things
from mappedviz.views.series import Ids

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.result import Audit
    from mappedviz.views.models.label_state import State
    from mappedviz.views.nodes import Node

#: A label, and the identifier of the term that it may mean.
Choice: TypeAlias = tuple[Any, "str | None"]
MOST = 1_000  # labels, the most frequent ones
OWN = "terms"
LEVELS = {
    "": "Its own term",
    "subclass": "Subclass (CELLxGENE)",
    "class": "Class (CELLxGENE)",
    OWN: "Terms of my own",
}
_HOW = {
    "identifier": "identifier",
    "exact": "its name",
    "synonym": "a synonym",
    "plural": "plural or hyphens",
    "tokens": "the same words",
    "broader": "fewer markers: broader",
    "": "not recognised",
}


def level_of(state: State) -> Any:
    """Return the level that terms are rolled up to; None for none."""
    if state.level != OWN:
        return state.level or None
    return tuple(one.strip() for one in state.terms.split(";") if one.strip()) or None


@of_audit
def table_of(audit: Audit, key: str, level: Any) -> pd.DataFrame:
    """Return the table of the most frequent labels."""
    return kinds_table(audit.labels(key), level, MOST)


def choices(table: pd.DataFrame) -> list[Choice]:
    """Return what each row stands for."""
    return list(zip(table["label"], table["id"], strict=True))


def choice_ids(table: pd.DataFrame) -> Ids:
    """Return the ids of the rows."""
    return Ids(choices(table), "o")


def new_names(table: pd.DataFrame, ticked: Iterable[Choice], level: Any) -> dict[Any, str]:
    """Return ``{label: name}`` of rows that are ticked and would change something.

    A row of a label that may mean several terms is a choice among them; where several terms of a level
    fit, or two rows of one label are ticked, there is none.
    """
    wanted, found, twice = set(ticked), dict[Any, str](), set[Any]()
    names = table["name" if level is None else "becomes"]
    for choice, new in zip(choices(table), names, strict=True):
        label = choice[0]
        if choice in wanted and new is not None and new != label:
            twice |= {label} & set(found)
            found[label] = new
    return {label: new for label, new in found.items() if label not in twice}


def sure(table: pd.DataFrame) -> list[Choice]:
    """Return the rows that leave nothing of the label out, and have one term."""
    found = table["how"].isin(SURE) & ~table["label"].duplicated(keep=False)
    return [one for one, is_sure in zip(choices(table), found, strict=True) if is_sure]


def kinds(audit: Audit, state: State) -> Node:
    """Return what the Cell Ontology suggests, closed until somebody asks."""
    opened = "kinds" in state.opened
    title = "Kinds of cells, by the Cell Ontology"
    return nodes.disclosure("kinds", title, _inner(audit, state) if opened else [], opened=opened)


def _inner(audit: Audit, state: State) -> list[Node]:
    asked = [
        nodes.select(
            "level",
            "Labels become",
            state.level,
            list(LEVELS.items()),
            title="the term that a label means, or one above it: classes that laboratories share",
        )
    ]
    if state.level == OWN:
        asked.append(
            nodes.text_field(
                "terms", "Terms", state.terms, placeholder="T cell; B cell; monocyte", late=True
            )
        )
    made: list[Node] = [nodes.row("levels", asked)]
    level = level_of(state)
    try:
        table = table_of(audit, state.key, level)
    except MappedvizError as error:
        return [*made, nodes.note("level_error", shown(str(error), 300), "error")]
    found = set(table.loc[table["id"].notna(), "label"])
    labels = table["label"].nunique()
    said = (
        f"{len(found):,} of {things(labels, 'label')} may be terms of the Cell Ontology "
        f"{terms().release}. Tick those that are right."
    )
    names = new_names(table, state.kinds, level)
    buttons = [
        nodes.button(
            "tick_sure",
            "Tick the plain ones",
            "those that are recognised without leaving anything out",
            icon="check",
            disabled=not sure(table),
        ),
        nodes.button(
            "take_kinds",
            "Rename ticked",
            "read the ticked labels as these terms",
            icon="tag",
            disabled=not names,
        ),
    ]
    hint = nodes.note("kinds_found", said, "hint")
    return [*made, hint, _grid(table, state, level), nodes.row("taking", buttons)]


def _grid(table: pd.DataFrame, state: State, level: Any) -> Node:
    named = choice_ids(table)
    columns: list[Node] = [
        {"id": "label", "label": "label", "sticky": True},
        {"id": "cells", "label": "cells", "align": "right"},
        {"id": "becomes", "label": "would become"},
        {"id": "how", "label": "recognised by"},
        {"id": "score", "label": "sure", "align": "right", "title": "1: certain"},
        {"id": "id", "label": "identifier"},
    ]
    keys: dict[str, list[Any]] = {
        "label": table["label"].tolist(),
        "cells": table["n"].tolist(),
        "becomes": table["becomes"].tolist(),
        "how": table["how"].tolist(),
        "score": table["score"].tolist(),
        "id": table["id"].tolist(),
    }
    page = cut(range(len(table)), keys, state.kinds_order)
    every = choices(table)
    lines = [{"id": named.of(every[i]), "cells": _cells(table.iloc[i], level)} for i in page.rows]
    return pictures.table(
        "kinds_grid",
        "Terms that labels may mean",
        columns,
        lines,
        **page.node,
        selected=named.known(state.kinds),
        selectable="many",
        boxes=True,
        copies=("csv", "code"),
    )


def _cells(row: pd.Series[Any], level: Any) -> list[Node]:
    becomes, candidates = row["name" if level is None else "becomes"], row["candidates"]
    cell: Node = {"text": "–"}
    if becomes is not None:
        same = becomes == row["label"]
        cell = {"text": "is called so" if same else shown(becomes, 60), "title": shown(row["name"])}
    elif candidates:
        listed = " or ".join(candidates)
        cell = {"text": shown(listed, 60), "title": "several fit: choose another level"}
    return [
        {"text": shown(row["label"], 40)},
        count(row["n"]),
        cell,
        {"text": _HOW[row["how"]]},
        part(row["score"]) if row["score"] else {"text": "–"},
        {"text": row["id"] or "–"},
    ]
