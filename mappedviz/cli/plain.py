"""A terminal without rich: the same lines and tables, without colours and wrapping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO


class PlainConsole:
    """Plain text on a stream, where rich is not installed.

    Parameters
    ----------
    stream
        Where it is written.
    """

    is_terminal = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def line(self, text: str) -> None:
        """Print a line."""
        print(text, file=self._stream)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], right: set[int]) -> None:
        """Print rows below a head, in columns.

        Parameters
        ----------
        head
            Names of the columns.
        rows
            Texts, as many in each row as there are names.
        right
            The columns of numbers, which end below each other.
        """
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        for row in (head, *rows):
            cells = [
                text.rjust(width) if i in right else text.ljust(width)
                for i, (text, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.line("  ".join(cells).rstrip())
