"""A virtual concatenation is two index maps: rows -> (store, local row), store columns -> joint columns.

Both are pure values: built from counts and names, they know nothing of files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from mappedviz._types import Array, lazy
from mappedviz.errors import JoinError
from mappedviz.recipe.column_map import ColumnMap
from mappedviz.recipe.names import digest

Duplicates = Literal["error", "first", "sum"]
_VERSIONED = re.compile(r"(ENS[A-Z]*\d+)\.\d+")


@dataclass(frozen=True, eq=False)
class RowMap:
    """Rows of the collection -> (store, row inside the store).

    Unfiltered stores cost one offset each, whatever their number of rows; a filtered store
    adds the rows kept, in the smallest integer type.

    Attributes
    ----------
    offsets
        int64 (n_stores + 1,): where each store's rows begin.
    kept
        Per store the local rows kept, ascending, or None for all of them.

    Examples
    --------
    >>> rows = RowMap.from_counts([3, 2])
    >>> rows.locate(np.array([0, 4]))
    (array([0, 1]), array([0, 1]))
    >>> len(rows.select([np.array([True, False, True]), None]))
    4
    """

    offsets: Array
    kept: tuple[Array | None, ...]

    @classmethod
    def from_counts(cls, counts: Sequence[int]) -> RowMap:
        """All rows of stores with these numbers of rows."""
        offsets = np.zeros(len(counts) + 1, dtype=np.int64)
        np.cumsum(counts, out=offsets[1:])
        return cls(offsets, (None,) * len(counts))

    def select(self, masks: Sequence[Array | None]) -> RowMap:
        """The rows whose mask is set; None keeps all rows of a store."""
        kept: list[Array | None] = []
        counts = []
        for mask, n in zip(masks, np.diff(self.offsets), strict=True):
            if mask is None or mask.all():
                kept.append(None)
                counts.append(int(n))
            else:
                rows = np.flatnonzero(mask)
                kept.append(rows.astype(np.min_scalar_type(max(int(n) - 1, 0))))
                counts.append(len(rows))
        offsets = RowMap.from_counts(counts).offsets
        return RowMap(offsets, tuple(kept))

    def take(self, rows: Array) -> RowMap:
        """Some of the rows, given as integers in ``[0, len)``, ascending and each once.

        Examples
        --------
        >>> RowMap.from_counts([3, 2]).take(np.array([1, 2, 4])).counts
        [2, 1]
        """
        cuts = np.searchsorted(rows, self.offsets)
        kept = list(self.kept)
        for s, before in enumerate(self.kept):
            begin, end = int(self.offsets[s]), int(self.offsets[s + 1])
            part = rows[cuts[s] : cuts[s + 1]]
            if len(part) == end - begin:
                continue
            local = part - begin
            dtype = np.min_scalar_type(max(end - begin - 1, 0))
            kept[s] = local.astype(dtype) if before is None else before[local]
        return RowMap(RowMap.from_counts(np.diff(cuts).tolist()).offsets, tuple(kept))

    def __len__(self) -> int:
        return int(self.offsets[-1])

    @property
    def counts(self) -> list[int]:
        """Rows per store."""
        return [int(n) for n in np.diff(self.offsets)]

    def locate(self, indices: Array) -> tuple[Array, Array]:
        """Store and local row (both int64) of rows given as integers in ``[0, len)``."""
        store = np.searchsorted(self.offsets, indices, side="right") - 1
        local = indices - self.offsets[store]
        if any(rows is not None for rows in self.kept):
            for s in np.unique(store):
                rows = self.kept[s]
                if rows is not None:
                    here = store == s
                    local[here] = rows[local[here]]
        return store, local

    def store_of_rows(self) -> Array:
        """Store of every row, in the smallest integer type."""
        n = max(len(self.kept) - 1, 0)
        return np.repeat(np.arange(len(self.kept), dtype=np.min_scalar_type(n)), self.counts)

    def local_rows(self) -> Array:
        """Row inside its store of every row."""
        parts = [
            np.arange(n) if rows is None else rows.astype(np.int64)
            for rows, n in zip(self.kept, self.counts, strict=True)
        ]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def strip_versions(names: Array) -> Array:
    """Ensembl identifiers without their version; other names as they are.

    Parameters
    ----------
    names
        Objects (n,) of type str.

    Examples
    --------
    >>> strip_versions(np.array(["ENSG00000141510.18", "TP53", "AC012.1"], dtype=object)).tolist()
    ['ENSG00000141510', 'TP53', 'AC012.1']
    """
    match = _VERSIONED.fullmatch
    return np.array(
        [found[1] if "." in name and (found := match(name)) else name for name in names.tolist()],
        dtype=object,
    )


class VarNames:
    """The variable names of one or more stores that have the same ones in the same order.

    Parameters
    ----------
    names
        Objects (n_vars,) of type str.
    store
        Path of a store that has them, for error messages.
    gaps
        Whether an empty name is none: of a column that does not identify every variable. Such
        variables are left out of a join.
    frame
        Where they are in that store: ``"var"`` or ``"raw.var"``.
    """

    def __init__(self, names: Array, store: str, *, gaps: bool = False, frame: str = "var") -> None:
        self.names = names
        self.store = store
        self.frame = frame
        self.unnamed = names == "" if gaps and "" in names.tolist() else None

    def __len__(self) -> int:
        return len(self.names)

    @lazy
    def repeated(self) -> list[str]:
        """The names that occur more than once, in order of appearance."""
        names = self.names if self.unnamed is None else self.names[~self.unnamed]
        return [name for name, times in Counter(names.tolist()).items() if times > 1]

    @lazy
    def key(self) -> Hashable:
        """Equal for equal names."""
        return digest(self.names)


class _Numbered:
    """The names of several lists as numbers: one hash table for all of them.

    Attributes
    ----------
    names
        Objects: the distinct names, in order of appearance.
    codes
        Per list its names as positions in ``names``, -1 for a variable without a name.
    """

    def __init__(self, lists: Sequence[VarNames], panel: Array | None = None) -> None:
        from pandas import factorize

        arrays = [] if panel is None else [panel]
        arrays += [one.names for one in lists]
        every = np.concatenate([*arrays, np.empty(0, dtype=object)])
        unnamed = [one.unnamed for one in lists]
        if any(mask is not None for mask in unnamed):
            at = 0 if panel is None else len(panel)
            for one in lists:
                if one.unnamed is not None:
                    every[at : at + len(one)][one.unnamed] = None  # which has no number
                at += len(one)
        codes, names = factorize(every)
        self.names: Array = np.asarray(names, dtype=object)
        self.codes = np.split(codes, np.cumsum([len(one) for one in arrays])[:-1])


@dataclass(frozen=True, eq=False)
class VarJoin:
    """Store columns -> joint columns, -1 for a column that is dropped.

    Build it with one of the classmethods; each takes the names of the distinct variable
    lists and, per store, which of them it has. A store may be read in matrices over two lists: its
    own variables and those of its raw. It then has a variable if both have it; in an outer
    join, if any of them has it.

    Attributes
    ----------
    joint
        Objects (n_vars,): names of the joint variables.
    lists
        The distinct variable lists.
    list_of
        Per store, the position in ``lists`` of its variables; -1 if nothing is read over them.
    maps
        Per distinct list its :class:`ColumnMap`, or None where nothing changes.
    aligned
        All stores have one list, and nothing changes.
    raw_of
        As ``list_of``, for the variables of raw; None if no store is read over them.
    either
        A store has a variable if any of its lists has it; else if all of them have it.
    """

    joint: Array
    lists: tuple[VarNames, ...]
    list_of: Array
    maps: tuple[ColumnMap | None, ...]
    aligned: bool = field(default=False)
    raw_of: Array | None = field(default=None)
    either: bool = field(default=False)

    @classmethod
    def inner(
        cls,
        lists: Sequence[VarNames],
        list_of: Sequence[int],
        duplicates: Duplicates = "error",
        *,
        raw_of: Sequence[int] | None = None,
    ) -> VarJoin:
        """Variables that every store has, in the order of the first store.

        Raises
        ------
        JoinError
            No variable is in every store, or a store repeats a name.
        """
        of = _ListsOf(list_of, raw_of)
        if (aligned := cls._aligned(lists, of, duplicates)) is not None:
            return aligned
        numbered = _Numbered(lists)
        first = _named(numbered.codes[of.distinct[0][0]])
        joint = first[_stores_with(numbered, of)[first] == len(list_of)]
        if len(joint) == 0:
            raise JoinError(
                f"the {len(list_of)} stores share no variable",
                key="join='inner'",
                remedy="Use join='outer', or join by another identifier with var_key=.",
            )
        return cls._onto(numbered, _distinct(joint), lists, of, duplicates)

    @classmethod
    def outer(
        cls,
        lists: Sequence[VarNames],
        list_of: Sequence[int],
        duplicates: Duplicates = "error",
        *,
        raw_of: Sequence[int] | None = None,
    ) -> VarJoin:
        """Variables that any store has, sorted; all stores equal: their order is kept."""
        of = _ListsOf(list_of, raw_of)
        if (aligned := cls._aligned(lists, of, duplicates)) is not None:
            return aligned
        numbered = _Numbered(lists)
        joint = _sorted(numbered, np.arange(len(numbered.names)))
        return cls._onto(numbered, joint, lists, of, duplicates, either=True)

    @classmethod
    def at_least(
        cls,
        k: int,
        lists: Sequence[VarNames],
        list_of: Sequence[int],
        duplicates: Duplicates = "error",
        *,
        raw_of: Sequence[int] | None = None,
    ) -> VarJoin:
        """Variables that at least ``k`` stores have, sorted; all stores equal: order kept.

        Raises
        ------
        JoinError
            No variable is in ``k`` stores, or a store repeats a name.
        """
        if k > len(list_of):
            raise JoinError(
                f"asks for variables in at least {k} of {len(list_of)} stores",
                key="min_stores",
                remedy=f"Use a number from 1 to {len(list_of)}.",
            )
        of = _ListsOf(list_of, raw_of)
        if (aligned := cls._aligned(lists, of, duplicates)) is not None:
            return aligned
        numbered = _Numbered(lists)
        joint = _sorted(numbered, np.flatnonzero(_stores_with(numbered, of) >= k))
        if len(joint) == 0:
            raise JoinError(
                f"no variable is in at least {k} of the {len(list_of)} stores",
                key="min_stores",
                remedy="Lower min_stores, or join by another identifier with var_key=.",
            )
        return cls._onto(numbered, joint, lists, of, duplicates)

    @classmethod
    def panel(
        cls,
        names: Sequence[str],
        lists: Sequence[VarNames],
        list_of: Sequence[int],
        duplicates: Duplicates = "error",
        *,
        raw_of: Sequence[int] | None = None,
    ) -> VarJoin:
        """Exactly these variables in this order; zeros where a store lacks one.

        Raises
        ------
        JoinError
            No store has any of them, or a store repeats a name.
        """
        joint = np.array(list(names), dtype=object)
        numbered = _Numbered(lists, joint)
        wanted = numbered.codes.pop(0)
        join = cls._onto(numbered, wanted, lists, _ListsOf(list_of, raw_of), duplicates)
        if len(list_of) and not any(
            columns is None or columns.highest >= 0 for columns in join.maps
        ):
            raise JoinError(
                f"no store has any of the {len(joint)} variables asked for, such as {joint[:3].tolist()}",
                key="var_names",
                remedy="Compare with the stores' var_names, or set var_key=.",
            )
        return join

    @classmethod
    def _aligned(
        cls, lists: Sequence[VarNames], of: _ListsOf, duplicates: Duplicates
    ) -> VarJoin | None:
        used = {i for some in set(of.distinct) for i in some}
        if len(used) > 1:
            return None
        if not used:
            return cls(np.empty(0, dtype=object), tuple(lists), np.empty(0, np.intp), (), True)
        (i,) = used
        one = lists[i]
        if one.repeated or one.unnamed is not None:
            numbered = _Numbered(lists)
            joint = _distinct(_named(numbered.codes[i]))
            return cls._onto(numbered, joint, lists, of, duplicates)
        maps = tuple(None for _ in lists)
        return cls(one.names, tuple(lists), of.list_of, maps, True, of.raw_of)

    @classmethod
    def _onto(
        cls,
        numbered: _Numbered,
        joint: Array,
        lists: Sequence[VarNames],
        of: _ListsOf,
        duplicates: Duplicates,
        *,
        either: bool = False,
    ) -> VarJoin:
        """The join onto the variables with these numbers."""
        position = np.full(len(numbered.names) + 1, -1, dtype=np.int32)  # the last one: no name
        position[joint] = np.arange(len(joint), dtype=np.int32)
        maps: list[ColumnMap | None] = []
        for names, codes in zip(lists, numbered.codes, strict=True):
            distinct, first = np.unique(codes, return_index=True)
            columns = position[codes]
            if len(_named(distinct)) < len(_named(codes)):
                if duplicates == "error":
                    some = ", ".join(repr(name) for name in names.repeated[:5])
                    raise JoinError(
                        f"repeats {len(names.repeated)} variable names: {some}",
                        store=names.store,
                        key=names.frame,
                        remedy='Choose duplicates="first" or duplicates="sum", or join by another '
                        "identifier with var_key=.",
                    )
                if duplicates == "first":
                    again = np.ones(len(codes), dtype=bool)
                    again[first] = False
                    columns[again] = -1
            same = len(columns) == len(joint) and (columns == np.arange(len(joint))).all()
            maps.append(None if same else ColumnMap(columns))
        joined = tuple(lists), of.list_of, tuple(maps)
        return cls(numbered.names[joint], *joined, raw_of=of.raw_of, either=either)

    def __len__(self) -> int:
        return len(self.joint)

    def column_map(self, store: int, *, raw: bool = False) -> ColumnMap | None:
        """The joint column of each column of a store, or None where nothing changes.

        Parameters
        ----------
        store
            Position of the store.
        raw
            Of its raw.X.
        """
        of = self.raw_of if raw else self.list_of
        assert of is not None
        assert of[store] >= 0  # what is read over no list has no map
        return self.maps[int(of[store])]

    def main_map(self, store: int) -> ColumnMap | None:
        """The map of a store's variables, or of those of its raw if nothing else is read."""
        return self.column_map(store, raw=bool(self.list_of[store] < 0))

    def columns(self, store: int) -> Array:
        """int64 (n_joint,): the column of each joint variable, -1 if there is none; see :meth:`main_map`."""
        found = self.main_map(store)
        if found is None:
            return np.arange(len(self.joint))
        columns = np.full(len(self.joint), -1, dtype=np.int64)
        kept = np.flatnonzero(found.array >= 0)[::-1]  # of repeated names the first one wins
        columns[found.array[kept]] = kept
        return columns

    def measured(self) -> Array:
        """Boolean (n_stores, n_joint): which store has which joint variable."""
        masks = [self._has(columns) for columns in self.maps]
        if not len(self.list_of):
            return np.empty((0, len(self.joint)), dtype=bool)
        every = np.array(masks)
        if self.raw_of is None:
            return every[self.list_of]
        of, raw = self.list_of, self.raw_of
        one, other = every[np.where(of < 0, raw, of)], every[np.where(raw < 0, of, raw)]
        has: Array = one | other if self.either else one & other
        return has

    def _has(self, columns: ColumnMap | None) -> Array:
        mask = np.zeros(len(self.joint), dtype=bool)
        if columns is None:
            mask[:] = True
        else:
            mask[columns.array[columns.array >= 0]] = True
        return mask


