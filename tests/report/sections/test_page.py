"""What a page says at its top, and what is to be done next."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mappedviz.report.html import audit_html, page_html
from mappedviz.report.sections.page import next_steps, page_facts, paths_words
from tests.report.pages import Reader, a_finding, an_audit


def test_a_page_says_when_by_which_version_and_of_what_it_was_made():
    facts = page_facts(an_audit(), datetime(2026, 5, 4, 3, 2, tzinfo=UTC))
    assert facts[0] == "2026-05-04 03:02 UTC"
    assert facts[1].startswith("mappedviz ")
    assert facts[2] == "/data"
    top = Reader(page_html(an_audit(), {}).removeprefix("<!DOCTYPE html>")).text
    assert top.index("/data") < top.index("Training would fail.")


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ([], "none"),
        (["a.h5ad", "b.h5ad"], "a.h5ad, b.h5ad"),
        (["/a/x/1.h5ad", "/a/xy/1.h5ad"], "/a"),
        (["/a\n/1.h5ad", "/a\n/2.h5ad"], "/a\\n"),
    ],
)
def test_paths_in_words(paths, words):
    assert paths_words(paths) == words


def test_steps_name_the_fixes_and_what_no_recipe_mends():
    findings = [
        a_finding("error", id="absent", fix=object()),
        a_finding("error", id="scale"),
        a_finding("warning", id="join", fix=object()),
        a_finding("info", id="source"),
    ]
    steps = next_steps(an_audit(findings=findings))
    code = "\n".join(code for _, code in steps)
    compile(code, "steps", "exec")
    assert "audit = mv.audit(recipe=recipe, label='cell_type')" in code
    assert "recipe_with(['absent'])  # also, or instead: 'join'" in code
    assert [words for words, _ in steps if "scale" in words and "source" not in words]


def test_steps_without_findings_are_to_look_and_to_train():
    audit = an_audit(findings=[], keyed=False)
    audit.label = None
    words = [words for words, _ in next_steps(audit)]
    assert len(words) == 3
    assert next_steps(audit)[-1][1].endswith("mv.dataloader(ds, 128, shuffle=True)")


def test_a_page_says_nothing_twice():
    page = Reader(page_html(an_audit()).removeprefix("<!DOCTYPE html>"))
    assert "Which genes are where" not in page.text  # the figure says it
    heads = [table[0] for table in page.tables]
    assert ["label", "cells", "stores"] in heads
    assert page.text.count("mappedviz 0") == 1
    fragment = Reader(audit_html(an_audit()))
    assert "Which genes are where" in fragment.text
    assert ["label", "cells", "stores", "by store"] in [table[0] for table in fragment.tables]


def test_stores_that_the_message_names_are_not_listed_again():
    named = a_finding(message="store_1.h5ad is empty.", stores=("store_1.h5ad",))
    other = a_finding(message="One store is empty.", stores=("store_2.h5ad",))
    text = Reader(audit_html(an_audit(findings=[named, other]))).text
    assert "– store_1.h5ad" not in text
    assert "– store_2.h5ad" in text


def test_a_badge_ends_where_styles_are_stripped():
    assert "warning: Two spellings." in Reader(audit_html(an_audit(findings=[a_finding()]))).text
