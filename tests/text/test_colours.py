"""Colours of stores."""

from __future__ import annotations

import re

from mappedviz.text.colours import OKABE_ITO


def test_eight_colours_that_css_and_matplotlib_know():
    assert len(set(OKABE_ITO)) == 8
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in OKABE_ITO)
