"""Nodes are checked where they are made: what travels can be drawn."""

from __future__ import annotations

import json

import pytest

from mappedviz.views import nodes, pictures

SERIES = [{"name": "cells", "colour": "#0072b2"}]
GRID = [{"id": "a", "label": "A"}, {"id": "b", "label": "B", "align": "right"}]


def one_of_each():
    """A node of each kind, with little in it."""
    inner = nodes.note("inner", "text")
    return [
        nodes.page([{"id": "t", "title": "T"}], "t", [inner]),
        nodes.status("fine"),
        nodes.stack("s", [inner]),
        nodes.row("r", [inner]),
        nodes.panel("p", [inner], title="P"),
        inner,
        nodes.numbers("n", [("5", "stores")]),
        nodes.disclosure("d", "more", []),
        nodes.code("c", "x = 1"),
        nodes.image("i", "<svg/>", "I"),
        nodes.progress("g", 1, 2),
        nodes.button("b", "Do", "do it"),
        nodes.select("e", "which", "a", [("a", "A")]),
        nodes.segments("m", "which", "a", [("a", "A")]),
        nodes.check("h", "yes", True),
        nodes.checks("k", "which", ["a"], [("a", "A")]),
        nodes.chips("o", "only", [], [{"id": "a", "text": "A", "count": 5}]),
        nodes.slider("l", "k", 2, low=1, high=5),
        nodes.number_field("u", "n", 2, low=1, high=5),
        nodes.text_field("x", "text", ""),
        nodes.file_field("f", "open", accept=".csv"),
        pictures.bars("1", "B", [], SERIES),
        pictures.curve("2", "C", [[1, 2]], xlabel="x", ylabel="y"),
        pictures.matrix("3", "M", [], [], []),
        pictures.table("4", "T", GRID, []),
        pictures.upset("5", "U", [], []),
        pictures.histogram("6", "H", [], xlabel="x", ylabel="y"),
        pictures.scatter("7", "S", []),
        pictures.strips("8", "R", [], {"ticks": []}),
    ]


def test_every_kind_is_small_and_json():
    kinds = set()
    for one in one_of_each():
        assert len(json.dumps(one, allow_nan=False)) < 400
        kinds.add(one["kind"])
    assert len(kinds) == 29


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: pictures.table("t", "T", GRID, [{"id": "r", "cells": [{"text": "x"}]}]),
            "1 cells",
        ),
        (lambda: pictures.table("t", "T", GRID, [], sort=["a", "up"]), "sort"),
        (lambda: pictures.table("t", "T", [{"id": "a", "align": "middle"}], []), "middle"),
        (lambda: pictures.curve("c", "C", [[1]], xlabel="", ylabel=""), "x and y"),
        (lambda: pictures.bars("b", "B", [], SERIES, mode="round"), "round"),
        (lambda: pictures.bars("b", "B", [], SERIES, selectable="some"), "some"),
        (lambda: pictures.bars("b", "B", [], SERIES, copies=["gif"]), "gif"),
        (lambda: pictures.upset("u", "U", [], [{"id": "c", "members": ["z"]}]), "no sets"),
        (lambda: pictures.scatter("s", "S", [{"id": "p", "x": [1], "y": [1, 2]}]), "lengths"),
        (lambda: nodes.note("n", "text", "angry"), "no mood"),
        (lambda: nodes.status("text", "hint"), "hint"),
        (lambda: nodes.page([{"id": "a"}], "b", []), "tab"),
    ],
)
def test_what_contradicts_itself_is_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_what_is_chosen_is_among_the_options():
    made = nodes.select("s", "which", "gone", [(str(i), str(i)) for i in range(300)])
    assert made["options"][0] == {"id": "gone", "text": "gone"}
    assert len(made["options"]) == nodes.MOST
    assert made["search"]


def test_long_code_is_not_sent_whole():
    made = nodes.code("c", "".join(f"x = {i}\n" for i in range(10_000)))
    assert made["cut"]
    assert len(made["text"]) < 9_000
    assert made["text"].startswith("x = 0\n")
    assert made["text"].endswith("x = 9999\n")
    assert "cut" not in nodes.code("c", "x = 1")
