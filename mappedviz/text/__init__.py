"""Text and colours for people: one line, visible, of bounded length, in files that are whole.

It may import errors and types only, and no library of pictures or files. A new way to shorten or
escape text goes to `display`, a colour to `colours`, a new kind of text file to `files`; a type that
is to be shown as HTML registers what renders it with `rendering`.
"""

from __future__ import annotations

from mappedviz.text.display import shown
from mappedviz.text.files import csv_text, write_text

__all__ = ["csv_text", "shown", "write_text"]
