"""A difference of two audits as plain values: one section per thing that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mappedviz.audits.diff.values import ABOUT
from mappedviz.report.values import (
    BLUE,
    GREEN,
    ORANGE,
    REPR_ROWS,
    Cell,
    Content,
    Section,
    Table,
    left_out,
    text_cell,
)
from mappedviz.text.display import cut, quantity, shown, visible

if TYPE_CHECKING:
    from mappedviz.audits.diff.values import AuditDiff, Change

_COLOURS = {"came": GREEN, "went": ORANGE, "changed": BLUE}


def diff_content(diff: AuditDiff, most: int = REPR_ROWS) -> Content:
    """Return everything that is shown of a difference.

    Parameters
    ----------
    diff
        The difference to show.
    most
        Rows per table.
    """
    unknown = f" · not compared: {'; '.join(diff.unknown)}" if diff.unknown else ""
    return Content(
        verdict=diff.summary,
        summary=_sides(diff) + unknown,
        sections=diff_sections(diff, most),
    )


def _sides(diff: AuditDiff) -> str:
    a, b = diff.before, diff.after
    numbers = (
        (a.stores, b.stores, "stores"),
        (a.cells, b.cells, "cells"),
        (a.inner, b.inner, "genes in all of them"),
        (a.outer, b.outer, "in any"),
    )
    return " · ".join(
        f"{quantity(n)} → {quantity(m)} {what}" if n != m else f"{quantity(n)} {what}"
        for n, m, what in numbers
    )


def diff_sections(diff: AuditDiff, most: int = REPR_ROWS) -> list[Section]:
    """Return one section per thing that changed."""
    sections = []
    for about in ABOUT:
        changes = diff.of(about)
        if changes:
            table = Table(
                _head(changes),
                [_row(one, keyed=any(c.key for c in changes)) for one in changes[:most]],
                note=left_out(len(changes), most, "changes", "diff.table()"),
            )
            sections.append(Section(about, about.capitalize(), tables=[table]))
    return sections


def _head(changes: list[Change]) -> list[str]:
    keyed = any(one.key for one in changes)
    return ["", *([""] if keyed else []), "how", "before", "after"]


def _row(change: Change, *, keyed: bool) -> list[Cell]:
    key = [text_cell(change.key) if change.key else Cell()] if keyed else []
    name = Cell(shown(change.name), title=cut(visible(str(change.name)), 200))
    place = [*key, name] if change.about == "labels" else [name, *key]
    how = Cell(change.how, bar=1.0, colour=_COLOURS[change.how])
    return [*place, how, _value(change.before), _value(change.after)]


def _value(value: int | str | None) -> Cell:
    if value is None:
        return Cell("–")
    if isinstance(value, int):
        return Cell(quantity(value), number=True)
    return Cell(shown(value, 600), wrap=True)
