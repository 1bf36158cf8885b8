"""What people see in the terminal: lines, findings, tables.

Whatever comes from a file is made visible before it is printed, so no name can move the cursor or
change a colour.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from mappedviz.cli.plain import PlainConsole
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


def console_of(stream: TextIO) -> Console | PlainConsole:
    """Return a console with colours in a terminal, and one of plain text elsewhere or without rich."""
    try:
        from rich.console import Console
    except ModuleNotFoundError:
        return PlainConsole(stream)

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


def show_audit(audit: Audit, console: Console | PlainConsole) -> None:
    """Print the verdict, the findings and the tables of an audit."""
    from mappedviz.audits.findings import remedy_below
    from mappedviz.report.sections.audit import sections_of, summary_line

    line(console, audit.verdict, "bold")
    line(console, summary_line(audit))
    for finding in audit.findings:
        line(console, "")
        stores = list(finding.stores or ())
        where = f" – {listed(stores, most=4)}" if stores else ""
        line(console, f"{finding.message}{where}", head=finding.severity, name=finding.id)
        if remedy := remedy_below(finding.message, finding.remedy):
            line(console, f"  → {remedy}")
        for code in str(finding.code or "").splitlines():
            line(console, f"    {code}", "dim")
    if audit.not_applicable:
        ids = [shown(getattr(one, "id", one)) for one in audit.not_applicable]
        line(console, f"\ndoes not apply: {', '.join(ids)}".lstrip("\n"), "dim")
    for section in sections_of(audit, _MOST_STORES):
        show_section(section, console)


def show_section(section: Section, console: Console | PlainConsole) -> None:
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


def show_table(table: Table, console: Console | PlainConsole) -> None:
    """Print a table; columns that are drawn are left out."""
    drawn = [any(row[i].parts for row in table.rows) for i in range(len(table.head))]
    kept = [i for i, is_drawn in enumerate(drawn) if not is_drawn]
    if table.title:
        line(console, "")
        line(console, table.title)
    numbers = {n for n, i in enumerate(kept) if table.rows and table.rows[0][i].number}
    head = [visible(table.head[i]) for i in kept]
    rows = [[visible(row[i].text) for i in kept] for row in table.rows]
    if isinstance(console, PlainConsole):
        console.table(head, rows, numbers)
    else:
        _print_grid(console, head, rows, numbers)
    if table.note:
        line(console, table.note, "dim")


def _print_grid(console: Console, head: list[str], rows: list[list[str]], right: set[int]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(
        box=box.SIMPLE_HEAD if console.is_terminal else None,
        title=None,
        header_style="bold",
        pad_edge=False,
        padding=(0, 1) if console.is_terminal else (0, 2, 0, 0),
    )
    for i, name in enumerate(head):
        grid.add_column(
            Text(name),
            justify="right" if i in right else "left",
            overflow="fold",
            no_wrap=not console.is_terminal,
        )
    for row in rows:
        grid.add_row(*map(Text, row))
    console.print(grid)


def line(
    console: Console | PlainConsole, text: str, style: str = "", *, head: str = "", name: str = ""
) -> None:
    """Print a text in a style, behind a severity and an id."""
    if isinstance(console, PlainConsole):
        before = f"{head} [{visible(name)}] " if head else ""
        console.line(f"{before}{visible(text)}")
        return
    from rich.text import Text

    made = Text()
    if head:
        made.append(head, style=_COLOURS.get(head, ""))
        made.append(f" [{visible(name)}] ", style="dim")
    made.append(visible(text), style=style)
    console.print(made, soft_wrap=not console.is_terminal)
