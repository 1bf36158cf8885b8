"""`mappedviz expect`: write down what a collection is, to hold it to that later."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from mappedviz.cli.options import FOUND, OK, audit_of, command_on_stores
from mappedviz.cli.terminal import say

_EPILOG = """\
examples:
  mappedviz expect data/*.h5ad --label cell_type -o collection.toml
  mappedviz audit data/ --label cell_type --expect collection.toml --fail-on error

Edit the file: take out what may change, and tighten what must not.

exit status:
  0  the expectations were written
  1  they were written, and the collection cannot be read as asked
  2  wrong usage, nothing to read, or a file that cannot be written
"""


def add_expect(commands: Any) -> None:
    """Add the command to those of a parser."""
    expect = command_on_stores(
        commands, "expect", "write down what holds of the stores now, for --expect", _EPILOG
    )
    expect.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="where to write it (default: print it)"
    )
    expect.set_defaults(run=_expect)


def _expect(options: argparse.Namespace) -> int:
    audit = audit_of(options)
    expectations = audit.expectations()
    if options.output == "-":
        sys.stdout.write(expectations.to_toml())
    else:
        say(f"wrote {expectations.save(options.output)}")
    if audit.fatal:
        say(audit.verdict)
    return FOUND if audit.fatal else OK
