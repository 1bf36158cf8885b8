"""Rows and colours of charts: ids of rows, colours of stores."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from mappedviz.text.colours import OKABE_ITO
from mappedviz.text.display import MISSING, differing, names, visible

_LONGEST = 40
#: Of stores that have no colours of their own.
NO_MARKS: Mapping[str, Any] = MappingProxyType({})


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


_PLAIN = len(OKABE_ITO) - 1  # the last is the grey of "other"
#: Colours, plain and hatched.
MOST_COLOURS = 2 * _PLAIN


def colour_at(i: int) -> dict[str, Any]:
    """Return a colour by its number: seven plain ones, then the same hatched.

    Examples
    --------
    >>> colour_at(0), colour_at(7)
    ({'colour': '#0072b2', 'hatch': False}, {'colour': '#0072b2', 'hatch': True})
    """
    return {"colour": OKABE_ITO[i % _PLAIN], "hatch": i >= _PLAIN}


def series_of(
    stores: Sequence[str], places: Mapping[str, int] | None = None
) -> list[dict[str, Any]]:
    """Names and colours of stores: as many as there are colours, then grey for all others.

    Parameters
    ----------
    stores
        Their names.
    places
        Name -> number of the colour, where it is not the position.
    """
    known = places or {}
    some: list[dict[str, Any]] = [
        {"name": text, **colour_at(known.get(store, i))}
        for i, (store, text) in enumerate(
            zip(stores[:MOST_COLOURS], differing(stores)[:MOST_COLOURS], strict=True)
        )
    ]
    if len(stores) > MOST_COLOURS:
        rest = f"{len(stores) - MOST_COLOURS:,} other stores"
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
