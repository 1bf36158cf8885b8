"""A difference of two audits as sections and as HTML."""

import pytest

from mappedviz.audits import AuditDiff, Change
from mappedviz.audits.diff.values import ABOUT, Side
from mappedviz.report.html import diff_html, write_diff
from mappedviz.report.sections.diff import diff_content, diff_sections
from tests.hostile import HOSTILE
from tests.report.pages import KEPT_ATTRIBUTES, KEPT_TAGS, Reader

OLD, NEW = Side(2, 1_000, 10, 20, "Fine."), Side(3, 1_500, 10, 25, "Not so fine.")


def test_one_section_per_thing_that_changed():
    changes = [
        Change("stores", "a.h5ad", "came", None, "5 cells × 3 genes"),
        Change("labels", "T", "changed", 1_000, 2_000, "ct"),
        Change("labels", "B", "went", 7, None, "ct"),
    ]
    diff = AuditDiff(OLD, NEW, tuple(changes), ("names of genes",))
    content = diff_content(diff)
    assert content.summary == (
        "2 → 3 stores · 1,000 → 1,500 cells · 10 genes in all of them · 20 → 25 in any"
        " · not compared: names of genes"
    )
    stores, labels = diff_sections(diff)
    assert [stores.title, labels.title] == ["Stores", "Labels"]
    assert [[cell.text for cell in row] for row in labels.tables[0].rows] == [
        ["ct", "T", "changed", "1,000", "2,000"],
        ["ct", "B", "went", "7", "–"],
    ]
    assert "The first 1 of 2 changes" in diff_sections(diff, 1)[1].tables[0].note


@pytest.fixture
def hostile():
    changes = [
        Change(about, name, "changed", name, name, "" if about == "cells" else name)
        for about in ABOUT
        for name in HOSTILE
    ]
    return AuditDiff(OLD, NEW, tuple(changes), tuple(HOSTILE))


def test_nothing_of_the_data_becomes_markup(hostile, tmp_path):
    html = diff_html(hostile)
    page = write_diff(hostile, tmp_path / "diff.html").read_text(encoding="utf-8")
    for text in (html, page):
        read = Reader(text)
        assert "script" not in read.tags
        assert "alert(1)" in read.text
        assert not {name for _, name, _ in read.attributes if name.startswith("on")}
    assert set(Reader(html).tags) <= KEPT_TAGS
    assert {name for _, name, _ in Reader(html).attributes} <= KEPT_ATTRIBUTES
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_a_notebook_and_a_page(tmp_path):
    diff = AuditDiff(OLD, OLD)
    assert "Nothing changed." in diff._repr_html_()
    path = diff.to_html(tmp_path / "diff.html")
    assert "<title>Difference of two audits</title>" in path.read_text(encoding="utf-8")
