"""The history: what each decision changed, recipes with names, and the difference of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from mappedviz.audits.findings import code_of
from mappedviz.recipe.recipe import Recipe
from mappedviz.text.display import shown
from mappedviz.views import nodes, pictures
from mappedviz.views.models.tables import UNSORTED, Arrangement, cut, things
from mappedviz.views.series import Ids

if TYPE_CHECKING:
    from mappedviz.views.nodes import Node

_COLUMNS: list[Node] = [
    {"id": "step", "label": "step", "sticky": True},
    {"id": "change", "label": "what was decided"},
    {"id": "cells", "label": "cells", "align": "right"},
    {"id": "genes", "label": "genes", "align": "right"},
    {
        "id": "findings",
        "label": "findings",
        "align": "right",
        "title": "that are no mere information",
    },
]


@dataclass(frozen=True)
class State:
    """The state of the view.

    Attributes
    ----------
    steps, at
        The recipes, the first one first, and the position of the one that is edited.
    named
        Name -> recipe.
    numbers
        Recipe -> cells, genes and findings, where they are known.
    selected
        Ids of the selected rows, see :func:`recipes`.
    name
        What is typed into the field for a name.
    arrangement
        Order and page.
    """

    steps: tuple[Recipe, ...]
    at: int
    named: Mapping[str, Recipe]
    numbers: Mapping[Recipe, tuple[int, int, int]]
    selected: tuple[str, ...] = ()
    name: str = ""
    arrangement: Arrangement = UNSORTED


def recipes(state: State) -> dict[str, Recipe]:
    """Return the recipe of each row by its id: steps ``"h0"``, ``"h1"``, …, then those with a name."""
    named = Ids(state.named, "n")
    found = {f"h{i}": recipe for i, recipe in enumerate(state.steps)}
    found.update({f"name {named.of(name)}": recipe for name, recipe in state.named.items()})
    return found


def change_words(old: Recipe, new: Recipe) -> str:
    """Return what was decided between two recipes, as the arguments of ``replace``.

    Examples
    --------
    >>> change_words(Recipe(paths=["a", "b"]), Recipe(paths=["a"], join="outer"))
    "1 of 2 paths; join='outer'"
    """
    parts = []
    for one in fields(Recipe):
        before, after = getattr(old, one.name), getattr(new, one.name)
        if before == after:
            continue
        if one.name == "paths":
            parts.append(
                f"{len(after):,} of {len(before):,} paths"
                if set(after) < set(before)
                else things(len(after), "path")
            )
        else:
            parts.append(new.code_of(one.name))
    return "; ".join(parts)


def body(state: State) -> list[Node]:
    """Return the tab."""
    known = recipes(state)
    chosen = [name for name in state.selected if name in known]
    made = [_table(state, known, chosen), nodes.row("deciding", _deciding(state, known, chosen))]
    if difference := _difference(state, known, chosen):
        made.append(difference)
    return made


def _table(state: State, known: Mapping[str, Recipe], chosen: Sequence[str]) -> Node:
    names = {recipe: name for name, recipe in state.named.items()}
    ids = list(known)
    lines: dict[str, Node] = {}
    for i, (row, recipe) in enumerate(known.items()):
        if i < len(state.steps):
            step = "now" if i == state.at else f"{i:,}"
            words = change_words(state.steps[i - 1], recipe) if i else "the beginning"
        else:
            step, words = "kept", change_words(state.steps[state.at], recipe) or "as it is now"
        if recipe in names:
            step = f"{step} · {shown(names[recipe], 30)}"
        numbers = state.numbers.get(recipe)
        facts = [f"{n:,}" for n in numbers] if numbers is not None else ["–"] * 3
        text, whole = shown(words, 120), shown(words, 600)
        cell = {"text": text} if text == whole else {"text": text, "title": whole}
        lines[row] = {
            "id": row,
            "cells": [{"text": step}, cell, *({"text": fact} for fact in facts)],
            "mood": "ok" if i == state.at else "",
        }
    order = [*range(len(state.steps) - 1, -1, -1), *range(len(state.steps), len(ids))]
    page = cut(order, {}, state.arrangement)
    return pictures.table(
        "grid",
        "Decisions, the last one first",
        _COLUMNS,
        [lines[ids[i]] for i in page.rows],
        page=page.page,
        pages=page.pages,
        total=page.total,
        selected=chosen,
        selectable="many",
    )


def _deciding(state: State, known: Mapping[str, Recipe], chosen: Sequence[str]) -> list[Node]:
    now = state.steps[state.at]
    one = known[chosen[0]] if len(chosen) == 1 else None
    made = [
        nodes.button(
            "go_back",
            "Go back to this",
            "edit the selected recipe; this can be undone",
            disabled=one is None or one == now,
        ),
        nodes.text_field("name", "Name", state.name, placeholder="outer join"),
        nodes.button("keep", "Keep under this name", "the selected recipe, or the one of now"),
    ]
    if len(chosen) == 1 and chosen[0].startswith("name "):
        made.append(nodes.button("forget", "Forget this name", "the recipe with this name"))
    return made


def _difference(state: State, known: Mapping[str, Recipe], chosen: Sequence[str]) -> Node | None:
    """The code that makes one recipe of another: of two that are selected, or of one and now."""
    if not 1 <= len(chosen) <= 2:
        return None
    now = state.steps[state.at]
    old, new = (known[name] for name in chosen) if len(chosen) == 2 else (known[chosen[0]], now)
    if old == new:
        return None
    title = "From the first to the second" if len(chosen) == 2 else "From this to now"
    return nodes.code("difference", code_of(old, new), title=title)


def rows(state: State) -> list[dict[str, Any]]:
    """Return the steps as records: step, change, cells, genes, findings, name, now."""
    names = {recipe: name for name, recipe in state.named.items()}
    made = []
    for i, recipe in enumerate(state.steps):
        numbers = state.numbers.get(recipe, (None, None, None))
        made.append(
            {
                "step": i,
                "change": change_words(state.steps[i - 1], recipe) if i else "",
                **dict(zip(("cells", "genes", "findings"), numbers, strict=True)),
                "name": names.get(recipe, ""),
                "now": i == state.at,
            }
        )
    return made
