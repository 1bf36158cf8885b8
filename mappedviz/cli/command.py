"""The command ``mappedviz``: the audit in a terminal and in CI, and a notebook for some files.

argparse, because the standard library's parser knows all that three commands need; rich for
tables that fit the terminal. Whatever comes from a file is made visible before it is printed,
so no name can move the cursor or change a colour.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from mappedviz._types import SEVERITIES, store_suffix
from mappedviz.errors import MappedvizError, RecipeError
from mappedviz.text.display import listed, shown, visible
from mappedviz.text.files import csv_text, write_text

if TYPE_CHECKING:
    from rich.console import Console

    from mappedviz.audits.result import Audit
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.report.values import Section, Table

OK, FOUND, USAGE, INTERRUPTED = 0, 1, 2, 130
FAILING = SEVERITIES[:-1]
_MOST_STORES = 50
_COLOURS = {"fatal": "bold red", "error": "red", "warning": "yellow", "info": "blue"}

_DESCRIPTION = (
    "Read many AnnData stores as if they were one: what is in these files, and may I train on them?"
)
_AUDIT_EPILOG = """\
examples:
  mappedviz audit data/*.h5ad --label cell_type
  mappedviz audit data/ --label cell_type --batch donor --html audit.html
  mappedviz audit data/ --recipe recipe.json --json audit.json --fail-on warning
  mappedviz audit -- -rf.h5ad

exit status:
  0  no finding is as severe as --fail-on
  1  there is such a finding
  2  wrong usage, nothing to read, or a file that cannot be written
"""
_RECIPE_EPILOG = """\
examples:
  mappedviz recipe data/*.h5ad --label cell_type -o recipe.json
  mappedviz recipe data/ --label cell_type --fix ID --fix ID -o recipe.json

The ids of the fixes stand in brackets in the output of `mappedviz audit`.

exit status:
  0  the recipe was written
  1  the recipe was written, and training with it would still fail
  2  wrong usage, nothing to read, or a file that cannot be written
"""
_LAB_EPILOG = """\
examples:
  mappedviz lab data/ --label cell_type
  mappedviz lab a.h5ad b.zarr --label cell_type --no-browser --port 9000
  mappedviz lab --recipe recipe.json
  mappedviz lab data/ -- --allow-root --ip=0.0.0.0

The notebook is written to the current folder, as explore.ipynb or, where that is taken,
explore-2.ipynb and so on. Without PATH and --recipe, the notebooks of mappedviz are opened
where they are, in a clone of its repository. What follows "--" is for jupyter lab.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments
        What follows the name of the command; default: ``sys.argv``.

    Returns
    -------
    int
        The exit status: 0 fine, 1 findings, 2 wrong usage or a file that cannot be written,
        130 interrupted.

    Examples
    --------
    >>> main(["audit", "notebooks/data", "--quiet", "--fail-on", "fatal"])  # doctest: +ELLIPSIS
    This collection can be read, but do not train on it yet: ...
    0
    """
    for stream in (sys.stdout, sys.stderr):
        _write_what_the_terminal_cannot(stream)
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser()
    # What follows "--" are paths, but for lab, which hands it on.
    end = given.index("--") if given[:1] == ["lab"] and "--" in given else len(given)
    given, handed_on = given[:end], given[end + 1 :]
    try:
        options = parser.parse_args(_paths_as_paths(given))
        options.handed_on = handed_on
        status: int = options.run(options)
        sys.stdout.flush()
    except SystemExit as stop:  # argparse: --help is 0, wrong usage 2
        return int(stop.code or 0)
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough: `mappedviz audit … | head`.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (MappedvizError, OSError) as error:
        _say(str(error))
        return USAGE
    return status


def _parser() -> argparse.ArgumentParser:
    from mappedviz import __version__

    parser = argparse.ArgumentParser("mappedviz", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"mappedviz {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    audit = _command(
        commands, "audit", "say what is in the stores and what stands in the way", _AUDIT_EPILOG
    )
    audit.add_argument(
        "--html", metavar="FILE", help="write the audit with figures as one HTML file"
    )
    audit.add_argument("--json", metavar="FILE", help="write the audit as JSON")
    audit.add_argument("--csv", metavar="FOLDER", help="write the tables as CSV files")
    audit.add_argument(
        "--fail-on",
        choices=(*FAILING, "never"),
        default="fatal",
        help="exit status 1 if there is a finding of this severity or worse (default: fatal)",
    )
    audit.set_defaults(run=_audit)

    recipe = _command(commands, "recipe", "write the recipe for a training script", _RECIPE_EPILOG)
    recipe.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="where to write it (default: print it)"
    )
    recipe.add_argument(
        "--fix",
        metavar="ID",
        action="append",
        default=[],
        help="apply the fix of a finding; may be given several times",
    )
    recipe.set_defaults(run=_recipe)

    lab = _command(
        commands, "lab", "open JupyterLab on a new notebook for these files", _LAB_EPILOG
    )
    lab.add_argument("--no-browser", action="store_true", help="do not open a browser")
    lab.add_argument("--port", type=int, metavar="N", help="port of the server")
    lab.set_defaults(run=_lab)
    return parser


def _command(commands: Any, name: str, does: str, epilog: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=does,
        description=f"{does[0].upper()}{does[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help=".h5ad files, .zarr and .zarr.zip stores, patterns, or folders that hold them",
    )
    command.add_argument("--label", metavar="KEY", help="column of obs that a model is to learn")
    command.add_argument("--batch", metavar="KEY", help="column of obs that names the batch")
    command.add_argument(
        "--group", metavar="KEY", help="column of obs that must not be split, such as donor"
    )
    command.add_argument(
        "--recipe",
        metavar="FILE",
        help="start from this recipe; its paths are used if none are given",
    )
    command.add_argument(
        "--deep", action="store_true", help="also compare the cells themselves over the stores"
    )
    command.add_argument("-q", "--quiet", action="store_true", help="no progress")
    return command


def _paths_as_paths(arguments: list[str]) -> list[str]:
    """Return arguments in which a store named ``-rf.h5ad`` is the path ``./-rf.h5ad``."""
    done: list[str] = []
    for i, one in enumerate(arguments):
        if one == "--":
            return done + arguments[i:]
        store = one.startswith("-") and not one.startswith("--") and len(one) > 2
        if store and (store_suffix(one) or os.path.lexists(one)):
            one = f"./{one}"
        done.append(one)
    return done


# ------------------------------------------------------------------------- the commands


def _audit(options: argparse.Namespace) -> int:
    audit = _made(options)
    _show(audit, _console(sys.stdout))
    if options.html:
        _say(f"wrote {audit.to_html(options.html)}")
    if options.json:
        _say(f"wrote {write_text(options.json, _json_of(audit))}")
    if options.csv:
        _say(f"wrote {_write_csv(audit, Path(options.csv))}")
    if options.fail_on == "never":
        return OK
    bad = FAILING[: FAILING.index(options.fail_on) + 1]
    return FOUND if any(finding.severity in bad for finding in audit.findings) else OK


def _recipe(options: argparse.Namespace) -> int:
    audit = _made(options)
    recipe = _fixed(audit, options.fix)
    if options.output == "-":
        print(recipe.to_json())
    else:
        _say(f"wrote {recipe.save(options.output)}")
    written = _judged(recipe, options) if options.fix else audit
    fatal = [finding for finding in written.findings if finding.severity == "fatal"]
    for finding in fatal:
        _say(f"{finding.severity} [{finding.id}] {finding.message}")
    return FOUND if fatal else OK


def _lab(options: argparse.Namespace) -> int:
    from mappedviz.cli import lab

    def command(opened: Path) -> list[str]:
        return lab.lab_command(
            opened,
            browser=not options.no_browser,
            port=options.port,
            more=options.handed_on,
        )

    command(Path())  # nothing is written where JupyterLab is missing
    names = ("label", "batch", "group", "deep")
    known = {name: value for name in names if (value := getattr(options, name))}
    if options.paths or options.recipe:
        opened = lab.make_notebook(options.paths, options.recipe, known)
    elif known:
        raise _no_store()
    else:
        opened = lab.tutorials() or lab.make_notebook(())
    if not options.quiet:
        _say(f"opens {opened}")
    sys.stdout.flush()
    lab.become(command(opened))
    return OK


def _no_store() -> RecipeError:
    return RecipeError(
        "names no store", key="PATH", remedy="Name files, patterns or folders; see --help."
    )


def _fixed(audit: Audit, fixes: Sequence[str]) -> Recipe:
    known = {finding.id for finding in audit.findings if finding.fix is not None}
    unknown = [fix for fix in fixes if fix not in known]
    if unknown:
        raise RecipeError(
            f"names {listed(unknown)}, and no finding with a fix has that id",
            key="--fix",
            remedy=f"Choose from: {', '.join(sorted(known)) or 'none, nothing can be fixed here'}.",
        )
    return audit.recipe_with(fixes)


def _made(options: argparse.Namespace) -> Audit:
    from mappedviz.audits import audit
    from mappedviz.recipe.recipe import Recipe

    recipe = Recipe.load(options.recipe) if options.recipe else None
    paths = options.paths or (list(recipe.paths) if recipe else [])
    if not paths:
        raise _no_store()
    return audit(
        paths,
        label=options.label,
        batch=options.batch,
        group=options.group,
        recipe=recipe,
        deep=options.deep,
        progress=not options.quiet,
    )


def _judged(recipe: Recipe, options: argparse.Namespace) -> Audit:
    """Return the audit of a recipe with fixes: what was read of the stores is not read again."""
    from mappedviz.audits import audit

    return audit(
        recipe.paths,
        label=options.label,
        batch=options.batch,
        group=options.group,
        recipe=recipe,
        progress=False,
    )


def _json_of(audit: Audit) -> str:
    return audit.to_json() + "\n"


def _write_csv(audit: Audit, folder: Path) -> str:
    from mappedviz.report.sections.audit import label_table, weight_table

    folder.mkdir(parents=True, exist_ok=True)
    labels, weights = label_table(audit), weight_table(audit)
    tables = {
        "stores": audit.stores,
        "genes": audit.coverage.table,
        "labels": None if labels is None else labels.counts,
        "weights": None if weights is None else weights.table,
        "obs_columns": audit.obs_schema,
    }
    written = [
        write_text(folder / f"{name}.csv", csv_text(table)).name
        for name, table in tables.items()
        if table is not None
    ]
    return f"{', '.join(written)} in {folder}"


# --------------------------------------------------------------------------- the terminal


def _say(text: str) -> None:
    """Print a line for people, beside the output proper."""
    print(f"mappedviz: {visible(text)}", file=sys.stderr, flush=True)


def _write_what_the_terminal_cannot(stream: TextIO) -> None:
    """Let characters that the terminal's encoding lacks be spelled out instead of raised."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _console(stream: TextIO) -> Console:
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


def _show(audit: Audit, console: Console) -> None:
    from mappedviz.report.sections.audit import sections_of, summary_line

    _line(console, audit.verdict, "bold")
    _line(console, summary_line(audit))
    for finding in audit.findings:
        _line(console, "")
        stores = list(finding.stores or ())
        where = f" – {listed(stores, most=4)}" if stores else ""
        _line(console, f"{finding.message}{where}", head=finding.severity, name=finding.id)
        if finding.remedy:
            _line(console, f"  → {finding.remedy}")
        for line in str(finding.code or "").splitlines():
            _line(console, f"    {line}", "dim")
    if audit.not_applicable:
        ids = [shown(getattr(one, "id", one)) for one in audit.not_applicable]
        _line(console, f"\ndoes not apply: {', '.join(ids)}".lstrip("\n"), "dim")
    for section in sections_of(audit, _MOST_STORES):
        _show_section(section, console)


def _show_section(section: Section, console: Console) -> None:
    _line(console, "")
    _line(console, section.title, "bold underline" if console.is_terminal else "")
    if section.lead:
        _line(console, section.lead)
    for value, words in section.numbers:
        _line(console, f"{value}  {words}")
    for table in section.tables:
        if not table.folded:  # details: the HTML and the JSON have them
            _show_table(table, console)


def _show_table(table: Table, console: Console) -> None:
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
        _line(console, "")
        _line(console, table.title)
    console.print(grid)
    if table.note:
        _line(console, table.note, "dim")


def _line(console: Console, text: str, style: str = "", *, head: str = "", name: str = "") -> None:
    from rich.text import Text

    line = Text()
    if head:
        line.append(head, style=_COLOURS.get(head, ""))
        line.append(f" [{visible(name)}] ", style="dim")
    line.append(visible(text), style=style)
    console.print(line, soft_wrap=not console.is_terminal)


if __name__ == "__main__":
    sys.exit(main())
