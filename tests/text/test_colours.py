"""Colours of stores, and ink that can be read on any paper."""

from __future__ import annotations

import re

import pytest

from mappedviz.text.colours import DARK, LIGHT, OKABE_ITO, READABLE, contrast, ink_on, rgb, theme_on


def test_eight_colours_that_css_and_matplotlib_know():
    assert len(set(OKABE_ITO)) == 8
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in OKABE_ITO)


def test_contrast_is_that_of_wcag():
    assert contrast(rgb("#ffffff"), rgb("#000000")) == pytest.approx(21)
    assert contrast(rgb("#777777"), rgb("#ffffff")) == pytest.approx(4.48, abs=0.01)
    assert contrast(rgb("#0072b2"), rgb("#0072b2")) == 1


@pytest.mark.parametrize("paper", ["#ffffff", "#000000", "#fdf6e3", "#002b36", "#777777"])
def test_text_can_be_read_on_any_paper(paper):
    theme = theme_on(rgb(paper))
    assert theme.paper == paper
    for ink in (theme.ink, theme.muted):
        assert contrast(rgb(ink), rgb(paper)) >= READABLE - 0.05


def test_themes_are_their_own():
    for theme in (LIGHT, DARK):
        assert theme_on(rgb(theme.paper)) == theme


@pytest.mark.parametrize("colour", OKABE_ITO)
def test_ink_on_bars(colour):
    assert contrast(rgb(ink_on(rgb(colour))), rgb(colour)) >= READABLE
