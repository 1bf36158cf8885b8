"""What people see in the terminal: lines, findings, tables.

Whatever comes from a file is made visible before it is printed, so no name can move the cursor or
change a colour.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from mappedviz.text.display import listed, shown, visible

if TYPE_CHECKING:
    from rich.console import Console

    from mappedviz.audits.result import Audit
    from mappedviz.report.values import Section, Table

_MOST_STORES = 50
_COLOURS = {"fatal": "bold red", "error": "red", "warning": "yellow", "info": "blue"}


def say(text: str) -> None:
    """Print a line for people, beside the output proper."""
    print(f"mappedviz: {visible(text)}", file=sys.stderr, flush=True)


def write_what_the_terminal_cannot(stream: TextIO) -> None:
    """Let characters that the terminal's encoding lacks be spelled out instead of raised."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def console_of(stream: TextIO) -> Console:
    """Return a console with colours in a terminal, and one of plain text elsewhere."""
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:
            raise  # noqa: PLE0704 - rich calls this while it handles the error; we say what it means

    terminal = stream.isatty()
    return Output(
        file=stream,
        markup=False,
        highlight=False,
        emoji=False,
        width=None if terminal else 10_000,
        no_color=None if terminal else True,
        force_terminal=terminal,
        legacy_windows=False,
    )


def show_audit(audit: Audit, console: Console) -> None:
    """Print the verdict, the findings and the tables of an audit."""
    from mappedviz.report.sections.audit import sections_of, summary_line

    line(console, audit.verdict, "bold")
    line(console, summary_line(audit))
    for finding in audit.findings:
        line(console, "")
        stores = list(finding.stores or ())
        where = f" – {listed(stores, most=4)}" if stores else ""
        line(console, f"{finding.message}{where}", head=finding.severity, name=finding.id)
        if finding.remedy:
            line(console, f"  → {finding.remedy}")
        for code in str(finding.code or "").splitlines():
            line(console, f"    {code}", "dim")
    if audit.not_applicable:
        ids = [shown(getattr(one, "id", one)) for one in audit.not_applicable]
        line(console, f"\ndoes not apply: {', '.join(ids)}".lstrip("\n"), "dim")
    for section in sections_of(audit, _MOST_STORES):
        show_section(section, console)


def show_section(section: Section, console: Console) -> None:
    """Print one view: its title, its sentence, its numbers and its tables."""
    line(console, "")
    line(console, section.title, "bold underline" if console.is_terminal else "")
    if section.lead:
        line(console, section.lead)
    for value, words in section.numbers:
        line(console, f"{value}  {words}")
    for table in section.tables:
        if not table.folded:  # details: the HTML and the JSON have them
            show_table(table, console)


def show_table(table: Table, console: Console) -> None:
    """Print a table; columns that are drawn are left out."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = [any(row[i].parts for row in table.rows) for i in range(len(table.head))]
    grid = RichTable(
        box=box.SIMPLE_HEAD if console.is_terminal else None,
        title=None,
        header_style="bold",
        pad_edge=False,
        padding=(0, 1) if console.is_terminal else (0, 2, 0, 0),
    )
    kept = [i for i, is_drawn in enumerate(drawn) if not is_drawn]
    for i in kept:
        number = bool(table.rows) and table.rows[0][i].number
        grid.add_column(
            Text(visible(table.head[i])),
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=not console.is_terminal,
        )
    for row in table.rows:
        grid.add_row(*(Text(visible(row[i].text)) for i in kept))
    if table.title:
        line(console, "")
        line(console, table.title)
    console.print(grid)
    if table.note:
        line(console, table.note, "dim")


def line(console: Console, text: str, style: str = "", *, head: str = "", name: str = "") -> None:
    """Print a text in a style, behind a severity and an id."""
    from rich.text import Text

    made = Text()
    if head:
        made.append(head, style=_COLOURS.get(head, ""))
        made.append(f" [{visible(name)}] ", style="dim")
    made.append(visible(text), style=style)
    console.print(made, soft_wrap=not console.is_terminal)
