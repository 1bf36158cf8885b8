"""Rows and colours of charts: ids of rows, colours of stores."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mappedviz.text.colours import OKABE_ITO
from mappedviz.text.display import MISSING, differing, names, visible

_LONGEST = 40


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
        for i, text in enumerate(differing(stores)[: 2 * n])
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
