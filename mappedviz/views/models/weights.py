"""The weights: shares of classes before and after, schemes side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mappedviz.recipe.weights import FORMULAS
from mappedviz.text.display import names, quantity, share, shown
from mappedviz.views import nodes, pictures
from mappedviz.views.models.tables import part
from mappedviz.views.series import Ids

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.result import Audit
    from mappedviz.audits.tables.weights import WeightTable
    from mappedviz.views.nodes import Node

SCHEMES = {**FORMULAS, "uniform": "all cells alike"}
_GREY, _BLUE = "#999999", "#0072b2"
_COLUMNS: list[Node] = [
    {"id": "scheme", "label": "Weight of a cell", "sticky": True},
    {
        "id": "effective",
        "label": "effective cells",
        "align": "right",
        "title": "Kish: (Σw)²/Σw², how many equally weighted cells say as much",
    },
    {"id": "fraction", "label": "of all", "align": "right", "bar": True},
    {
        "id": "distinct",
        "label": "seen in an epoch",
        "align": "right",
        "bar": True,
        "title": "Σ(1−(1−p)^N)/N, expected",
    },
    {
        "id": "repeats",
        "label": "draws of each rarest cell",
        "align": "right",
        "title": "expected in an epoch",
    },
    {"id": "rarest", "label": "rarest class", "align": "right", "title": "share of draws"},
]


@dataclass(frozen=True)
class State:
    """The state of the view: its traits, the keys of the recipe, and the classes in focus."""

    keys: tuple[str, ...]
    use: bool = False
    by: tuple[str, ...] = ()
    scheme: str = "inverse"
    scaler: float = 1000.0
    top_n: int = 25
    classes: tuple[Any, ...] = ()


def weights_of(audit: Audit, state: State) -> WeightTable:
    """Return the weights that the state asks for."""
    scheme: Any = state.scheme
    return audit.weights(list(state.by), scheme, state.scaler if scheme == "scaled" else None)


def key_ids(state: State) -> Ids:
    """Return the ids of the keys that can be weighed by."""
    return Ids(dict.fromkeys([*state.keys, *state.by]), "k")


def body(audit: Audit, state: State) -> list[Node]:
    """Return the tab."""
    asked = nodes.row("asked", _asked(state))
    if not state.by:
        said = "Choose a label first: weights are those of its classes."
        return [nodes.note("message", said, "hint")]
    found = weights_of(audit, state)
    if not len(found.table):
        said = f"No cell has a label in {shown(found.key)!r}: there is nothing to weigh."
        return [nodes.note("message", said, "warning"), asked]
    return [
        asked,
        nodes.numbers("numbers", _numbers(found)),
        _bars(found.table, state),
        _schemes(audit.schemes(list(state.by), state.scaler), state),
    ]


def _asked(state: State) -> list[Node]:
    named = key_ids(state)
    made = [
        nodes.check("use", "Draw cells by weight", state.use),
        nodes.chips(
            "by",
            "Classes of",
            named.known(state.by),
            [(named.of(key), shown(key, 40)) for key in dict.fromkeys([*state.keys, *state.by])],
            several=True,
        ),
        nodes.select(
            "scheme",
            "Weight of a cell",
            state.scheme,
            [{"id": name, "text": f"{words}  ({name})"} for name, words in SCHEMES.items()],
            title="n: cells of its class",
        ),
    ]
    if state.scheme == "scaled":
        exponent = min(max(math.log10(state.scaler), 0), 6)
        made.append(
            nodes.slider(
                "scaler",
                "s",
                round(exponent, 4),
                low=0,
                high=6,
                step=0.25,
                text_=f"{state.scaler:,.0f}",
                title="classes of about s cells weigh half",
            )
        )
    return made


def _numbers(found: WeightTable) -> list[tuple[str, str]]:
    some = [
        (
            quantity(round(found.effective_size)),
            f"effective cells, {share(found.effective_fraction)} of {quantity(found.n_rows)}",
        ),
        (share(found.distinct_fraction), "of the cells are drawn in an epoch"),
        (f"{found.rarest_repeats:,.3g}", "times each cell of the rarest class is drawn"),
    ]
    if found.n_missing:
        some.append((quantity(found.n_missing), "cells without a label are never drawn"))
    return some


def class_ids(found: WeightTable, state: State) -> Ids:
    """Return the ids of the classes that have bars."""
    return Ids(found.table.index[: state.top_n], "w")


def _bars(table: pd.DataFrame, state: State) -> Node:
    some, rest = table.iloc[: state.top_n], table.iloc[state.top_n :]
    named = Ids(some.index, "w")
    rows = [
        {
            "id": named.of(label),
            "label": text,
            **_two_shares(facts["share_before"], facts["share_after"]),
            "title": f"{facts['n']:,.0f} cells, weight {facts['weight']:.3g}, "
            f"each drawn {facts['draws_per_cell']:.3g} times",
        }
        for (label, facts), text in zip(some.iterrows(), names(some.index), strict=True)
    ]
    below = []
    if len(rest):
        both = rest["share_before"].sum(), rest["share_after"].sum()
        below.append(
            {"id": "w.other", "label": f"other ({len(rest):,} more)", **_two_shares(*both)}
        )
    return pictures.bars(
        "bars",
        "Share of each class, of the cells and of what is drawn",
        rows,
        [
            {"name": "of the cells", "colour": _GREY},
            {"name": "of what is drawn", "colour": _BLUE},
        ],
        below=below,
        mode="grouped",
        unit="%",
        selected=named.known(state.classes),
        selectable="many",
    )


def _two_shares(before: Any, after: Any) -> Node:
    return {
        "values": [100 * float(before), 100 * float(after)],
        "text": f"{share(before)} → {share(after)}",
    }


def _schemes(table: pd.DataFrame, state: State) -> Node:
    lines = [_scheme(str(name), facts, state) for name, facts in table.iterrows()]
    return pictures.table(
        "grid",
        "Schemes side by side",
        _COLUMNS,
        lines,
        selected=[state.scheme],
        selectable="one",
    )


def _scheme(name: str, facts: Any, state: State) -> Node:
    words = SCHEMES[name]
    if name == "scaled":
        words += f", s = {state.scaler:,.10g}"
    cells: Sequence[Node] = [
        {"text": words},
        {"text": quantity(round(facts["effective_size"]))},
        part(facts["effective_fraction"], bar=True),
        part(facts["distinct_fraction"], bar=True),
        {"text": f"{facts['rarest_repeats']:,.3g}"},
        part(facts["rarest_share"]),
    ]
    return {"id": name, "cells": list(cells)}
