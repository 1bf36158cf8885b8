"""The command `mappedviz`: audits in a terminal and in CI, and notebooks to start from.

It may import everything. A new subcommand is a function in `command`.
"""

from mappedviz.cli.command import main

__all__ = ["main"]
