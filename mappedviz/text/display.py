"""Text from data, made safe to show: one line, visible, of bounded length, each told apart.

Names in files can be anything: empty, 300 characters long, with line breaks, with control
characters that move a terminal's cursor, with marks that turn the direction of the whole line.
Figures, HTML, the terminal and CSV files all show what these functions return.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

MISSING = "(missing)"
EMPTY = "(empty)"
ABSENT = "(no such column)"
# Shown in place of a label; a label of that name is shown in quotes.
RESERVED = frozenset({MISSING, EMPTY, ABSENT})
# Control, format, surrogate, private use, line and paragraph separators: nothing to see.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# They join letters of many scripts, and emoji, and move nothing.
_JOINERS = "\u200c\u200d"
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# The characters that make a spreadsheet take a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# Of a name, with the separator behind it.
_WORDS = re.compile(r"[^\W_]+[\W_]*|[\W_]+")
_LONG_NAME = 24


class Words(str):
    """Text of ours among names from data: :func:`names` leaves it as it is."""

    __slots__ = ()


def shown(value: Any, limit: int | None = 60) -> str:
    r"""Return a value as one line of visible text.

    Parameters
    ----------
    value
        Anything; None, NaN, ``pd.NA`` and ``pd.NaT`` are ``(missing)``, ``""`` is ``(empty)``.
    limit
        Longest text to return; the middle is cut, because names often differ at their ends.
        None for no limit.

    Returns
    -------
    str
        Without line breaks, control characters or marks of direction: those are spelled out.

    Examples
    --------
    >>> shown("T cells"), shown(float("nan")), shown(""), shown("(missing)"), shown("  ")
    ('T cells', '(missing)', '(empty)', '"(missing)"', '␣␣')
    >>> print(shown("\x1b[31mred\u202e"), shown("a" * 30 + "b" * 30, limit=11))
    \x1b[31mred\u202e aaaaa…bbbbb
    """
    if is_missing(value):
        return MISSING
    text = visible(value if isinstance(value, str) else str(value))
    if not text:
        return EMPTY
    if not text.strip():
        text = "␣" * len(text)
    elif text in RESERVED:
        text = f'"{text}"'
    return text if limit is None else cut(text, limit)


def is_missing(value: Any) -> bool:
    """Return True for every spelling of a missing value."""
    if value is None:
        return True
    if isinstance(value, str):
        return False
    if str(value) in ("<NA>", "NaT"):  # pd.NA refuses comparison
        return True
    return isinstance(value, (float, complex)) and value != value


def visible(text: str) -> str:
    r"""Return text with everything invisible spelled out as an escape; line breaks too.

    Examples
    --------
    >>> print(visible("two\nlines and\x00 nothing"))
    two\nlines and\x00 nothing
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    if unicodedata.category(character) not in _INVISIBLE or character in _JOINERS:
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def cut(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters; of a longer one the middle is left out.

    Examples
    --------
    >>> cut("abcdefghij", 5), cut("abc", 5)
    ('ab…ij', 'abc')
    """
    if len(text) <= limit:
        return text
    tail = max(limit - 1, 0) // 2
    return f"{text[: limit - 1 - tail]}…{text[len(text) - tail :] if tail else ''}"


def names(values: Iterable[Any], limit: int = 40) -> list[str]:
    """Return texts of several values, all different where the values are.

    Parameters
    ----------
    values
        Names of stores, labels, …
    limit
        As for :func:`shown`.

    Returns
    -------
    list of str
        One per value. Texts that would be the same, such as two long names that differ in
        the middle, are numbered.

    Examples
    --------
    >>> names(["a", "b" * 20 + "1" + "c" * 20, "b" * 20 + "2" + "c" * 20], limit=9)
    ['a', 'bbbb…cccc', 'bbbb…cccc (2)']
    """
    texts: list[str] = []
    taken: dict[str, int] = {}
    for value in values:
        text = value if isinstance(value, Words) else shown(value, limit)
        times = taken.get(text, 0) + 1
        taken[text] = times
        while times > 1 and f"{text} ({times})" in taken:
            times += 1
        if times > 1:
            text = f"{text} ({times})"
            taken[text] = 1
        texts.append(text)
    return texts


def differing(values: Sequence[Any], limit: int = 40) -> list[str]:
    """Return texts of long names without the words that all of them begin and end with.

    Parameters
    ----------
    values
        Names of stores, …
    limit
        As for :func:`names`, which does the rest: texts are all different where the values are.

    Examples
    --------
    >>> differing([f"lung_atlas_2024_release_donor_{i:03}_10x_v3.h5ad" for i in (7, 12)])
    ['…donor_007', '…donor_012']
    >>> differing(["a.h5ad", "b.h5ad"])
    ['a.h5ad', 'b.h5ad']
    """
    distinct = list(dict.fromkeys(value for value in values if type(value) is str))
    if len(distinct) < 2 or max(map(len, distinct)) <= _LONG_NAME:
        return names(values, limit)
    words = [_WORDS.findall(value) for value in distinct]
    shortest = min(map(len, words))
    n = next((i for i in range(shortest) if len({some[i] for some in words}) > 1), shortest)
    ends = range(1, shortest - n + 1)
    m = next((i for i in ends if len({some[-i] for some in words}) > 1), len(ends) + 1) - 1
    if n and all(some[n : n + 1] and some[n][0].isdigit() for some in words):
        n -= 1  # a number alone says too little
    begin, end = len("".join(words[0][:n])), len("".join(words[0][len(words[0]) - m :]))
    cuts = {value: value[begin : len(value) - end].strip("_-. ") for value in distinct}
    if begin + end < _LONG_NAME // 4 or not all(cuts.values()):
        return names(values, limit)
    before = "…" * (begin > 0)
    return names(
        [
            Words(before + shown(cuts[str(value)], limit)) if type(value) is str else value
            for value in values
        ],
        limit,
    )


def listed(values: Sequence[Any], most: int = 5, limit: int = 40) -> str:
    """Return some names in one sentence, and the number of further ones.

    Examples
    --------
    >>> listed(["a", "b", "c", "d"], most=2), listed(["a"])
    ('a, b and 2 more', 'a')
    """
    texts = [shown(value, limit) for value in values[:most]]
    more = len(values) - len(texts)
    return ", ".join(texts) + (f" and {more:,} more" if more else "")


def pattern_words(pattern: tuple[Any, ...], stores: Sequence[Any]) -> str:
    """Return the stores of a pattern in the shortest words.

    Examples
    --------
    >>> pattern_words(("a", "b", "c"), ["a", "b", "c"]), pattern_words(("b",), ["a", "b", "c"])
    ('all 3 stores', 'only b')
    >>> pattern_words(("a", "c", "d"), ["a", "b", "c", "d"]), pattern_words(("a", "c"), list("abcd"))
    ('all but b', '2 stores: a, c')
    """
    n = len(pattern)
    if n == len(stores):
        return f"all {n:,} stores" if n > 1 else f"only {listed(pattern)}"
    if n == 1:
        return f"only {listed(pattern, limit=34)}"
    chosen = set(pattern)
    absent = [store for store in stores if store not in chosen]
    if len(absent) <= 2 and n > len(absent):
        return f"all but {listed(absent, limit=28)}"
    return f"{n:,} stores: {listed(pattern, most=3, limit=20)}"


def csv_cell(value: Any) -> Any:
    r"""Return a value that no spreadsheet takes for a formula: a quote is put before such text.

    Numbers stay numbers; line breaks and control characters are spelled out.

    Examples
    --------
    >>> csv_cell("=cmd|' /C calc'!A0"), csv_cell("CD4+"), csv_cell(-1.5), csv_cell("-")
    ("'=cmd|' /C calc'!A0", 'CD4+', -1.5, "'-")
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if value.lstrip(" ").startswith(_FORMULA) else text


def quantity(n: Any) -> str:
    """Return a whole number with separators; a dash if it is missing.

    Examples
    --------
    >>> quantity(12345), quantity(float("nan")), quantity(7.0)
    ('12,345', '–', '7')
    """
    return "–" if is_missing(n) else f"{int(n):,}"


def compact(n: float) -> str:
    """Return a number in at most five characters, where there is no room for more.

    Examples
    --------
    >>> compact(950), compact(1_249), compact(1_000), compact(12_600), compact(0)
    ('950', '1.2k', '1k', '13k', '0')
    """
    for unit, scale in (("", 1), ("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)):
        amount = n / scale
        if amount < 999.5 or unit == "G":
            break
    digits = f"{amount:.1f}" if unit and amount < 9.95 else f"{amount:.0f}"
    return digits.removesuffix(".0") + unit


def size(nbytes: Any) -> str:
    """Return a number of bytes with a unit.

    Examples
    --------
    >>> size(999), size(1_500_000), size(None)
    ('999 B', '1.5 MB', '–')
    """
    if is_missing(nbytes):
        return "–"
    amount = float(nbytes)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 999.5 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:,.0f} {unit}" if unit == "B" or amount >= 99.5 else f"{amount:.2g} {unit}"


def share(fraction: Any) -> str:
    """Return a fraction as per cent, with enough digits to tell a small one from zero.

    Examples
    --------
    >>> share(0.5), share(0.0004), share(0), share(float("nan"))
    ('50 %', '0.04 %', '0 %', '–')
    """
    if is_missing(fraction):
        return "–"
    percent = 100 * float(fraction)
    if percent == 0 or percent >= 9.95:
        return f"{percent:.0f} %"
    return f"{percent:.2g} %" if percent >= 0.0001 else "< 0.0001 %"
