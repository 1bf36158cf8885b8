"""A difference as a value, as text, as a table and as JSON."""

import json
import pickle

from mappedviz.audits import AuditDiff, Change
from mappedviz.audits.diff.values import Side, sorted_changes
from tests.hostile import HOSTILE

SIDE = Side(2, 1_000, 10, 20, "Fine.")
CHANGES = sorted_changes([
    Change("findings", "depth", "went", "warning: Deep.", None),
    Change("labels", "T", "changed", 1_000, 2_000, "ct"),
    Change("labels", None, "came", None, 7, "ct"),
    Change("genes", "in all stores", "came", None, 3),
    Change("genes", "in any store", "came", None, 1_234),
    Change("stores", "a.h5ad", "changed", "counts", "log1p", "scale"),
])  # fmt: skip


def test_text_and_summary():
    diff = AuditDiff(SIDE, SIDE, CHANGES, ("the genes",))
    assert diff.summary == (
        "Stores: 1 changed; genes: 1,234 came; labels: 1 came, 1 changed; findings: 1 went."
    )
    assert str(diff).splitlines()[2:] == [
        "stores", "  ~ a.h5ad, scale: counts → log1p", "",
        "genes", "  + in all stores: 3", "  + in any store: 1,234", "",
        "labels", "  ~ ct = T: 1,000 → 2,000", "  + ct = (missing): 7", "",
        "findings", "  - depth: warning: Deep.", "",
        "not compared: the genes",
    ]  # fmt: skip
    assert "  … and 1 more" in diff.text(most=1)
    assert repr(diff) == f"AuditDiff: {diff.summary}"
    assert not diff.equal


def test_nothing_changed():
    diff = AuditDiff(SIDE, SIDE)
    assert (diff.equal, str(diff), len(diff.table())) == (True, "Nothing changed.", 0)
    assert json.loads(diff.to_json())["equal"]


def test_it_is_a_value():
    diff = AuditDiff(SIDE, SIDE, CHANGES)
    assert pickle.loads(pickle.dumps(diff)) == diff
    assert hash(diff) == hash(AuditDiff(SIDE, SIDE, CHANGES))


def test_table_and_json_have_every_change():
    changes = tuple(
        Change("labels", name, "changed", i, i + 1, "<key>")
        for i, name in enumerate([*HOSTILE, 1.5])
    )
    diff = AuditDiff(SIDE, SIDE, changes)
    assert diff.table()["name"].tolist() == [*HOSTILE, 1.5]
    content = json.loads(diff.to_json())
    assert [one["name"] for one in content["changes"]] == [*HOSTILE, 1.5]
    assert content["before"] == {
        "stores": 2, "cells": 1000, "inner": 10, "outer": 20, "verdict": "Fine."}  # fmt: skip


def test_hostile_names_are_one_visible_line_each():
    changes = tuple(Change("stores", name, "came", None, name) for name in HOSTILE)
    text = AuditDiff(SIDE, SIDE, changes).text()
    assert len(text.splitlines()) == len(HOSTILE) + 3
    assert text.replace("\n", "").isprintable()
    text.encode("utf-8")
