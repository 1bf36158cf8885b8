"""Colours of stores and of paper and ink, the same in figures, HTML and widgets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

RGB: TypeAlias = tuple[float, float, float]
"""Red, green and blue, 0 … 1 each."""

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

READABLE = 4.5
"""The contrast that WCAG asks of text."""


@dataclass(frozen=True)
class Theme:
    """Colours of a figure: paper, ink, and what is between them."""

    paper: str
    ink: str
    muted: str
    grid: str
    accent: str
    second: str
    nothing: str


LIGHT = Theme("#ffffff", "#1b1f24", "#57606a", "#d8dee4", "#0072b2", "#e69f00", "#c4cbd3")
DARK = Theme("#14181d", "#e6edf3", "#9da7b1", "#30363d", "#4aa3df", "#e69f00", "#4b535c")


def rgb(colour: str) -> RGB:
    """Return a colour like ``"#0072b2"`` as numbers.

    Examples
    --------
    >>> rgb("#ff0033")
    (1.0, 0.0, 0.2)
    """
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _luminance(colour: RGB) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: RGB, other: RGB) -> float:
    """Return the contrast of two colours as WCAG defines it: 1 … 21.

    Examples
    --------
    >>> round(contrast((0, 0, 0), (1, 1, 1)))
    21
    """
    a, b = sorted((_luminance(one), _luminance(other)))
    return (b + 0.05) / (a + 0.05)


def ink_on(ground: RGB) -> str:
    """Return black or white, whichever can be read better on a colour.

    Examples
    --------
    >>> ink_on((1, 1, 0.5)), ink_on((0, 0, 0.5))
    ('#000000', '#ffffff')
    """
    return max(("#000000", "#ffffff"), key=lambda ink: contrast(rgb(ink), ground))


def theme_on(paper: RGB) -> Theme:
    """Return the light or the dark theme for paper of any colour.

    On paper of a middling grey, text is black or white: nothing else could be read.

    Examples
    --------
    >>> theme_on((1, 1, 1)) == LIGHT, theme_on((0, 0, 0)).ink, theme_on((0.5, 0.5, 0.5)).ink
    (True, '#e6edf3', '#000000')
    """
    base = max((LIGHT, DARK), key=lambda one: contrast(rgb(one.ink), paper))
    ink = base.ink if contrast(rgb(base.ink), paper) >= READABLE else ink_on(paper)
    muted = base.muted if contrast(rgb(base.muted), paper) >= READABLE else ink
    text = "#" + "".join(f"{round(255 * channel):02x}" for channel in paper)
    return replace(base, paper=text, ink=ink, muted=muted)
