"""Spellings of labels that may mean the same."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mappedviz.recipe.labels import Label

_SPACES = {ord(c): " " for c in "_.,;:/\\()[]{}|'\"`’*#&"}
# Hyphens, dashes and the minus sign of typography.
_DASHES = dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-")
_CELLS = {"cell", "cells"}


def plain_spelling(label: Label) -> str:
    """A label without what spellings differ in: case, width, spaces, punctuation, plural, "cells".

    ``+`` stays, and so does a minus that ends a word: CD4+ and CD4- are not the same.

    Examples
    --------
    >>> plain_spelling("CD4 T cells"), plain_spelling("CD4_T"), plain_spelling("CD4- T")
    ('cd4t', 'cd4t', 'cd4-t')
    >>> plain_spelling("CD14+ Monocytes") == plain_spelling("CD14+ Monocyte")
    True
    """
    text = str(label)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = text.translate(_DASHES)
    words = text.casefold().translate(_SPACES).split()
    if "-" in text:
        words = [part for word in words for part in _cut(word)]
    if len(words) > 1 and words[-1] in _CELLS:
        words.pop()
    return "".join(
        word[:-1] if len(word) > 3 and word[-1] == "s" and word[-2] != "s" else word
        for word in words
    )


def _cut(word: str) -> list[str]:
    """Two words for "t-cell"; a minus at the end of a word, or before a sign, stays."""
    minus = "-" if word.endswith("-") else ""
    parts = [part for part in word.split("-") if part]
    return [*parts[:-1], parts[-1] + minus] if parts else [word]