class _ListsOf:
    """The lists that each store is read over: of its variables, and of those of raw.

    Attributes
    ----------
    list_of, raw_of
        As of :class:`VarJoin`.
    distinct
        Per store its lists, each once.
    """

    def __init__(self, list_of: Sequence[int], raw_of: Sequence[int] | None) -> None:
        self.list_of = np.asarray(list_of, np.intp)
        read_raw = raw_of is not None and any(i >= 0 for i in raw_of)
        self.raw_of = np.asarray(raw_of, np.intp) if read_raw else None
        pairs = zip(list_of, raw_of, strict=True) if raw_of is not None else zip(list_of)
        self.distinct: list[tuple[int, ...]] = [
            tuple(dict.fromkeys(i for i in pair if i >= 0)) for pair in pairs
        ]


def _stores_with(numbered: _Numbered, of: _ListsOf) -> Array:
    """How many stores have each name in all of their lists."""
    stores = np.zeros(len(numbered.names), dtype=np.int64)
    for some, times in Counter(of.distinct).items():
        lists = np.zeros(len(numbered.names), dtype=np.int64)
        for i in some:
            has = np.zeros(len(numbered.names), dtype=bool)
            has[_named(numbered.codes[i])] = True
            lists += has
        stores[lists == len(some)] += times
    return stores


def _named(codes: Array) -> Array:
    """The numbers of variables that have a name."""
    return codes[codes >= 0]


def _distinct(codes: Array) -> Array:
    """The distinct numbers, in order of appearance."""
    return codes[np.sort(np.unique(codes, return_index=True)[1])]


def _sorted(numbered: _Numbered, codes: Array) -> Array:
    """The numbers in the order of their names."""
    names = numbered.names[codes].tolist()
    return codes[sorted(range(len(names)), key=names.__getitem__)]
