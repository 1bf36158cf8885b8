"""The command `mappedviz`: audits in a terminal and in CI, and notebooks to start from.

It may import everything but the testing helpers; rich is at home here. A new subcommand is a module
with its parser and its function, named in `command`; whatever it prints comes out of a lower package
as text or tables.
"""

from mappedviz.cli.command import main

__all__ = ["main"]
