"""Colours that tell stores apart, the same in figures, HTML and widgets."""

from __future__ import annotations

OKABE_ITO = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#f0e442",
    "#999999",
)
"""Okabe and Ito's eight, told apart by (nearly) everyone.

The last is grey in place of their black, because bars lie on black paper too; where there are more
stores than colours it is that of all others together.
"""
