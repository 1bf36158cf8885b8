"""`mappedviz diff`: what changed from one audit in JSON to another."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mappedviz.cli.options import FOUND, OK, subcommand
from mappedviz.cli.terminal import console_of, line, say, show_section
from mappedviz.errors import RecipeError
from mappedviz.text.files import write_text

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit

_MOST = 50
_EPILOG = """\
examples:
  mappedviz audit data/ --label cell_type --json new.json
  mappedviz diff old.json new.json
  mappedviz diff old.json new.json --html diff.html --exit-code

exit status:
  0  the audits were compared
  1  they differ, with --exit-code
  2  wrong usage, a file that is no audit, or one that cannot be written
"""


def add_diff(commands: Any) -> None:
    """Add the command to those of a parser."""
    diff = subcommand(commands, "diff", "say what changed from one audit to another", _EPILOG)
    diff.add_argument("old", metavar="OLD", help="JSON of the earlier audit")
    diff.add_argument("new", metavar="NEW", help="JSON of the later audit")
    diff.add_argument("--html", metavar="FILE", help="write the difference as one HTML file")
    diff.add_argument("--json", metavar="FILE", help="write the difference as JSON")
    diff.add_argument(
        "--exit-code", action="store_true", help="exit status 1 if the audits differ, as git does"
    )
    diff.set_defaults(run=_diff)


def _diff(options: argparse.Namespace) -> int:
    from mappedviz.report.sections.diff import diff_content

    difference = _audit(options.old).diff(_audit(options.new))
    content = diff_content(difference, _MOST)
    console = console_of(sys.stdout)
    line(console, content.verdict, "bold")
    line(console, content.summary)
    for section in content.sections:
        show_section(section, console)
    if options.html:
        say(f"wrote {difference.to_html(options.html)}")
    if options.json:
        say(f"wrote {write_text(options.json, difference.to_json() + chr(10))}")
    return FOUND if options.exit_code and not difference.equal else OK


def _audit(path: str) -> Audit:
    from mappedviz.audits.result import Audit

    try:
        return Audit.from_json(Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise RecipeError(
            "is not UTF-8", store=path, remedy="Write it with `mappedviz audit --json FILE`."
        ) from error
    except RecipeError as error:
        raise RecipeError(
            error.message, store=path, remedy="Write it with `mappedviz audit --json FILE`."
        ) from error
