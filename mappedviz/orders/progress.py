"""Where an iteration over an order stands, as a value that a checkpoint keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Self

from mappedviz.errors import RecipeError, RecipeTypeError

if TYPE_CHECKING:
    from mappedviz.orders.order import Order

__all__ = ["Progress"]

VERSION = 1


@dataclass(frozen=True)
class Progress:
    """The batch that comes next, and the order that it belongs to.

    Attributes
    ----------
    epoch
        The epoch.
    batch
        Batches of it that have been handed out.
    seed
        Seed of the order.
    n_rows, batch_size
        Rows of the collection and of a batch.
    order
        What else determines the order, by name.
    digest
        Of all that, and of the collection.
    version
        Of this layout.
    """

    epoch: int
    batch: int
    seed: int
    n_rows: int
    batch_size: int
    order: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    version: int = VERSION

    @classmethod
    def of(cls, order: Order, counts: list[int], epoch: int, batch: int, seed: int) -> Self:
        """Return the position in an order over a collection with these rows per store."""
        fields = order.fields()
        every = [order.n_rows, order.batch_size, seed, fields, counts]
        text = json.dumps(every, sort_keys=True).encode()
        digest = blake2b(text, digest_size=16).hexdigest()
        return cls(epoch, batch, seed, order.n_rows, order.batch_size, fields, digest)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and text: what JSON and ``torch.save`` keep."""
        return {**asdict(self), "order": dict(self.order)}

    @classmethod
    def from_dict(cls, state: Any) -> Self:
        """Return what :meth:`to_dict` wrote.

        Raises
        ------
        RecipeError
            It is no such state, or of a newer version.
        """
        if not isinstance(state, Mapping):
            raise RecipeTypeError(
                f"is a {type(state).__name__}",
                key="state_dict",
                remedy="Give what state_dict() returned.",
            )
        if state.get("version") != VERSION:
            raise RecipeError(
                f"has the version {state.get('version')!r}, not {VERSION}",
                key="state_dict",
                remedy="Give what state_dict() of a loader of this version returned.",
            )
        try:
            progress = cls(**state)
        except TypeError as error:
            raise RecipeError(
                f"is no state of a loader ({error})",
                key="state_dict",
                remedy="Give what state_dict() returned.",
            ) from error
        for name in ("epoch", "batch", "seed", "n_rows", "batch_size"):
            value = getattr(progress, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise RecipeError(
                    f"has {name} {value!r}",
                    key="state_dict",
                    remedy="Give what state_dict() returned.",
                )
        return progress

    def check(self, here: Progress) -> None:
        """Refuse to go on with another order or another collection.

        Parameters
        ----------
        here
            Any position in the order that is to go on, with the seed of this one.

        Raises
        ------
        RecipeError
            The two are not of one order; it names the first thing that differs.
        """
        if self.digest == here.digest:
            return
        saved, now = self._named(), here._named()
        differ = [name for name in now if saved.get(name) != now[name]]
        said = (
            f"is of another order: {differ[0]} was {saved.get(differ[0])!r} and is {now[differ[0]]!r}"
            if differ
            else "is of another collection: its stores have other numbers of rows"
        )
        raise RecipeError(
            said,
            key="state_dict",
            remedy="Make the loader as it was when the state was taken, or start a new epoch.",
        )

    def _named(self) -> dict[str, Any]:
        return {
            "n_rows": self.n_rows,
            "batch_size": self.batch_size,
            "seed": self.seed,
            **self.order,
        }

    def normalised(self, length: int) -> Self:
        """Return the beginning of the next epoch where this one has been handed out, all of it."""
        return self if self.batch < length else replace(self, epoch=self.epoch + 1, batch=0)
