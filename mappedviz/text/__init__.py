"""Text for people: safe to display on one line, and written to files whole or not at all.

It may import errors and types only. A new way to shorten or escape text goes to `display`, a new
kind of text file to `files`.
"""

from __future__ import annotations

from mappedviz.text.display import shown
from mappedviz.text.files import csv_text, write_text

__all__ = ["csv_text", "shown", "write_text"]
