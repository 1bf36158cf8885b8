"""The cache of decoded chunks: bounded, shared by threads, one decoding per chunk."""

from __future__ import annotations

import itertools
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.formats.forks import renewed_after_fork
from mappedviz.formats.prefetch import ahead, is_remote, window
from mappedviz.formats.processors import processors

if TYPE_CHECKING:
    from mappedviz.formats.chunks import ChunkedArray
    from mappedviz.formats.files import FilePool

__all__ = ["Chunk", "ChunkCache", "WholeArray", "default_threads"]

T = TypeVar("T")

#: A chunk's key is its number and, above so many bits, the token of its array.
_BITS = 44


class Chunk(NamedTuple):
    """A decoded chunk, and the address of its first element, which takes a while to ask for."""

    values: Array
    address: int


class WholeArray:
    """All chunks of an array, for as long as the cache holds each of them.

    Attributes
    ----------
    chunks
        The chunks, which must be kept alive while their addresses are used.
    addresses
        int64 (n_chunks,).
    used
        Whether somebody asked for it since the cache last looked for something to drop.
    """

    __slots__ = ("addresses", "chunks", "used")

    def __init__(self, chunks: list[Chunk]) -> None:
        self.chunks = chunks
        self.addresses = np.array([chunk.address for chunk in chunks], np.int64)
        self.used = True


class _Slot:
    """A chunk that is being decoded, or a value that is being made."""

    __slots__ = ("array", "chunk", "error", "key", "owner", "ready", "value")

    def __init__(self, key: Hashable, array: ChunkedArray | None = None, chunk: int = 0) -> None:
        self.key = key
        self.array = array
        self.chunk = chunk
        self.value: Any = None
        self.error: BaseException | None = None
        self.ready = False
        self.owner = threading.get_ident()


def _array(slot: _Slot) -> ChunkedArray:
    return cast("ChunkedArray", slot.array)


class _AbandonedError(Exception):
    """Whoever was to make a value was interrupted."""


def default_threads() -> int:
    """How many threads decode: the processors this process may use, at most 16."""
    return min(16, processors())


