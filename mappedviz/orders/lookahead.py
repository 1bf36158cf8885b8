"""How far to read ahead, decided by what the stores contain and by the cache."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from mappedviz.collection.matrices import facts_of
from mappedviz.collection.reader import default_cache_bytes
from mappedviz.orders.order import LOOKAHEAD
from mappedviz.text.addresses import is_url

if TYPE_CHECKING:
    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.formats.matrices import MatrixFacts

_WINDOW_BYTES = 1 << 28  # of rows that are read ahead of the batches
_LARGE_BATCH = 1 << 26  # bytes
_SOON = 10  # batches that shall come soon
_LARGE_CHUNK = 1 << 18  # bytes: of smaller ones a part takes about as long as the whole


@dataclass(frozen=True)
class Lookahead:
    """How batches are read ahead.

    Attributes
    ----------
    batches
        Batches of a window, that is those whose rows are read together; 0: none is read ahead.
    begin
        Batches of the first window, from which their number doubles.
    windowed
        Whole windows are read first, for chunks have to be decoded.
    large
        Batches are so large that all threads fill one instead of one each.
    soon
        First batches that are read before chunks are decoded as a whole; 0 where that helps nobody.
    """

    batches: int
    begin: int
    windowed: bool
    large: bool
    soon: int = 0

    @classmethod
    def choose(
        cls,
        collection: MappedCollection,
        batch_size: int,
        wanted: int | None,
        *,
        scattered: bool,
        sparse: bool,
    ) -> Self:
        """What suits a collection.

        Parameters
        ----------
        collection
            What is read.
        batch_size
            Rows per batch.
        wanted
            Batches to read ahead together; None: as many as suit.
        scattered
            Whether the rows of a window come from everywhere.
        sparse
            Whether batches are sparse.
        """
        most = max(1, int(_WINDOW_BYTES // max(1, _row_bytes(collection) * batch_size)))
        kept = scattered and _fits_cache(collection)
        again = scattered and not kept and _chunks_come_again(collection, most * batch_size)
        batches = (most if again else min(LOOKAHEAD, most)) if wanted is None else wanted
        return cls(
            batches,
            begin=max(1, batches) if again else 1,
            # What the cache keeps is decoded once anyway, and batches are best read from there.
            windowed=not (collection.stored_plainly or kept),
            large=not sparse and batch_size * _dense_row_bytes(collection) > _LARGE_BATCH,
            # Like those of any other window, they are all in memory at the same time.
            soon=min(_soon(collection, batch_size), max(0, batches)) if scattered else 0,
        )


def _matrices(collection: MappedCollection) -> list[MatrixFacts]:
    return [facts for key in collection.layers_keys for facts in _matrices_of(collection, key)]


def _matrices_of(collection: MappedCollection, key: str) -> list[MatrixFacts]:
    found = (facts_of(collection.recipe, key, store) for store in collection.stores)
    return [facts for facts in found if facts is not None]


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


def _soon(collection: MappedCollection, batch_size: int) -> int:
    """How many batches out of everywhere need so little of the chunks that these are best decoded in part."""
    found = _matrices(collection)
    if not found or not all(map(_has_excerpts, found)) or any(map(is_url, collection.path_list)):
        return 0
    # With more rows per chunk than this, its last row is near its end.
    rows = 1.5 * len(collection) / max([1, *_rows_of_chunks(found)])
    return min(_SOON, int(rows / batch_size))


def _has_excerpts(facts: MatrixFacts) -> bool:
    """Whether rows of a matrix are decoded without the rest of their chunks."""
    if facts.kind != "csr" or facts.chunks is None:
        return False
    codec = facts.codec.removesuffix(", sharded")
    known = codec == "zstd" or (codec.startswith("blosc(") and "+" not in codec)
    return known and math.prod(facts.chunks) * facts.dtype.itemsize >= _LARGE_CHUNK


def _rows_of_chunks(matrices: list[MatrixFacts]) -> list[float]:
    """How many rows a chunk of each matrix has, on average."""
    return [
        facts.chunks[0] * (1 if facts.nnz is None else facts.shape[0] / max(facts.nnz, 1))
        for facts in matrices
        if facts.chunks
    ]


def _dense_row_bytes(collection: MappedCollection) -> int:
    """Bytes of one dense row of all matrices."""
    widest = collection.n_vars or max(
        (facts.shape[1] for facts in _matrices(collection)), default=0
    )
    return sum(
        widest * max(f.dtype.itemsize for f in found)
        for key in collection.layers_keys
        if (found := _matrices_of(collection, key))
    )


def rows_per_chunk(collection: MappedCollection) -> int:
    """Rows that share a chunk, on average and within reason."""
    rows = _rows_of_chunks(_matrices(collection))
    return int(np.clip(np.median(rows) if rows else 0, 64, 256))
