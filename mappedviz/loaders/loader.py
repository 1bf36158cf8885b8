"""Hand-off: a collection becomes a ``torch.utils.data.DataLoader``.

One machine serves every access pattern: a :class:`RowOrder` says which rows come when, a
:class:`BatchSampler` cuts it into batches and has them read ahead, :class:`Batches` reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader

from mappedviz._types import Array
from mappedviz.errors import RecipeTypeError
from mappedviz.loaders.dataset import Batches
from mappedviz.loaders.sampler import Ahead, BatchSampler
from mappedviz.loaders.tensors import to_tensors
from mappedviz.orders.arguments import (
    check_options,
)
from mappedviz.orders.choice import chosen_order
from mappedviz.orders.progress import Progress
from mappedviz.text.addresses import is_url

if TYPE_CHECKING:
    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.orders.row_order import Shuffle
    from mappedviz.recipe.weights import Scheme


class Loader(DataLoader[dict[str, Any]]):
    """A DataLoader whose ``sampler`` is that of its batches, and that can go on within an epoch.

    PyTorch would put a ``SequentialSampler`` there, which says nothing of the rows that are drawn, and which
    trainers would replace by one that shares rows among processes.
    """

    _received: Received | None = None

    @property
    def sampler(self) -> Any:
        """The sampler of the batches."""
        return getattr(self.batch_sampler, "sampler", self.batch_sampler)

    @sampler.setter
    def sampler(self, _: Any) -> None:
        """What PyTorch would put there is not kept."""

    def __len__(self) -> int:
        sampler = self.batch_sampler
        return sampler.length() if isinstance(sampler, BatchSampler) else super().__len__()

    def __iter__(self) -> Any:
        """Iterate over an epoch, or over the rest of one whose state has been loaded."""
        sampler = self.batch_sampler
        if not isinstance(sampler, BatchSampler):
            return super().__iter__()
        received = self._received = Received()
        with sampler.only_consumer():
            batches = super().__iter__()
        return received.counting(batches)

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch, the batches of it that the consumer has received, and the order.

        Returns
        -------
        dict
            Plain numbers and text, as a checkpoint keeps them. Batches that workers or threads have
            read ahead do not count. It fits every process that shares the epoch.

        Examples
        --------
        >>> import mappedviz as mv
        >>> ds = mv.MappedCollection(mv.datasets.demo() / "berlin.h5ad")
        >>> loader = mv.dataloader(ds, 100, shuffle=True, seed=0)
        >>> batches = iter(loader)
        >>> first = next(batches)
        >>> state = loader.state_dict()
        >>> state["epoch"], state["batch"]
        (0, 1)
        >>> again = mv.dataloader(ds, 100, shuffle=True, seed=0)
        >>> again.load_state_dict(state)
        >>> bool((next(iter(again))["X"] == next(batches)["X"]).all())
        True
        """
        received = 0 if self._received is None else self._received.batches
        return self._stateful().walk.progress(received).normalised(len(self)).to_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where a state was taken: the next iteration begins with the batch after it.

        Parameters
        ----------
        state_dict
            Of a loader with the same collection and the same order; workers, ``lookahead`` and
            ``sparse`` may differ.

        Raises
        ------
        RecipeError
            It is of another order or another collection, and says which.
        """
        self._stateful().walk.resume(Progress.from_dict(state_dict))
        self._received = None

    def _stateful(self) -> BatchSampler:
        if isinstance(self.batch_sampler, BatchSampler):
            return self.batch_sampler
        raise RecipeTypeError(
            f"is a {type(self.batch_sampler).__name__}, which has no state",
            key="batch_sampler",
            remedy="Keep the batch_sampler that mappedviz.dataloader() made.",
        )


class Received:
    """Counts the batches that a consumer receives."""

    def __init__(self) -> None:
        self.batches = 0

    def counting(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Yield the batches."""
        for batch in batches:
            self.batches += 1
            yield batch


