"""Order, pages and cells of tables: they are sorted, filtered and cut in Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.text.display import is_missing, quantity, share

if TYPE_CHECKING:
    from mappedviz.views.nodes import Node

ROWS = 50  # of a page


@dataclass(frozen=True)
class Arrangement:
    """The order of a table, and its page.

    Attributes
    ----------
    sort
        Id of a column, and ``"ascending"`` or ``"descending"``; empty for the given order.
    page
        From 0.
    """

    sort: tuple[str, ...] = ()
    page: int = 0

    def but(self, sort: Any = None, page: Any = None) -> Arrangement:
        """The arrangement with another order, which begins at the first page, or another page."""
        if sort is not None:
            pair = tuple(str(one) for one in sort)
            if pair and (len(pair) != 2 or pair[1] not in ("ascending", "descending")):
                raise ValueError(f"{pair} is no order of a table")
            return Arrangement(pair)
        return replace(self, page=max(int(page), 0))


#: The given order, from the first page.
UNSORTED = Arrangement()


@dataclass(frozen=True)
class Cut:
    """The rows of one page: their positions, and what the table says of the others.

    Attributes
    ----------
    rows
        Positions.
    sort, page, pages, total
        As the table node wants them.
    """

    rows: list[int]
    sort: tuple[str, ...]
    page: int
    pages: int
    total: int

    @property
    def node(self) -> dict[str, Any]:
        """The arguments of the table node."""
        return {"sort": self.sort, "page": self.page, "pages": self.pages, "total": self.total}


def cut(
    chosen: Iterable[int],
    keys: Mapping[str, Sequence[Any]],
    arrangement: Arrangement,
    size: int = ROWS,
) -> Cut:
    """Return the rows of a page.

    Parameters
    ----------
    chosen
        Positions of the rows, in the order that is shown without sorting.
    keys
        Id of a column -> what its rows are sorted by; missing values come last.
    arrangement
        Order and page.
    size
        Rows of a page.

    Examples
    --------
    >>> cut(range(3), {"n": [2, None, 1]}, Arrangement(("n", "descending"))).rows
    [0, 2, 1]
    """
    rows = list(chosen)
    sort = arrangement.sort if arrangement.sort and arrangement.sort[0] in keys else ()
    if sort:
        values = keys[sort[0]]
        there = [i for i in rows if not is_missing(values[i])]
        last = [i for i in rows if is_missing(values[i])]
        there.sort(key=lambda i: _key(values[i]), reverse=sort[1] == "descending")
        rows = there + last
    pages = max(-(-len(rows) // size), 1)
    page = min(arrangement.page, pages - 1)
    return Cut(rows[page * size : (page + 1) * size], sort, page, pages, len(rows))


def _key(value: Any) -> tuple[int, Any]:
    """Numbers before texts, texts without regard to case."""
    if isinstance(value, (bool, int, float, np.number)):
        return 0, value
    return 1, str(value).casefold()


def count(n: Any, top: Any = None) -> Node:
    """Return the cell of a whole number, with a bar if there is a largest one."""
    if is_missing(n):
        return {"text": "–"}
    cell: Node = {"text": quantity(n)}
    if top:
        cell["bar"] = int(n) / max(int(top), 1)
    return cell


def part(fraction: Any, *, bar: bool = False) -> Node:
    """Return the cell of a share."""
    cell: Node = {"text": share(fraction)}
    if bar and not is_missing(fraction):
        cell["bar"] = float(fraction)
    return cell


def things(n: int, one: str, several: str = "") -> str:
    """Return a number and its noun.

    Examples
    --------
    >>> things(1, "store"), things(2_000, "store"), things(2, "class", "classes")
    ('1 store', '2,000 stores', '2 classes')
    """
    return f"{n:,} {one if n == 1 else several or one + 's'}"
