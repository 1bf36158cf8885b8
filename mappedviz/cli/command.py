"""The command ``mappedviz``: the audit in a terminal and in CI, and a notebook for some files.

argparse, because the standard library's parser knows all that these commands need; rich for
tables that fit the terminal. Each command is a module of its own beside this one.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from mappedviz.cli.audit import add_audit
from mappedviz.cli.cache import add_cache
from mappedviz.cli.completion import add_completion
from mappedviz.cli.diff import add_diff
from mappedviz.cli.expect import add_expect
from mappedviz.cli.info import add_info
from mappedviz.cli.lab import add_lab
from mappedviz.cli.optimize import add_optimize
from mappedviz.cli.options import (
    FOUND,
    INTERRUPTED,
    OK,
    USAGE,
    note_storage_options,
    paths_as_paths,
)
from mappedviz.cli.recipe import add_recipe
from mappedviz.cli.scan import add_scan
from mappedviz.cli.terminal import say, write_what_the_terminal_cannot
from mappedviz.errors import MappedvizError

__all__ = ["FOUND", "INTERRUPTED", "OK", "USAGE", "main"]

_DESCRIPTION = (
    "Read many AnnData stores as if they were one: what is in these files, and may I train on them?"
)


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
    >>> from mappedviz.datasets import demo
    >>> main(["audit", f"{demo()}/berlin.h5ad", "--quiet", "--fail-on", "fatal"])  # doctest: +ELLIPSIS
    This collection can be ...
    0
    """
    for stream in (sys.stdout, sys.stderr):
        write_what_the_terminal_cannot(stream)
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser()
    # What follows "--" are paths, but for lab, which hands it on.
    end = given.index("--") if given[:1] == ["lab"] and "--" in given else len(given)
    given, handed_on = given[:end], given[end + 1 :]
    if not given:  # somebody who wants to know what there is
        parser.print_help(sys.stderr)
        return USAGE
    try:
        options = parser.parse_args(paths_as_paths(given))
        options.handed_on = handed_on
        note_storage_options(options)
        status: int = options.run(options)
        sys.stdout.flush()
    except SystemExit as stop:  # argparse: --help is 0, wrong usage 2
        return int(stop.code or 0)
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough: `mappedviz audit … | head`.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (MappedvizError, OSError) as error:
        say(str(error))
        return USAGE
    return status


def _parser() -> argparse.ArgumentParser:
    from mappedviz import __version__

    parser = argparse.ArgumentParser("mappedviz", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"mappedviz {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    for add in (add_audit, add_scan, add_diff, add_expect, add_recipe, add_lab, add_optimize):
        add(commands)
    add_cache(commands)
    add_info(commands)
    add_completion(commands, parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
