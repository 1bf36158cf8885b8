"""Batches that are made of classes: of one class each, or of so many rows of each of several classes.

Every batch has a random stream of its own, of (seed, epoch, its number): any batch can be made
without those before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.orders.arguments import classes_of_rows
from mappedviz.orders.order import Order, digest_of

if TYPE_CHECKING:
    from mappedviz.collection.mapped_collection import MappedCollection

__all__ = ["BalancedOrder", "ClassOrder", "class_order"]


class ClassOrder(Order):
    """Batches whose rows are all of one class; every row with a class once an epoch.

    The batches of an epoch come in random order. Where processes share it, all get equally many:
    some batches come twice, or with ``drop_last`` not at all.

    Parameters
    ----------
    classes
        Integers (n_rows,): the class of each row, -1 for a row without one, which is left out.
    batch_size
        Rows per batch; the last one of each class may have fewer.
    **options
        See :class:`~mappedviz.orders.order.Order`. ``drop_last`` leaves out batches that are not full.
    """

    def __init__(self, classes: Array, batch_size: int, **options: Any) -> None:
        super().__init__(len(classes), batch_size, **options)
        self._rows, self._begins = _by_class(classes)
        self._digest = digest_of(classes)

    def fields(self) -> dict[str, Any]:
        """See :meth:`Order.fields`."""
        return {
            "batches": "class",
            "classes": self._digest,
            "drop_last": self.drop_last,
            "world_size": self.shard[1],
        }

    def _per_class(self) -> Array:
        sizes = np.diff(self._begins)
        return sizes // self.batch_size if self.drop_last else -(-sizes // self.batch_size)

    def __len__(self) -> int:
        total, (_, world_size) = int(self._per_class().sum()), self.shard
        return total // world_size if self.drop_last else -(-total // world_size)

    def batches(self, epoch: int, start: int = 0) -> Iterator[list[Array]]:
        """See :meth:`Order.batches`."""
        rng = np.random.default_rng([self.seed or 0, epoch])
        rows = self._rows.copy()
        for begin, end in zip(self._begins[:-1], self._begins[1:], strict=True):
            rng.shuffle(rows[begin:end])
        per_class = self._per_class()
        of_class = np.repeat(np.arange(len(per_class)), per_class)
        within = np.arange(len(of_class)) - np.repeat(np.cumsum(per_class) - per_class, per_class)
        begins = self._begins[of_class] + within * self.batch_size
        ends = np.minimum(begins + self.batch_size, self._begins[of_class + 1])
        order = rng.permutation(len(begins))
        rank, world_size = self.shard
        for window in self._cuts(start):
            mine = order[(np.array(window) * world_size + rank) % len(order)]
            yield [rows[begins[i] : ends[i]] for i in mine]


class BalancedOrder(Order):
    """Batches of `k` rows of each of several classes, drawn at random.

    The classes of a batch are drawn without replacement while there are enough, each as likely as
    the others; the rows of a class too. Batches are drawn independently of each other.

    Parameters
    ----------
    classes
        Integers (n_rows,): the class of each row, -1 for a row without one, which is never drawn.
    batch_size
        Rows per batch, a multiple of `k`.
    k
        Rows of each class.
    groups
        Integers (n_rows,): all rows of a batch are of one group, drawn in proportion to its rows;
        None: of all.
    num_samples
        Rows per epoch, of all processes together; default: as many as have a class.
    **options
        See :class:`~mappedviz.orders.order.Order`.

    Raises
    ------
    RecipeError
        `batch_size` is no multiple of `k`, or no row has a class.
    """

    def __init__(
        self,
        classes: Array,
        batch_size: int,
        k: int,
        *,
        groups: Array | None = None,
        num_samples: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(len(classes), batch_size, **options)
        if k < 1 or batch_size % k:
            raise RecipeError(
                f"is {batch_size}, which is no multiple of the {k} rows of each class",
                key="batch_size",
                remedy=f"Use a multiple of {k}."
                if k > 0
                else "Ask for 1 row or more of each class.",
            )
        self.k = k
        groups = np.zeros(len(classes), dtype=np.int64) if groups is None else groups
        n_classes = int(classes.max(initial=-1)) + 1
        both = np.where(
            (classes < 0) | (groups < 0), -1, groups.astype(np.int64) * n_classes + classes
        )
        self._rows, begins = _by_class(both)
        sizes = np.diff(begins)
        there = np.flatnonzero(sizes)
        if not len(there):
            raise RecipeError(
                "leave no row: each lacks a label",
                key="batches",
                remedy="Name obs keys that have labels in the same rows.",
            )
        self._begins, self._sizes = begins[there], sizes[there]
        _, first = np.unique(there // n_classes, return_index=True)
        self._of_group = np.append(first, len(there))
        in_group = np.add.reduceat(self._sizes, first)
        self._shares = np.cumsum(in_group) / in_group.sum()
        self._total = len(self._rows) if num_samples is None else num_samples
        self._digest = digest_of(both)

    def fields(self) -> dict[str, Any]:
        """See :meth:`Order.fields`."""
        return {
            "batches": self.k,
            "classes": self._digest,
            "num_samples": self._total,
            "drop_last": self.drop_last,
            "world_size": self.shard[1],
        }

    def __len__(self) -> int:
        per_epoch = self.batch_size * self.shard[1]
        return self._total // per_epoch if self.drop_last else -(-self._total // per_epoch)

    def batches(self, epoch: int, start: int = 0) -> Iterator[list[Array]]:
        """See :meth:`Order.batches`."""
        rank, _ = self.shard
        for window in self._cuts(start):
            yield [
                self._drawn(np.random.default_rng([self.seed or 0, epoch, rank, number]))
                for number in window
            ]

    def _drawn(self, rng: np.random.Generator) -> Array:
        group = int(np.searchsorted(self._shares, rng.random(), side="right"))
        first, last = self._of_group[group], self._of_group[group + 1]
        wanted = self.batch_size // self.k
        picked = [
            first + rng.permutation(last - first) for _ in range(-(-wanted // int(last - first)))
        ]
        rows = []
        for one in np.concatenate(picked)[:wanted]:
            size = int(self._sizes[one])
            places = rng.choice(size, self.k, replace=size < self.k)
            rows.append(self._rows[self._begins[one] + places])
        found: Array = rng.permutation(np.concatenate(rows))
        return found


def class_order(
    collection: MappedCollection,
    batch_size: int,
    batches: str | Sequence[str] | Mapping[str, int] | None,
    within: str | Sequence[str] | None,
    num_samples: int | None = None,
    **options: Any,
) -> Order:
    """Return the order that ``batches=`` and ``within=`` of a loader ask for.

    Raises
    ------
    RecipeError, RecipeTypeError
        They contradict each other.
    MissingKeyError
        A key is in no store.
    """
    if isinstance(batches, Mapping):
        if len(batches) != 1 or not all(
            type(k) is int or isinstance(k, np.integer) for k in batches.values()
        ):
            raise RecipeTypeError(
                f"is {batches!r}", key="batches", remedy="Give {key: rows of each label}, one key."
            )
        [(key, k)] = batches.items()
        groups = None if within is None else classes_of_rows(collection, within)
        classes = classes_of_rows(collection, key)
        return BalancedOrder(
            classes, batch_size, int(k), groups=groups, num_samples=num_samples, **options
        )
    if batches is None or within is not None or num_samples is not None:
        raise RecipeError(
            "is given without a number of rows per label",
            key="within" if within is not None else "num_samples",
            remedy="Use batches={'cell_type': 8}; or name several keys, batches=['donor', 'cell_type'], "
            "for batches of one label of each.",
        )
    return ClassOrder(classes_of_rows(collection, batches), batch_size, **options)


def _by_class(classes: Array) -> tuple[Array, Array]:
    """Rows that have a class, class after class, and where each class begins (n_classes + 1,)."""
    order = np.argsort(classes, kind="stable")
    ordered = classes[order]
    n_classes = int(ordered[-1]) + 1 if len(ordered) else 0
    begins = np.searchsorted(ordered, np.arange(max(n_classes, 0) + 1))
    rows: Array = order[begins[0] :]
    return rows, begins - begins[0]
