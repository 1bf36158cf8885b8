"""`mappedviz completion`: the script that completes the command in a shell."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from mappedviz.cli.options import OK, subcommand
from mappedviz.text.extras import optional_packages

_SHELLS = ("bash", "fish", "tcsh", "zsh")
_EPILOG = """\
examples:
  mappedviz completion bash > ~/.local/share/bash-completion/completions/mappedviz
  mappedviz completion zsh > ~/.zfunc/_mappedviz        # with ~/.zfunc in $fpath
  mappedviz completion fish > ~/.config/fish/completions/mappedviz.fish

It is shtab that writes the script: pip install "mappedviz[completion]".
"""
#: What arguments are, by how the help names them.
_FILES = ("FILE", "NEW", "OLD", "PATH")
_FOLDERS = ("FOLDER",)


def add_completion(commands: Any, whole: argparse.ArgumentParser) -> None:
    """Add the command to those of a parser."""
    completion = subcommand(
        commands, "completion", "print the script that completes the command in a shell", _EPILOG
    )
    completion.add_argument("shell", choices=_SHELLS, help="the shell")
    completion.set_defaults(run=lambda options: _completion(whole, options.shell))


def _completion(parser: argparse.ArgumentParser, shell: str) -> int:
    with optional_packages():
        import shtab
    _say_what_are_files(parser, shtab.FILE, shtab.DIRECTORY)
    sys.stdout.write(shtab.complete(parser, shell))
    return OK


def _say_what_are_files(parser: argparse.ArgumentParser, file: Any, folder: Any) -> None:
    for action in parser._actions:
        name = str(action.metavar).partition("_")[0]
        if name in _FILES or name in _FOLDERS:
            action.complete = folder if name in _FOLDERS else file  # type: ignore[attr-defined]
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                _say_what_are_files(one, file, folder)
