"""Rows and colours of charts: short ids of rows, colours of stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mappedviz.text.colours import OKABE_ITO
from mappedviz.text.display import names


class Ids:
    """Short ids of the rows of a chart, and what they stand for.

    Examples
    --------
    >>> ids = Ids(["b", "a"], "s")
    >>> ids.of("a"), ids.value("s0"), ids.known(["a", "zebra"]), ids.values(["s1"])
    ('s1', 'b', ['s1'], ['a'])
    """

    def __init__(self, values: Iterable[Any] = (), prefix: str = "r") -> None:
        self._values: Mapping[str, Any] = {f"{prefix}{i}": v for i, v in enumerate(values)}
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
        for i, text in enumerate(names(stores[: 2 * n]))
    ]
    if len(stores) > 2 * n:
        rest = f"{len(stores) - 2 * n:,} other stores"
        some.append({"name": rest, "colour": OKABE_ITO[-1], "hatch": False})
    return some


def of_series(values: Sequence[Any], n_series: int) -> list[Any]:
    """Values per store as values per series: what has no colour of its own is summed up."""
    some = [int(value) for value in values]
    if len(some) <= n_series:
        return some
    return [*some[: n_series - 1], sum(some[n_series - 1 :])]