def dataloader(
    collection: MappedCollection,
    batch_size: int = 128,
    *,
    shuffle: Shuffle | None = None,
    weights: str | Sequence[str] | Array | bool | None = None,
    scaler: float | None = None,
    scheme: Scheme | None = None,
    num_samples: int | None = None,
    batches: str | Sequence[str] | Mapping[str, int] | None = None,
    within: str | Sequence[str] | None = None,
    sampler: Iterable[int] | None = None,
    batch_sampler: Iterable[Sequence[int]] | None = None,
    sparse: bool = False,
    block_size: int | None = None,
    buffer_size: int | None = None,
    lookahead: int | None = None,
    seed: int | None = None,
    drop_last: bool = False,
    rank: int | None = None,
    world_size: int | None = None,
    num_workers: int = 0,
    **options: Any,
) -> DataLoader[dict[str, Any]]:
    """Make a DataLoader that reads batches of a collection.

    Parameters
    ----------
    collection
        The collection to read.
    batch_size
        Rows per batch.
    shuffle
        True: true random order, without replacement. ``"block"``: blocks of consecutive rows in
        random order, shuffled inside a buffer: faster on compressed stores, less random.
        False: in order. Default: False; not to be given with ``weights``.
    weights
        Draw rows with replacement, in proportion to these weights: those of the labels of an obs
        key, of several keys combined, or an array (n_obs,) of your own. True: those of the recipe.
        None or False: each row once.
    scaler, scheme
        How labels are weighted; see :meth:`~mappedviz.MappedCollection.get_label_weights`.
    num_samples
        Rows per epoch with ``weights``, or with a number of rows per class; default: as many as
        the collection has.
    batches
        What batches are made of. An obs key, or several: all rows of a batch have one label
        (of each), and every labelled row comes once an epoch. ``{key: k}``: `k` rows of each of
        ``batch_size / k`` labels, each label as likely as the others.
    within
        With ``{key: k}``: the rows of a batch all have one label of this obs key (or these).
    sampler, batch_sampler
        An order of your own, read ahead as others are: an array of row numbers or a sampler that
        yields them, or one that yields lists of them, which are the batches. A sampler draws from
        torch's generator, seeded for each epoch, so that the order can be made again.
    sparse
        X and layers as ``torch.sparse_csr`` tensors.
    block_size
        Rows per block; default: about as many as share a chunk, at least 64.
    buffer_size
        Rows among which a block-shuffled batch is drawn; default: at least 16,384 and 4 batches.
    lookahead
        Number of batches to prefetch together where chunks have to be decoded; 0 reads each batch
        when it is asked for. Default: 64, or fewer if they would take more than 256 MiB; as many
        as take that where each chunk holds many rows and the cache cannot keep all decoded chunks.
    seed
        Seed of the random order; default: drawn from torch's generator, as DataLoader itself does,
        or 0 if several processes share an epoch and have to agree.
    drop_last
        Leave out the last batch if it is not full.
    rank, world_size
        This process and the number of processes that share each epoch equally; default: those of
        ``torch.distributed`` if it is initialised when the epoch begins.
    num_workers
        Number of worker processes. Threads of this process are faster for dense batches, which have
        to be copied between processes. Those of remote stores are spawned: what they are given must be
        picklable, and a script needs ``if __name__ == "__main__":``.
    **options
        Other arguments of :class:`torch.utils.data.DataLoader`, such as ``pin_memory``.

    Returns
    -------
    torch.utils.data.DataLoader
        It yields dicts of tensors, with lists for labels that are not encoded. Its
        ``batch_sampler`` has ``set_epoch``; without it epochs are counted.

    Raises
    ------
    RecipeTypeError
        This is not a collection (a ``TypeError``).
    RecipeError
        Arguments contradict each other, or would break the loader.

    Examples
    --------
    >>> import mappedviz as mv
    >>> ds = mv.MappedCollection(mv.datasets.demo() / "berlin.h5ad", obs_keys="cell_type")
    >>> loader = mv.dataloader(ds, batch_size=100, weights="cell_type", seed=0)
    >>> len(loader), next(iter(loader))["X"].shape
    (7, torch.Size([100, 640]))
    """
    order, ahead = chosen_order(
        collection,
        batch_size,
        shuffle=shuffle,
        weights=weights,
        scaler=scaler,
        scheme=scheme,
        num_samples=num_samples,
        batches=batches,
        within=within,
        sampler=sampler,
        batch_sampler=batch_sampler,
        sparse=sparse,
        block_size=block_size,
        buffer_size=buffer_size,
        lookahead=lookahead,
        seed=seed,
        drop_last=drop_last,
        rank=rank,
        world_size=world_size,
    )
    check_options(options)
    source = Batches(collection, sparse)
    if (
        num_workers
        and "multiprocessing_context" not in options
        and any(map(is_url, collection.path_list))
    ):
        # obstore hangs in a forked child of a process that has used it.
        options["multiprocessing_context"] = "spawn"
    reads_ahead = num_workers == 0 and ahead.batches > 0
    batched = BatchSampler(
        order, source, ahead=Ahead(ahead.windowed, ahead.large, ahead.soon) if reads_ahead else None
    )
    return Loader(
        source, batch_sampler=batched, collate_fn=to_tensors, num_workers=num_workers, **options
    )
