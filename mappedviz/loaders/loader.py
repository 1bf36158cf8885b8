"""Hand-off: a collection becomes a ``torch.utils.data.DataLoader``.

One machine serves every access pattern. An order of rows is cut into *windows* and these into
batches. While a batch is consumed, threads of this process prepare the next ones: straight
from the files where chunks are unfiltered; else a whole window is read first, so that a chunk is
decoded once per window and not once per batch. The order of rows is never changed for it.
"""

from __future__ import annotations

import copy
import math
import operator
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from mappedviz._types import Array
from mappedviz.collection.reader import default_cache_bytes, one_of_several
from mappedviz.collection.row_batch import RowBatch, hear_sparse_warnings
from mappedviz.errors import RecipeError

if TYPE_CHECKING:
    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.collection.reader import Window
    from mappedviz.formats.elements import MatrixFacts
    from mappedviz.recipe.weights import Scheme

Shuffle: TypeAlias = bool | Literal["block"]

_WINDOW_BYTES = 1 << 28  # of rows that are read ahead of the batches
_LOOKAHEAD = 64  # batches
_LARGE_BATCH = 1 << 26  # bytes


def to_tensors(batch: Any) -> dict[str, Any]:
    """Collate function for a RowBatch: a dict of tensors that share its memory."""
    finished: dict[str, Any] = batch.to_torch()
    return finished


def to_device(
    batch: Mapping[str, Any],
    device: torch.device | str,
    *,
    dense: bool = True,
    non_blocking: bool = True,
) -> dict[str, Any]:
    """Move a batch to a device; sparse columns travel as CSR and are made dense there.

    Parameters
    ----------
    batch
        What a loader hands out. With ``pin_memory=True`` in :func:`dataloader` the copies run
        beside the computation.
    device
        Where to, such as ``"cuda"``.
    dense
        Make sparse columns dense on the device: of counts, less than a tenth of the bytes
        has to travel.
    non_blocking
        Do not wait for the copies.

    Returns
    -------
    dict
        The same keys; what is no tensor stays as it is.

    Examples
    --------
    >>> import mappedviz as mv
    >>> ds = mv.MappedCollection("notebooks/data/pbmc5k_small_cd4_vs_cd8.h5ad")
    >>> batch = next(iter(mv.dataloader(ds, batch_size=4, sparse=True)))
    >>> batch["X"].layout, mv.to_device(batch, "cpu")["X"].layout
    (torch.sparse_csr, torch.strided)
    """
    moved: dict[str, Any] = {}
    for key, value in batch.items():
        if isinstance(value, torch.Tensor):
            there = value.to(device, non_blocking=non_blocking)
            moved[key] = there.to_dense() if dense and there.layout == torch.sparse_csr else there
        else:
            moved[key] = value
    return moved


