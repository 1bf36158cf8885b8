"""Rows and colours of charts: ids of rows, short names and colours of stores."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mappedviz.text.colours import OKABE_ITO
from mappedviz.text.display import MISSING, names, visible

_LONGEST = 40
_ENDS = re.compile(r"[A-Za-z0-9]+")


class Ids:
    """Ids of values in a chart or a list, and what they stand for.

    A plain short text is its own id, so that a click that comes late still means the same.

    Examples
    --------
    >>> ids = Ids(["b", ("a", "c")], "s")
    >>> ids.of(("a", "c")), ids.value("s1"), ids.known(["b", "zebra"]), ids.values(["b", "s7"])
    ('s1', ('a', 'c'), ['b'], ['b'])
    """

    def __init__(self, values: Iterable[Any] = (), prefix: str = "r") -> None:
        number = re.compile(rf"{re.escape(prefix)}\d+")

        def name(i: int, value: Any) -> str:
            plain = (
                isinstance(value, str)
                and 0 < len(value) <= _LONGEST
                and visible(value) == value
                and not number.fullmatch(value)
            )
            return value if plain else f"{prefix}{i}"

        self._values: Mapping[str, Any] = {name(i, v): v for i, v in enumerate(values)}
        self._ids = {value: name for name, value in self._values.items()}

    def of(self, value: Any) -> str:
        """The id of a value."""
        return self._ids[value]

    def value(self, name: str) -> Any:
        """The value of an id."""
        return self._values[name]

    def known(self, values: Iterable[Any]) -> list[str]:
        """The ids of those values that are in the chart."""
        return [self._ids[value] for value in values if value in self._ids]

    def values(self, some: Iterable[str]) -> list[Any]:
        """The values of those ids that are in the chart."""
        return [self._values[name] for name in some if name in self._values]


def series_of(stores: Sequence[str]) -> list[dict[str, Any]]:
    """Names and colours of stores: eight colours, the same eight hatched, then grey for all others."""
    n = len(OKABE_ITO) - 1  # the last is the grey of "other"
    some = [
        {"name": text, "colour": OKABE_ITO[i % n], "hatch": i >= n}
        for i, text in enumerate(short_names(stores)[: 2 * n])
    ]
    if len(stores) > 2 * n:
        rest = f"{len(stores) - 2 * n:,} other stores"
        some.append({"name": rest, "colour": OKABE_ITO[-1], "hatch": False})
    return some


def series_of_values(values: Sequence[Any]) -> list[dict[str, Any]]:
    """Names and colours of the values of a column, the same way; what has no value comes last, grey."""
    n = len(OKABE_ITO) - 1
    some = [
        {"name": text, "colour": OKABE_ITO[i % n], "hatch": i >= n}
        for i, text in enumerate(names(values[: 2 * n - 1]))
    ]
    if len(values) >= 2 * n:
        rest = f"{len(values) - 2 * n + 1:,} others"
        some.append({"name": rest, "colour": OKABE_ITO[-2], "hatch": True})
    return [*some, {"name": MISSING, "colour": OKABE_ITO[-1], "hatch": False}]


def of_series(values: Sequence[Any], n_series: int) -> list[Any]:
    """Values per store as values per series: what has no colour of its own is summed up."""
    some = [int(value) for value in values]
    if len(some) <= n_series:
        return some
    return [*some[: n_series - 1], sum(some[n_series - 1 :])]


def short_names(stores: Sequence[str], limit: int = 40) -> list[str]:
    """Return names of stores without what all of them share, cut where they are still long.

    Only whole words are left out, of four stores or more, and what is left tells them apart.

    Examples
    --------
    >>> short_names([f"atlas_2024_donor{i}_counts.h5ad" for i in (1, 2, 10, 11)])
    ['donor1', 'donor2', 'donor10', 'donor11']
    >>> short_names(["a.h5ad", "b.h5ad"])
    ['a.h5ad', 'b.h5ad']
    """
    every = [str(store) for store in stores]
    if len(set(every)) < 4:
        return names(every, limit)
    first, last = min(every), max(every)
    begin = 0
    while begin < min(len(first), len(last)) and first[begin] == last[begin]:
        begin += 1
    while begin and (first[begin - 1].isalnum()):  # back to the beginning of a word
        begin -= 1
    turned = [store[::-1] for store in every]
    first, last = min(turned), max(turned)
    end = 0
    while end < min(len(first), len(last)) and first[end] == last[end]:
        end += 1
    while end and first[end - 1].isalnum():
        end -= 1
    short = [store[begin : len(store) - end] for store in every]
    if len(set(short)) < len(set(every)) or not all(map(_ENDS.search, short)):
        return names(every, limit)
    return names(short, limit)
