"""Plain values between the tables of an audit and whatever shows them: HTML or a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from mappedviz.text.display import is_missing, quantity, shown

BLUE, ORANGE, GREEN, GREY = "#0072b24d", "#e69f0059", "#009e734d", "#8b949e59"

REPR_ROWS = 60
"""Rows of a table in a notebook."""

PAGE_ROWS = 2000
"""Rows of a table on a page."""


@dataclass(frozen=True)
class Cell:
    """One cell of a table: a text, and a bar behind it or stacked beside it.

    Attributes
    ----------
    text
        The text that is shown.
    bar
        Length of a bar behind the text, 0 … 1.
    colour
        Colour of the bar.
    parts
        Instead of text: (length, colour) of the segments of a stacked bar.
    title
        Shown when the pointer rests on the cell.
    number
        Align the text to the right.
    wrap
        Let the text take several lines.
    """

    text: str = ""
    bar: float | None = None
    colour: str = BLUE
    parts: tuple[tuple[float, str], ...] = ()
    title: str = ""
    number: bool = False
    wrap: bool = False

    @property
    def style(self) -> str:
        """Declarations for the cell's ``style``; made of numbers and our own colours only."""
        if self.parts:
            stops, at = [], 0.0
            for length, colour in self.parts:
                stops.append(f"{colour} {100 * at:.3g}% {100 * (at + length):.3g}%")
                at += length
            stops.append(f"#0000 {100 * at:.3g}%")
            return f"min-width:9em;background:linear-gradient(90deg,{','.join(stops)})"
        align = "text-align:right" if self.number else "text-align:left"
        if self.wrap and len(self.text) > 24:
            align += ";white-space:normal;min-width:11em"
        if self.bar is None:
            return align
        # A bar that is there is seen, however short.
        length = 100 * min(max(self.bar, 0.004 if self.bar > 0 else 0.0), 1.0)
        return f"{align};background:linear-gradient(90deg,{self.colour} {length:.3g}%,#0000 0)"


@dataclass(frozen=True)
class Table:
    """A table: its head, its rows, and a note on what was left out."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ""
    note: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure as two pictures, for light and for dark paper, as data URIs; its width in pixels."""

    alt: str
    light: str
    dark: str
    width: int = 400


Figures: TypeAlias = Mapping[str, Sequence[Picture]]
"""Section -> its pictures."""

Steps: TypeAlias = Sequence[tuple[str, str]]
"""What to do, in words and as code."""


@dataclass(frozen=True)
class Section:
    """One view: a lead sentence, large numbers, tables, and (on a page) pictures."""

    id: str
    title: str
    lead: str = ""
    numbers: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    legend: Sequence[tuple[str, str]] = ()
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True)
class FindingText:
    """The texts of one finding; `code` keeps its line breaks."""

    id: str
    severity: str
    message: str
    stores: str = ""
    remedy: str = ""
    code: str = ""


@dataclass(frozen=True)
class Content:
    """Everything that one piece of HTML shows; what is empty is left out.

    Attributes
    ----------
    verdict
        The heading.
    summary
        One line below it.
    findings, more_findings
        Findings that are shown, and those that are folded.
    n_unlisted
        Findings that are neither: only ``audit.findings`` has them.
    not_applicable
        Checks that do not apply, and why.
    sections
        The views.
    code
        A recipe as code; it keeps its line breaks.
    facts, steps
        Of a page: when it was made and of what; and what to do next.
    """

    verdict: str = ""
    summary: str = ""
    findings: Sequence[FindingText] = ()
    more_findings: Sequence[FindingText] = ()
    n_unlisted: int = 0
    not_applicable: Sequence[str] = ()
    sections: Sequence[Section] = ()
    code: str = ""
    facts: Sequence[str] = ()
    steps: Steps = ()


def text_cell(value: Any, limit: int = 60) -> Cell:
    """Return a cell with a value from the data, made safe to show."""
    return Cell(shown(value, limit))


def number_cell(n: Any, top: float = 0.0, colour: str = BLUE, text: str | None = None) -> Cell:
    """Return a cell with a number and a bar as long as its share of `top`.

    Examples
    --------
    >>> number_cell(50, 100).bar, number_cell(50).text, number_cell(None, 100).text
    (0.5, '50', '–')
    """
    bar = None if is_missing(n) or not top else float(n) / top
    return Cell(quantity(n) if text is None else text, bar=bar, colour=colour, number=True)


def highest(values: Any) -> float:
    """Return the largest number among some values, 0 if there is none.

    Examples
    --------
    >>> highest([3, None, 7]), highest([])
    (7.0, 0.0)
    """
    numbers = pd.to_numeric(pd.Series(values), errors="coerce")
    return float(numbers.max()) if numbers.notna().any() else 0.0


def left_out(n: int, most: int, what: str, where: str) -> str:
    """Return a note on the rows that a table leaves out, if there are any.

    Examples
    --------
    >>> left_out(300, 100, "stores", "audit.stores")
    'The first 100 of 300 stores; audit.stores has all.'
    """
    return f"The first {most:,} of {n:,} {what}; {where} has all." if n > most else ""
