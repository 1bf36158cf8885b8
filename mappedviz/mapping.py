"""A virtual concatenation is two index maps: rows -> (store, local row), store columns -> joint columns.

Both are pure values: built from counts and names, they know nothing of files.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from mappedviz.errors import JoinError

Array: TypeAlias = npt.NDArray[Any]
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
        [found[1] if (found := match(name)) else name for name in names.tolist()], dtype=object
    )


class VarNames:
    """The variable names of one or more stores that have the same ones in the same order.

    Parameters
    ----------
    names
        Objects (n_vars,) of type str.
    store
        Path of a store that has them, for error messages.
    """

    def __init__(self, names: Array, store: str) -> None:
        self.names = names
        self.store = store

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def index(self) -> Any:
        """The names as a pandas Index, which does the look-ups."""
        from pandas import Index

        return Index(self.names, dtype=object)

    @cached_property
    def repeated(self) -> list[str]:
        """The names that occur more than once, in order of appearance."""
        return (
            [] if self.index.is_unique else list(dict.fromkeys(self.names[self.index.duplicated()]))
        )

    @cached_property
    def key(self) -> Hashable:
        """Equal for equal names."""
        from hashlib import blake2b

        # Names may hold any character, so each is preceded by its length.
        text = "".join(f"{len(name)}:{name}" for name in self.names.tolist())
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True, eq=False)
class VarJoin:
    """Store columns -> joint columns, -1 for a column that is dropped.

    Build it with one of the classmethods; each takes the names of the distinct variable
    lists and, per store, which of them it has.

    Attributes
    ----------
    joint
        Objects (n_vars,): names of the joint variables.
    lists
        The distinct variable lists.
    list_of
        Per store, its position in ``lists``.
    remaps
        Per distinct list int32 (n_vars of the store,), or None where nothing changes.
    """

    joint: Array
    lists: tuple[VarNames, ...]
    list_of: Array
    remaps: tuple[Array | None, ...]
    aligned: bool = field(default=False)

    @classmethod
    def inner(
        cls, lists: Sequence[VarNames], list_of: Sequence[int], duplicates: Duplicates = "error"
    ) -> VarJoin:
        """Variables that every store has, in the order of the first store.

        Raises
        ------
        JoinError
            No variable is in every store, or a store repeats a name.
        """
        if (aligned := cls._aligned(lists, list_of, duplicates)) is not None:
            return aligned
        joint = lists[list_of[0]].index.unique()
        for names in (lists[i] for i in dict.fromkeys(list_of)):
            joint = joint[joint.isin(names.index)]
        if len(joint) == 0:
            raise JoinError(
                f"the {len(list_of)} stores share no variable",
                key="join='inner'",
                remedy="Use join='outer', or join by another identifier with var_key=.",
            )
        return cls._onto(joint.to_numpy(), lists, list_of, duplicates)

    @classmethod
    def outer(
        cls, lists: Sequence[VarNames], list_of: Sequence[int], duplicates: Duplicates = "error"
    ) -> VarJoin:
        """Variables that any store has, sorted; all stores equal: their order is kept."""
        if (aligned := cls._aligned(lists, list_of, duplicates)) is not None:
            return aligned
        return cls._onto(_in_stores(lists, list_of, 1), lists, list_of, duplicates)

    @classmethod
    def at_least(
        cls,
        k: int,
        lists: Sequence[VarNames],
        list_of: Sequence[int],
        duplicates: Duplicates = "error",
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
        if (aligned := cls._aligned(lists, list_of, duplicates)) is not None:
            return aligned
        joint = _in_stores(lists, list_of, k)
        if len(joint) == 0:
            raise JoinError(
                f"no variable is in at least {k} of the {len(list_of)} stores",
                key="min_stores",
                remedy="Lower min_stores, or join by another identifier with var_key=.",
            )
        return cls._onto(joint, lists, list_of, duplicates)

    @classmethod
    def panel(
        cls,
        names: Sequence[str],
        lists: Sequence[VarNames],
        list_of: Sequence[int],
        duplicates: Duplicates = "error",
    ) -> VarJoin:
        """Exactly these variables in this order; zeros where a store lacks one.

        Raises
        ------
        JoinError
            No store has any of them, or a store repeats a name.
        """
        joint = np.array(list(names), dtype=object)
        join = cls._onto(joint, lists, list_of, duplicates)
        if len(list_of) and not any(remap is None or (remap >= 0).any() for remap in join.remaps):
            raise JoinError(
                f"no store has any of the {len(joint)} variables asked for, such as {joint[:3].tolist()}",
                key="var_names",
                remedy="Compare with the stores' var_names, or set var_key=.",
            )
        return join

    @classmethod
    def _aligned(
        cls, lists: Sequence[VarNames], list_of: Sequence[int], duplicates: Duplicates
    ) -> VarJoin | None:
        if len(set(list_of)) > 1:
            return None
        if not list_of:
            return cls(np.empty(0, dtype=object), tuple(lists), np.empty(0, np.intp), (), True)
        if lists[list_of[0]].repeated:
            return cls._onto(
                lists[list_of[0]].index.unique().to_numpy(), lists, list_of, duplicates
            )
        remaps = tuple(None for _ in lists)
        return cls(
            lists[list_of[0]].names, tuple(lists), np.asarray(list_of, np.intp), remaps, True
        )

    @classmethod
    def _onto(
        cls,
        joint: Array,
        lists: Sequence[VarNames],
        list_of: Sequence[int],
        duplicates: Duplicates,
    ) -> VarJoin:
        from pandas import Index

        index = Index(joint, dtype=object)
        remaps: list[Array | None] = []
        for names in lists:
            if duplicates == "error" and names.repeated:
                some = ", ".join(repr(name) for name in names.repeated[:5])
                raise JoinError(
                    f"repeats {len(names.repeated)} variable names: {some}",
                    store=names.store,
                    key="var",
                    remedy='Choose duplicates="first" or duplicates="sum", or join by another '
                    "identifier with var_key=.",
                )
            remap = index.get_indexer(names.index).astype(np.int32)
            if duplicates == "first" and names.repeated:
                remap[names.index.duplicated()] = -1
            same = len(remap) == len(joint) and (remap == np.arange(len(joint))).all()
            remaps.append(None if same else remap)
        return cls(joint, tuple(lists), np.asarray(list_of, np.intp), tuple(remaps))

    def __len__(self) -> int:
        return len(self.joint)

    def remap(self, store: int) -> Array | None:
        """int32 (n_vars of the store,) of joint columns, or None where nothing changes."""
        return self.remaps[int(self.list_of[store])]

    def columns(self, store: int) -> Array:
        """int64 (n_joint,): the store's column of every joint variable, -1 where it has none."""
        remap = self.remap(store)
        if remap is None:
            return np.arange(len(self.joint))
        columns = np.full(len(self.joint), -1, dtype=np.int64)
        kept = np.flatnonzero(remap >= 0)[::-1]  # of repeated names the first one wins
        columns[remap[kept]] = kept
        return columns

    def measured(self) -> Array:
        """Boolean (n_stores, n_joint): which store has which joint variable."""
        masks = [self._has(remap) for remap in self.remaps]
        if not len(self.list_of):
            return np.empty((0, len(self.joint)), dtype=bool)
        return np.array(masks)[self.list_of]

    def _has(self, remap: Array | None) -> Array:
        mask = np.zeros(len(self.joint), dtype=bool)
        if remap is None:
            mask[:] = True
        else:
            mask[remap[remap >= 0]] = True
        return mask


def _in_stores(lists: Sequence[VarNames], list_of: Sequence[int], k: int) -> Array:
    """Sorted names that at least k stores have."""
    from pandas import Index, factorize

    times = np.bincount(np.asarray(list_of, dtype=np.intp), minlength=len(lists))
    unique = [Index(names.index.unique()) for names in lists]
    every = np.concatenate([index.to_numpy() for index in unique])
    codes, names = factorize(every)
    counts = np.bincount(codes, weights=np.repeat(times, [len(index) for index in unique]))
    return np.array(sorted(np.asarray(names, dtype=object)[counts >= k]), dtype=object)