class RowOrder:
    """The order in which rows are visited, epoch after epoch, cut into windows.

    Parameters
    ----------
    n_rows
        Rows of the collection.
    batch_size
        Rows per batch.
    shuffle
        True: every order is equally likely. False: as they are. ``"block"``: blocks of
        consecutive rows in random order, rows shuffled inside a buffer of several blocks.
    weights
        Draw rows with replacement in proportion to these instead (n_rows,).
    num_samples
        Rows drawn per epoch with ``weights``; default: ``n_rows``.
    block_size, buffer_size
        Rows per block and per buffer.
    window
        Batches per window.
    begin
        Batches of the second window, from which their number doubles; the first one has one, so
        that it is soon there.
    seed
        Of the random order; None takes one from torch's generator at every epoch, or 0 where several
        processes have to agree on it.
    drop_last
        Leave out the last batch if it is not full.
    rank, world_size
        This process and the number of processes that share an epoch; None asks ``torch.distributed`` at
        every epoch. Each gets as many rows as the others: some come twice (or with ``drop_last`` not
        at all) where they do not divide.
    """

    def __init__(
        self,
        n_rows: int,
        batch_size: int,
        *,
        shuffle: Shuffle = False,
        weights: Array | None = None,
        num_samples: int | None = None,
        block_size: int = 64,
        buffer_size: int = 16384,
        window: int = _LOOKAHEAD,
        begin: int = 2,
        seed: int | None = None,
        drop_last: bool = False,
        rank: int | None = 0,
        world_size: int | None = 1,
    ) -> None:
        self.n_rows = n_rows
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.block_size = block_size
        self.seed = seed
        self.drop_last = drop_last
        self.rank, self.world_size = rank, world_size
        self.epoch = 0
        self._cumulated = None if weights is None else np.cumsum(weights)
        self._total = (n_rows if num_samples is None else num_samples) if n_rows else 0
        per_window = buffer_size if shuffle == "block" else window * batch_size
        self._window = max(1, per_window // batch_size) * batch_size
        self._begin = min(begin * batch_size, self._window)

    @property
    def shard(self) -> tuple[int, int]:
        """Rank and number of the processes that share an epoch: as given, or as ``torch.distributed`` says now.

        A loader is often made before the processes know of each other.
        """
        if self.rank is not None and self.world_size is not None:
            return self.rank, self.world_size
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        return 0, 1

    @property
    def n_samples(self) -> int:
        """Rows that this process visits in an epoch."""
        _, world_size = self.shard
        return self._total // world_size if self.drop_last else -(-self._total // world_size)

    def __len__(self) -> int:
        """Batches per epoch."""
        full, rest = divmod(self.n_samples, self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def again(self, drop_last: bool) -> RowOrder:
        """The same order, with or without a last batch that is not full."""
        other = copy.copy(self)
        other.drop_last = drop_last
        return other

    def windows(self, epoch: int) -> Iterator[Array]:
        """Row numbers of an epoch, window after window; each but the last holds whole batches."""
        seed, (rank, world_size) = self.seed, self.shard
        if seed is None and world_size > 1 and self._cumulated is None:
            seed = 0  # every process has to draw the same order, to take another part of it
        if seed is None:
            seed = int(torch.empty((), dtype=torch.int64).random_().item())
        rng = np.random.default_rng([seed, epoch])
        limit = len(self) * self.batch_size if self.drop_last else self.n_samples
        begin = rank * self.n_samples
        if self._cumulated is not None:
            # Every process draws for itself: a shared stream would only be drawn to be dropped.
            rng = np.random.default_rng([seed, epoch, rank])
            for start, stop in self._cuts(limit):
                yield self._draw(rng, stop - start)
            return
        order = self._order(rng)
        for start, stop in self._cuts(limit):
            # Past the end it begins again, so that every process gets its full share.
            part = order(np.arange(begin + start, begin + stop) % self.n_rows)
            yield rng.permutation(part) if self.shuffle == "block" else part

    def _cuts(self, limit: int) -> Iterator[tuple[int, int]]:
        """Where the windows begin and end.

        The first ones are small, so that the first batch is soon there; where rows are shuffled
        inside their window, all are of one size.
        """
        size = self._window if self.shuffle == "block" else min(self.batch_size, self._window)
        start = 0
        while start < limit:
            yield start, min(start + size, limit)
            start += size
            size = min(max(2 * size, self._begin), self._window)

    def _draw(self, rng: np.random.Generator, n: int) -> Array:
        assert self._cumulated is not None
        points = rng.random(n) * self._cumulated[-1]
        # A point may be rounded up to the total: it belongs to the last row that can be drawn.
        last = np.searchsorted(self._cumulated, self._cumulated[-1])
        rows: Array = np.minimum(np.searchsorted(self._cumulated, points, side="right"), last)
        return rows

    def _order(self, rng: np.random.Generator) -> Callable[[Array], Array]:
        """A function from positions in the epoch to rows."""
        if not self.shuffle:
            return lambda positions: positions
        if self.shuffle == "block":
            size = self.block_size
            blocks = rng.permutation(-(-self.n_rows // size))
            lengths = np.minimum(size, self.n_rows - blocks * size)
            ends = np.cumsum(lengths)

            def rows(positions: Array) -> Array:
                block = np.searchsorted(ends, positions, side="right")
                found: Array = blocks[block] * size + positions - (ends[block] - lengths[block])
                return found

            return rows
        permutation = rng.permutation(self.n_rows)
        return lambda positions: permutation[positions]


class _Planned(list[int]):
    """Row numbers of a batch whose rows are on their way already."""

    def __init__(self, rows: Array, coming: Future[RowBatch]) -> None:
        super().__init__(rows.tolist())
        self.coming: Future[RowBatch] | None = coming


class BatchSampler(DistributedSampler[list[int]]):
    """Batches of row numbers; reads ahead where the rows are read in this process.

    It is a ``DistributedSampler``, which tells trainers such as Lightning that processes share its epochs
    already. They may also make it anew, as ``type(sampler)(sampler, batch_size=…, drop_last=…)``.

    Parameters
    ----------
    order
        The order of rows, or another sampler to make again.
    source
        What the rows are read from.
    ahead
        Whether rows are read ahead at all.
    windowed
        Whether whole windows are read first, for chunks have to be decoded.
    large
        Whether batches are so large that all threads fill one instead of one each.
    """

    order: RowOrder
    source: Batches
    ahead: bool
    windowed: bool
    large: bool

    def __init__(
        self,
        order: RowOrder | BatchSampler,
        source: Batches | None = None,
        *,
        ahead: bool = False,
        windowed: bool = False,
        large: bool = False,
        batch_size: int | None = None,
        drop_last: bool | None = None,
    ) -> None:
        if isinstance(order, BatchSampler):
            again = order.order if drop_last is None else order.order.again(drop_last)
            source, ahead, windowed, large = order.source, order.ahead, order.windowed, order.large
            order = again
        assert source is not None
        self.order = order
        self.source = source
        self.ahead = ahead
        self.windowed = windowed
        self.large = large
        self.batch_size = order.batch_size
        self.drop_last = order.drop_last

    @property
    def sampler(self) -> BatchSampler:
        """Itself: where trainers look for :meth:`set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the random order of the next epoch; without it epochs are counted."""
        self.order.epoch = epoch

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[list[int]]:
        epoch = self.order.epoch
        self.order.epoch += 1
        windows = self.order.windows(epoch)
        if not self.ahead:
            for window in windows:
                for batch in self._cut(window):
                    yield batch.tolist()
            return
        threads = 1 if self.large else torch.get_num_threads()
        pool = ThreadPoolExecutor(threads, "mappedviz-ahead", one_of_several)
        try:
            planned: Iterator[_Planned | None] = (
                self._from_windows(windows, pool) if self.windowed else self._direct(windows, pool)
            )
            waiting: deque[_Planned] = deque()
            for coming in planned:
                if coming is not None:
                    waiting.append(coming)
                while len(waiting) > (0 if coming is None else threads):
                    yield waiting.popleft()
            yield from waiting
        finally:  # also when the consumer stops half-way
            pool.shutdown(wait=False, cancel_futures=True)

    def _cut(self, window: Array) -> Iterator[Array]:
        for start in range(0, len(window), self.batch_size):
            yield window[start : start + self.batch_size]

    def _direct(self, windows: Iterator[Array], pool: ThreadPoolExecutor) -> Iterator[_Planned]:
        """Whole batches in flight, each read by one thread."""
        for window in windows:
            for rows in self._cut(window):
                yield _Planned(rows, pool.submit(self.source.read, rows))

    def _from_windows(
        self, windows: Iterator[Array], pool: ThreadPoolExecutor
    ) -> Iterator[_Planned | None]:
        """The next window is read while batches are cut out of this one.

        None: the next batch takes a while, those before it should be handed out.
        """
        # A thread of its own: its decoding is spread over threads by the chunk cache.
        reader = ThreadPoolExecutor(1, "mappedviz-window")

        def read_next() -> tuple[Array, Future[Window]] | None:
            rows = next(windows, None)
            if rows is None:
                return None
            return rows, reader.submit(self.source.read_window, rows, self.batch_size)

        try:
            current = read_next()
            while current is not None:
                rows, coming = current
                if not coming.done():
                    yield None
                window = coming.result()
                current = read_next()
                for start in range(0, len(rows), self.batch_size):
                    stop = min(start + self.batch_size, len(rows))
                    cut = pool.submit(window.cut, start, stop)
                    yield _Planned(rows[start:stop], cut)
        finally:
            reader.shutdown(wait=False, cancel_futures=True)


class Batches(Dataset[Any]):
    """What the DataLoader reads from: a collection, with the form of its batches decided.

    Attributes
    ----------
    collection
        The collection.
    sparse
        Whether X and layers come as sparse CSR tensors.
    """

    def __init__(self, collection: MappedCollection, sparse: bool) -> None:
        if sparse:
            hear_sparse_warnings()  # here too, where tensors of worker processes arrive
        self.collection = collection
        self.sparse = sparse

    def __len__(self) -> int:
        return len(self.collection)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.collection[index]

    def __getitems__(self, indices: Sequence[int]) -> RowBatch:
        """The batch of these rows, read now or on its way already."""
        if isinstance(indices, _Planned) and indices.coming is not None:
            # Taken from it: whoever keeps the numbers shall not keep the rows.
            coming, indices.coming = indices.coming, None
            return coming.result()
        return self.read(np.asarray(indices))

    def read(self, rows: Array) -> RowBatch:
        """Read the batch of these rows."""
        return self.collection.read_rows(rows, sparse=self.sparse)

    def read_window(self, rows: Array, batch_size: int) -> Window:
        """Read many rows at once, from which batches are cut."""
        return self.collection.read_window(rows, sparse=self.sparse, batch_size=batch_size)


class Loader(DataLoader[dict[str, Any]]):
    """A DataLoader whose ``sampler`` is that of its batches.

    PyTorch would put a ``SequentialSampler`` there, which says nothing of the rows that are drawn, and which
    trainers would replace by one that shares rows among processes.
    """

    @property
    def sampler(self) -> Any:
        """The sampler of the batches."""
        return getattr(self.batch_sampler, "sampler", self.batch_sampler)

    @sampler.setter
    def sampler(self, _: Any) -> None:
        """What PyTorch would put there is not kept."""


def dataloader(
    collection: MappedCollection,
    batch_size: int = 128,
    *,
    shuffle: Shuffle | None = None,
    weights: str | Sequence[str] | Array | bool | None = None,
    scaler: float | None = None,
    scheme: Scheme | None = None,
    num_samples: int | None = None,
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
    """A ready DataLoader over a collection.

    Parameters
    ----------
    collection
        What to read.
    batch_size
        Rows per batch.
    shuffle
        True: true random order, without replacement. ``"block"``: blocks of consecutive rows in
        random order, shuffled inside a buffer: faster on compressed stores, less random.
        False: in order. Default: False; not to be given with ``weights``.
    weights
        Draw rows with replacement, in proportion to: the label weights of an obs key, of several
        keys combined, or an array (n_obs,) of your own. True: those of the recipe. None or False:
        each row once.
    scaler, scheme
        Of the label weights, see :meth:`~mappedviz.MappedCollection.get_label_weights`.
    num_samples
        Rows per epoch with ``weights``; default: as many as the collection has.
    sparse
        X and layers as ``torch.sparse_csr`` tensors.
    block_size
        Rows per block; default: about as many as share a chunk, at least 64.
    buffer_size
        Rows among which a block-shuffled batch is drawn; default: at least 16,384 and 4 batches.
    lookahead
        Batches that are read ahead together where chunks have to be decoded; 0 reads every
        batch when it is asked for. Default: 64, or fewer if they would take more than 256 MiB;
        as many as take that where every chunk holds many rows and decoded chunks do not all
        fit in the cache.
    seed
        Of the random order; default: torch's generator, like DataLoader itself, or 0 where several
        processes share an epoch and have to agree.
    drop_last
        Leave out the last batch if it is not full.
    rank, world_size
        Share each epoch with other processes, equally; default: those of ``torch.distributed`` if it
        is initialised when the epoch begins.
    num_workers
        Worker processes. Threads of this process are faster for dense batches, which have to be
        copied between processes.
    **options
        Other arguments of :class:`torch.utils.data.DataLoader`, such as ``pin_memory``.

    Returns
    -------
    torch.utils.data.DataLoader
        Of dicts: tensors, or lists for labels that are not encoded. Its ``batch_sampler`` has
        ``set_epoch``; without it epochs are counted.

    Raises
    ------
    RecipeError
        Arguments that contradict each other or that would break the loader.

    Examples
    --------
    >>> import mappedviz as mv
    >>> ds = mv.MappedCollection("notebooks/data/pbmc5k_small_cd4_vs_cd8.h5ad", obs_keys="cell_type")
    >>> loader = mv.dataloader(ds, batch_size=100, weights="cell_type", seed=0)
    >>> len(loader), next(iter(loader))["X"].shape
    (5, torch.Size([100, 2000]))
    """
    for name in ("sampler", "batch_sampler", "collate_fn", "generator"):
        if options.get(name) is not None:
            raise _refused(name, "is made here", "Use torch.utils.data.DataLoader(collection, …).")
    for name, value, least in (
        ("batch_size", batch_size, 1),
        ("block_size", block_size, 1),
        ("buffer_size", buffer_size, 1),
        ("lookahead", lookahead, 0),
        ("num_samples", num_samples, 1),
    ):
        if value is not None and operator.index(value) < least:
            raise _refused(name, f"is {value!r}", f"Use a whole number, {least} or more.")
    if shuffle not in (None, True, False, "block"):
        raise _refused("shuffle", f"is {shuffle!r}", "Use True, False or 'block'.")
    if isinstance(weights, (bool, np.bool_)) and not weights:
        weights = None
    if weights is not None and shuffle is not None:
        raise _refused("shuffle", "is given with weights", "Weighted rows are drawn at random.")
    if weights is None:
        of_weights = {"num_samples": num_samples, "scaler": scaler, "scheme": scheme}
        for name in (name for name, given in of_weights.items() if given is not None):
            raise _refused(name, "is given without weights", "Give weights too.")
    rank, world_size = _distributed(rank, world_size)
    most = max(1, int(_WINDOW_BYTES // max(1, _row_bytes(collection) * batch_size)))
    scattered = shuffle not in (None, False, "block") or weights is not None
    kept = scattered and _fits_cache(collection)
    shared = scattered and not kept and _chunks_come_again(collection, most * batch_size)
    if lookahead is None:
        lookahead = most if shared else min(_LOOKAHEAD, most)
    if buffer_size is None:
        buffer_size = max(16384, 4 * batch_size)
    order = RowOrder(
        len(collection),
        int(batch_size),
        shuffle=shuffle or False,
        weights=None if weights is None else _weights(collection, weights, scaler, scheme),
        num_samples=num_samples,
        block_size=_rows_per_chunk(collection) if block_size is None else block_size,
        buffer_size=buffer_size,
        window=max(1, lookahead),
        begin=lookahead if shared else 2,
        seed=seed,
        drop_last=drop_last,
        rank=rank,
        world_size=world_size,
    )
    source = Batches(collection, sparse)
    sampler = BatchSampler(
        order,
        source,
        ahead=num_workers == 0 and lookahead > 0,
        # What the cache keeps is decoded once anyway, and batches are best read from there.
        windowed=not (collection.stored_plainly or kept),
        large=not sparse and batch_size * _dense_row_bytes(collection) > _LARGE_BATCH,
    )
    return Loader(
        source, batch_sampler=sampler, collate_fn=to_tensors, num_workers=num_workers, **options
    )


def _refused(key: str, found: str, remedy: str) -> RecipeError:
    return RecipeError(found, key=key, remedy=remedy)


def _distributed(rank: int | None, world_size: int | None) -> tuple[int | None, int | None]:
    if rank is None and world_size is None:
        return None, None
    if rank is None or world_size is None or not 0 <= rank < world_size:
        raise _refused(
            "rank, world_size",
            f"are {rank!r} and {world_size!r}",
            "Give both, 0 <= rank < world_size.",
        )
    return rank, world_size


def _weights(
    collection: MappedCollection,
    weights: str | Sequence[str] | Array | bool,
    scaler: float | None,
    scheme: Scheme | None,
) -> Array:
    if isinstance(weights, (bool, np.bool_)):
        if not collection.recipe.weights_keys:
            raise _refused(
                "weights",
                "is True, but the recipe names no weights_keys",
                "Name an obs key, such as weights='cell_type', or put it into the recipe.",
            )
        values = collection.get_label_weights(None, scaler, scheme=scheme)
    elif isinstance(weights, str) or (
        isinstance(weights, (list, tuple)) and all(isinstance(key, str) for key in weights)
    ):
        values = collection.get_label_weights(weights, scaler, scheme=scheme)
    elif scaler is not None or scheme is not None:
        raise _refused(
            "scaler or scheme",
            "is given with an array of weights",
            "Give keys, or scale the array.",
        )
    else:
        values = weights
    values = np.asarray(values, dtype=np.float64)
    if values.shape != (len(collection),):
        raise _refused(
            "weights", f"have the shape {values.shape}", f"Give one per row: ({len(collection)},)."
        )
    if not (np.isfinite(values).all() and (values >= 0).all() and values.any()):
        raise _refused(
            "weights",
            "are negative, not finite, or all zero",
            "Give one non-negative number per row.",
        )
    return values


def _matrices(collection: MappedCollection) -> list[MatrixFacts]:
    keys = collection.layers_keys
    return [
        store.facts.matrices[key]
        for store in collection.stores
        for key in keys
        if key in store.facts.matrices
    ]


def _row_bytes(collection: MappedCollection) -> float:
    """Bytes that one row takes in a window, on average."""
    found = _matrices(collection)
    rows = sum(facts.shape[0] for facts in found)
    return len(collection.layers_keys) * sum(map(_decoded_bytes, found)) / max(rows, 1)


def _decoded_bytes(facts: MatrixFacts) -> int:
    """Bytes of all decoded chunks of a matrix."""
    if facts.nnz is None:
        return math.prod(facts.shape) * facts.dtype.itemsize
    return facts.nnz * (facts.dtype.itemsize + (facts.index_dtype or np.dtype(int)).itemsize)


def _fits_cache(collection: MappedCollection) -> bool:
    """Whether the cache keeps all chunks, with room for what else it keeps."""
    cache = collection.cache_bytes
    bound = default_cache_bytes() if cache is None else cache
    return sum(map(_decoded_bytes, _matrices(collection))) <= 0.9 * bound


def _chunks_come_again(collection: MappedCollection, rows: int) -> bool:
    """Whether so many rows out of everywhere need about all chunks, of which the cache forgets some.

    Every window then costs about as much as decoding everything, whatever its size.
    """
    chunks = 0.0
    for facts in _matrices(collection):
        if facts.chunks is None:
            return False
        values = math.prod(facts.shape) if facts.nnz is None else facts.nnz
        chunks += values / max(1, math.prod(facts.chunks))
    return chunks < rows


def _dense_row_bytes(collection: MappedCollection) -> int:
    """Bytes of one dense row of all matrices."""
    stores = collection.stores
    widest = collection.n_vars or max((store.facts.n_vars for store in stores), default=0)
    return sum(
        widest * max(f.dtype.itemsize for f in found)
        for key in collection.layers_keys
        if (found := [s.facts.matrices[key] for s in stores if key in s.facts.matrices])
    )


def _rows_per_chunk(collection: MappedCollection) -> int:
    """Rows that share a chunk, on average and within reason."""
    rows = [
        facts.chunks[0] * (1 if facts.nnz is None else facts.shape[0] / max(facts.nnz, 1))
        for facts in _matrices(collection)
        if facts.chunks
    ]
    return int(np.clip(np.median(rows) if rows else 0, 64, 256))
