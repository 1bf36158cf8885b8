"""An order of one's own: row numbers, a sampler of rows, or a sampler of batches."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.orders.order import Order, digest_of

__all__ = ["GivenOrder"]


class GivenOrder(Order):
    """The order of a sampler, or of an array of row numbers, read ahead as others are.

    An epoch of a sampler is drawn whole when it begins, from torch's generator seeded with (seed,
    epoch): that is what makes it the same again after a stop, and on every process. Where
    processes share an epoch each takes every n-th batch; all get equally many.

    Parameters
    ----------
    n_rows
        Rows of the collection.
    batch_size
        Rows per batch; None where `sampler` yields batches.
    sampler
        Row numbers, or whatever yields them (or lists of them) at every iteration. Its
        ``set_epoch``, if it has one, is called with the epoch.
    **options
        See :class:`~mappedviz.orders.order.Order`.

    Raises
    ------
    RecipeError, RecipeTypeError
        It has no length or another one, has a random generator of its own, is shared by processes
        already, or yields something else.
    """

    def __init__(
        self, n_rows: int, batch_size: int | None, sampler: Iterable[Any], **options: Any
    ) -> None:
        super().__init__(n_rows, batch_size or 1, **options)
        self.sampler = sampler
        self._batched = batch_size is None
        self._name = "batch_sampler" if self._batched else "sampler"
        if not hasattr(sampler, "__len__"):
            raise RecipeTypeError(
                f"is a {type(sampler).__name__}, which has no length",
                key=self._name,
                remedy="Give an array of row numbers, or a sampler with a length.",
            )
        self._check_sampler(sampler)
        self._check_sampler(
            getattr(sampler, "sampler", None)
        )  # a sampler of batches has one of rows
        # What is fixed is checked now; a sampler when its epoch begins.
        fixed = isinstance(sampler, (list, tuple, np.ndarray, range))
        self._fixed = self._checked(sampler) if fixed else None

    def _check_sampler(self, sampler: Any) -> None:
        """Refuse a sampler whose order cannot be made again, or that processes share already."""
        if getattr(sampler, "generator", None) is not None:
            raise RecipeError(
                "has a random generator of its own, whose order could not be made again",
                key=self._name,
                remedy="Leave its generator out, and give seed= here.",
            )
        if getattr(sampler, "num_replicas", 1) != 1 and self.world_size != 1:
            raise RecipeError(
                f"is a {type(sampler).__name__}, which shares rows among processes as this loader does",
                key=self._name,
                remedy="Give the order of all rows; or say that it is shared already, with rank=0, world_size=1.",
            )

    def fields(self) -> dict[str, Any]:
        """See :meth:`Order.fields`."""
        what = type(self.sampler).__name__
        if self._fixed is not None:
            sizes = np.array([len(batch) for batch in self._fixed], dtype=np.int64)
            what = digest_of(np.concatenate([sizes, *self._fixed]))
        return {
            self._name: what,
            "length": len(self.sampler),  # type: ignore[arg-type]
            "drop_last": self.drop_last,
            "world_size": self.shard[1],
        }

    def _n_batches(self) -> int:
        length = len(self.sampler)  # type: ignore[arg-type]
        if self._batched:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def __len__(self) -> int:
        total, (_, world_size) = self._n_batches(), self.shard
        return total // world_size if self.drop_last else -(-total // world_size)

    def batches(self, epoch: int, start: int = 0) -> Iterator[list[Array]]:
        """See :meth:`Order.batches`."""
        every = self._fixed if self._fixed is not None else self._drawn(epoch)
        rank, world_size = self.shard
        for window in self._cuts(start):
            yield [every[(number * world_size + rank) % len(every)] for number in window]

    def _drawn(self, epoch: int) -> list[Array]:
        """The batches of an epoch of a sampler."""
        if hasattr(self.sampler, "set_epoch"):
            self.sampler.set_epoch(epoch)
        torch = sys.modules.get("torch")
        if torch is None:  # whoever has not imported it cannot draw from its generator
            return self._checked(list(self.sampler))
        seed = np.random.SeedSequence([self.seed or 0, epoch]).generate_state(1, np.uint64)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(seed[0] >> np.uint64(1)))
            return self._checked(list(self.sampler))

    def _checked(self, given: Any) -> list[Array]:
        """Row numbers as batches, as many as the length says, each number in range."""
        found = [self._rows(batch) for batch in given] if self._batched else self._rows(given)
        length = len(self.sampler)  # type: ignore[arg-type]
        if len(found) != length:
            raise RecipeError(
                f"has the length {length} and gives {len(found)}",
                key=self._name,
                remedy="Processes that share an epoch go by its length: let it say how many it gives.",
            )
        if self._batched:
            empty = next((i for i, batch in enumerate(found) if not len(batch)), None)
            if empty is not None:
                raise RecipeError(
                    f"gives no row in batch {empty}", key=self._name, remedy="Leave the batch out."
                )
            return list(found)
        size = self.batch_size
        end = len(found) // size * size if self.drop_last else len(found)
        return [found[at : at + size] for at in range(0, end, size)]  # type: ignore[misc]

    def _rows(self, given: Any) -> Array:
        rows = np.asarray(given)
        if rows.size == 0:
            return np.empty(0, dtype=np.int64)
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            raise RecipeTypeError(
                f"gives {type(given).__name__} of shape {rows.shape} and type {rows.dtype}",
                key=self._name,
                remedy="Give whole numbers of rows"
                + (", a list of them per batch." if self._batched else "."),
            )
        low, high = int(rows.min()), int(rows.max())
        if low < 0 or high >= self.n_rows:
            raise RecipeError(
                f"gives row {low if low < 0 else high} of {self.n_rows}",
                key=self._name,
                remedy=f"Use numbers from 0 to {self.n_rows - 1}.",
            )
        return rows.astype(np.int64)