class ChunkCache:
    """Bounded least-recently-used cache of decoded chunks, shared by all stores of a collection.

    Thread-safe. A chunk is never decoded twice at once, and arrays that were handed out stay
    valid when they are evicted. A forked child keeps what was cached, with fresh locks and threads.

    Parameters
    ----------
    max_bytes
        Bound of :attr:`nbytes`. A single chunk above it is handed out but not kept.
    files
        Where descriptors come from.
    threads
        How many threads decode, the calling one included; default: one per processor.

    Attributes
    ----------
    nbytes
        Sum of the sizes of what is held: exact.
    hits, misses
        Chunks and values that were there, and that had to be made.
    """

    def __init__(self, max_bytes: int, files: FilePool, threads: int | None = None) -> None:
        self.max_bytes = max(0, int(max_bytes))
        self.files = files
        self.threads = default_threads() if threads is None else max(1, threads)
        self.nbytes = self.hits = self.misses = 0
        self._held: OrderedDict[Hashable, Any] = OrderedDict()
        self._sizes: dict[Hashable, int] = {}
        self._tokens: dict[Hashable, int] = {}
        self._numbers = itertools.count()
        self._whole: dict[int, WholeArray] = {}  # by token
        self.after_fork()
        renewed_after_fork(self)

    def after_fork(self) -> None:
        """Keep what was cached, with fresh locks and no threads, in a forked child."""
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiters = 0
        self._pending: dict[Hashable, _Slot] = {}
        self._executor: ThreadPoolExecutor | None = None
        # A thread of the parent may have been in the middle of an insertion.
        for key in self._held.keys() ^ self._sizes.keys():
            self._held.pop(key, None)
            self._sizes.pop(key, None)
        self.nbytes = sum(self._sizes.values())
        self._n_held = Counter(key >> _BITS for key in self._held if type(key) is int)
        self._whole.clear()

    def __len__(self) -> int:
        return len(self._held)

    def get_many(self, array: ChunkedArray, chunks: Array | Sequence[int]) -> list[Array]:
        """Decoded chunks of one array, in the order asked; missing ones are decoded in parallel."""
        return [chunk.values for chunk in self.get_many_of([(array, chunks)])[0]]

    def get_many_of(
        self, wants: Sequence[tuple[ChunkedArray, Array | Sequence[int]]]
    ) -> list[list[Chunk]]:
        """The same for several arrays in one parallel sweep, with their addresses."""
        out: list[list[Any]] = []
        mine: deque[_Slot] = deque()
        try:
            self._look_up(wants, out, mine)
            self._decode_all(mine)
            for row in out:
                for i, value in enumerate(row):
                    if type(value) is _Slot:
                        row[i] = self._wait(value)
        except BaseException:
            with self._lock:  # Ctrl-C: nobody must wait for what will never be made
                self._abandon(mine)
            raise
        return out

    def whole(self, array: ChunkedArray) -> WholeArray | None:
        """All chunks of an array, if all of them are held: no look-up per chunk then."""
        token = self._token(array)
        found = self._whole.get(token)
        if found is not None:
            found.used = True
            return found
        n = array.n_chunks
        if not n or self._n_held[token] < n:
            return None
        with self._lock:
            first = token << _BITS
            chunks: list[Any] = [self._held.get(first + chunk) for chunk in range(n)]
            if None in chunks:
                return None
            found = self._whole[token] = WholeArray(chunks)
        return found

    def has(self, array: ChunkedArray, chunk: int) -> bool:
        """Return True if a chunk is held, or being decoded: asking for it costs little."""
        key = chunk | self._token(array) << _BITS
        return key in self._held or key in self._pending

    def _look_up(
        self,
        wants: Sequence[tuple[ChunkedArray, Array | Sequence[int]]],
        out: list[list[Any]],
        mine: deque[_Slot],
    ) -> None:
        """Fill `out` with arrays, or slots for those to come; `mine` are for us to decode."""
        held = self._held
        with self._lock:
            for array, chunks in wants:
                numbers = np.asarray(chunks, dtype=np.int64)
                keys = (numbers | (self._token(array) << _BITS)).tolist()
                row = self._all_held(keys)
                if row is not None:
                    out.append(row)
                    continue
                row = []
                for key, chunk in zip(keys, numbers.tolist(), strict=True):
                    value = held.get(key)
                    if value is not None:
                        held.move_to_end(key)
                        self.hits += 1
                    else:
                        value = self._pending.get(key)
                        if value is None:
                            if not 0 <= chunk < array.n_chunks:
                                raise IndexError(f"{array.key}: no chunk {chunk}")
                            value = self._pending[key] = _Slot(key, array, chunk)
                            mine.append(value)
                            self.misses += 1
                        else:
                            self.hits += 1  # somebody, perhaps this very call, is at it
                    row.append(value)
                out.append(row)

    def _all_held(self, keys: list[int]) -> list[Any] | None:
        """What is asked for, if nothing of it is missing: without a loop in Python."""
        try:
            found = list(map(self._held.__getitem__, keys))
        except KeyError:
            return None
        deque(map(self._held.move_to_end, keys), 0)
        self.hits += len(keys)
        return found

    def get_or_make(self, key: Hashable, make: Callable[[], T], nbytes: Callable[[T], int]) -> T:
        """A value of another kind (an index, a converted matrix) under the same bound.

        Parameters
        ----------
        key
            Identity of the value.
        make
            Makes it; called once, however many threads ask at the same time.
        nbytes
            Its size.
        """
        key = ("made", key)
        with self._lock:
            value: Any = self._held.get(key)
            if value is not None:
                self._held.move_to_end(key)
                self.hits += 1
                return value  # type: ignore[no-any-return]
            slot = self._pending.get(key)
            mine = slot is None
            if slot is None:
                slot = self._pending[key] = _Slot(key)
                self.misses += 1
            else:
                self.hits += 1
                if slot.owner == threading.get_ident():
                    raise RuntimeError(f"{key[1]!r} is needed to make itself")
        if not mine:
            try:
                return self._wait(slot)  # type: ignore[no-any-return]
            except _AbandonedError:
                return self.get_or_make(key[1], make, nbytes)
        try:
            value = make()
            self._finish(slot, value, int(nbytes(value)))
        except Exception as error:
            self._finish(slot, error=error)
            raise
        except BaseException:
            self._finish(slot, error=_AbandonedError())
            raise
        return value  # type: ignore[no-any-return]

    def clear(self) -> None:
        """Forget everything that is held."""
        with self._lock:
            self._held.clear()
            self._sizes.clear()
            self._n_held.clear()
            self._whole.clear()
            self.nbytes = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return ChunkCache, (self.max_bytes, self.files, self.threads)

    # -------------------------------------------------------------------------- internals
    def _token(self, array: ChunkedArray) -> int:
        # A small integer instead of two strings makes a key that is quick to hash. The stamp
        # keeps the chunks of a file apart from those of the file that replaces it.
        key = array.key, array.stamp
        found = self._tokens.get(key)
        # Threads may ask without the lock: no two of them get one number for two arrays.
        return self._tokens.setdefault(key, next(self._numbers)) if found is None else found

    def _abandon(self, slots: deque[_Slot]) -> None:  # with the lock held
        while slots:
            slot = slots.popleft()
            self._pending.pop(slot.key, None)
            slot.error = _AbandonedError()
            slot.ready = True
        if self._waiters:
            self._changed.notify_all()

    def _decode_all(self, mine: deque[_Slot]) -> None:
        if any(is_remote(_array(slot)) for slot in mine):
            self._fetch_and_decode(mine)
        else:
            self._decode(mine, self.files)

    def _fetch_and_decode(self, mine: deque[_Slot]) -> None:
        """Decode chunks of which some are remote: those are fetched together before."""
        todo = deque(slot for slot in mine if not is_remote(_array(slot)))
        far = [slot for slot in mine if is_remote(_array(slot))]
        mine.clear()
        try:
            self._decode(todo, self.files)
            while far:
                n = window([_array(slot) for slot in far])
                todo, far = deque(far[:n]), far[n:]
                with ahead([(_array(slot), slot.chunk) for slot in todo], self.files) as files:
                    self._decode(todo, files)
        except BaseException:
            mine.extend([*todo, *far])  # whoever waits for them must be given up
            raise

    def _decode(self, mine: deque[_Slot], files: FilePool) -> None:
        if not mine:
            return
        helpers = min(self.threads, len(mine)) - 1
        if helpers > 0:
            try:
                if self._executor is None:
                    with self._lock:
                        if self._executor is None:
                            self._executor = ThreadPoolExecutor(
                                self.threads - 1, thread_name_prefix="mappedviz-decode"
                            )
                for _ in range(helpers):
                    self._executor.submit(self._work, mine, files)
            except RuntimeError:
                pass  # the interpreter is shutting down: this thread does it all
        self._work(mine, files)

    def _work(self, slots: deque[_Slot], files: FilePool) -> None:
        # The queue is shared by the calling thread and its helpers; nobody in here waits for
        # anybody, so helpers that start late or never cannot block.
        while True:
            try:
                slot = slots.popleft()
            except IndexError:
                return
            try:
                assert slot.array is not None
                values = slot.array.load(slot.chunk, files)
                chunk = Chunk(values, values.__array_interface__["data"][0])
                self._finish(slot, chunk, values.nbytes)
            except Exception as error:
                self._finish(slot, error=error)
            except BaseException:  # Ctrl-C: leave nothing behind that others wait for
                self._finish(slot, error=_AbandonedError())
                raise

    def _finish(
        self, slot: _Slot, value: Any = None, size: int = 0, error: BaseException | None = None
    ) -> None:
        dropped = []  # freed outside of the lock
        with self._lock:
            slot.value, slot.error = value, error
            slot.ready = True
            if self._pending.get(slot.key) is slot:
                del self._pending[slot.key]
            keep = error is None and value is not None and size <= self.max_bytes
            if keep and slot.key not in self._held:
                while self.nbytes + size > self.max_bytes:
                    dropped.append(self._drop_oldest())
                self._held[slot.key] = value
                if type(slot.key) is int:
                    self._n_held[slot.key >> _BITS] += 1
                self._sizes[slot.key] = size
                self.nbytes += size
            if self._waiters:
                self._changed.notify_all()

    def _drop_oldest(self) -> Any:  # with the lock held
        while True:
            key = next(iter(self._held))
            if type(key) is not int:
                break
            token = key >> _BITS
            whole = self._whole.get(token)
            if whole is None:
                self._n_held[token] -= 1
                break
            if not whole.used:
                del self._whole[token]
                continue
            # Whoever uses an array as a whole asks for no single chunk: all are as recent.
            whole.used = False
            for chunk in range(len(whole.chunks)):
                self._held.move_to_end((token << _BITS) + chunk)
        self.nbytes -= self._sizes.pop(key)
        return self._held.pop(key)

    def _wait(self, slot: _Slot) -> Any:
        if not slot.ready:
            with self._lock:
                self._waiters += 1
                try:
                    while not slot.ready:
                        self._changed.wait()
                finally:
                    self._waiters -= 1
        if slot.error is None:
            return slot.value
        if isinstance(slot.error, _AbandonedError) and slot.array is not None:
            return self.get_many_of([(slot.array, [slot.chunk])])[0][0]  # somebody else's Ctrl-C
        raise slot.error
