"""The cache of decoded chunks: its bound, its threads, errors, interrupts and forks."""

from __future__ import annotations

import os
import pickle
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.errors import ElementError
from mappedviz.formats import cache as cache_module
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.files import FilePool
from tests.formats.reading import Made


def held_bytes(cache: ChunkCache) -> int:
    return sum(chunk.values.nbytes for chunk in cache._held.values())


@given(
    st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(0, 49), max_size=12)), max_size=25),
    st.integers(0, 1500),
    st.integers(1, 3),
)
def test_the_cache_gives_what_was_asked_and_keeps_no_more_than_it_may(
    asked: list[tuple[int, list[int]]], max_bytes: int, threads: int
) -> None:
    arrays = [Made("x"), Made("y"), Made("z")]
    cache = ChunkCache(max_bytes, FilePool(), threads)
    n = 0
    for which, ids in asked:
        got = cache.get_many(arrays[which], np.array(ids, dtype=np.int64))
        n += len(ids)
        assert [int(a[0]) for a in got] == ids
        assert cache.nbytes == held_bytes(cache) <= max_bytes
        assert cache.hits + cache.misses == n
    assert cache.misses == sum(len(a.loads) for a in arrays)
    both = cache.get_many_of([(arrays[0], [3, 1, 3]), (arrays[1], []), (arrays[2], [4])])
    assert [[int(a.values[0]) for a in row] for row in both] == [[3, 1, 3], [], [4]]
    assert all(a.address == a.values.ctypes.data for row in both for a in row)
    cache.clear()
    assert cache.nbytes == held_bytes(cache) == 0
    assert not cache._pending


def test_what_was_used_last_stays() -> None:
    array = Made()
    cache = ChunkCache(300, FilePool(), 1)  # three chunks
    for chunk in (0, 3, 6, 0, 9):
        cache.get_many(array, [chunk])
    array.loads.clear()
    cache.get_many(array, [0, 6, 9])
    assert array.loads == []
    cache.get_many(array, [3])
    assert array.loads == [3]


def test_a_chunk_above_the_bound_is_handed_out_and_not_kept() -> None:
    cache = ChunkCache(50, FilePool(), 2)
    assert int(cache.get_many(Made(), [7])[0][0]) == 7
    assert cache.nbytes == len(cache) == 0


def test_evicted_chunks_stay_valid() -> None:
    cache = ChunkCache(200, FilePool(), 2)
    array = Made()
    held = cache.get_many(array, range(50))
    assert [int(a[0]) for a in held] == list(range(50))
    assert cache.nbytes <= 200


def test_a_store_that_was_replaced_shares_nothing() -> None:
    cache = ChunkCache(10**6, FilePool(), 1)
    old, new = Made(), Made()
    new.stamp = 1
    cache.get_many(old, [1])
    cache.get_many(new, [1])
    assert new.loads == [1]


def test_no_chunk_is_decoded_twice_at_once() -> None:
    array = Made(slow=0.002)
    cache = ChunkCache(10**6, FilePool(), 3)
    wrong: list[Any] = []

    def work(seed: int) -> None:
        ids = np.random.default_rng(seed).permutation(50)
        got = cache.get_many(array, ids)
        wrong.extend(i for i, a in zip(ids, got, strict=True) if a[0] != i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not wrong
    assert not array.twice
    assert sorted(array.loads) == list(range(50))
    assert cache.nbytes == held_bytes(cache)


@pytest.mark.parametrize("seed", range(3))
def test_many_threads_and_a_small_bound(seed: int) -> None:
    arrays = [Made("x"), Made("y")]
    cache = ChunkCache(1000, FilePool(), 2)
    wrong: list[Any] = []

    def work(number: int) -> None:
        rng = np.random.default_rng([seed, number])
        for _ in range(100):
            ids = rng.integers(0, 50, rng.integers(0, 20))
            got = cache.get_many(arrays[number % 2], ids)
            if [int(a[0]) for a in got] != ids.tolist() or cache.nbytes > 1000:
                wrong.append(ids)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not wrong
    assert cache.nbytes == held_bytes(cache) == sum(cache._sizes.values())
    assert not cache._pending


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_reaches_the_caller_and_poisons_nothing(threads: int) -> None:
    array = Made()
    array.bad = {5}
    cache = ChunkCache(10**6, FilePool(), threads)
    for _ in range(2):
        with pytest.raises(ElementError, match="is bad"):
            cache.get_many(array, range(10))
    deadline = time.monotonic() + 120
    while cache._pending and time.monotonic() < deadline:
        time.sleep(0.001)  # other threads may still be at other chunks
    assert not cache._pending
    array.bad = set()
    assert [int(a[0]) for a in cache.get_many(array, range(10))] == list(range(10))
    with pytest.raises(IndexError, match="no chunk 50"):
        cache.get_many(array, [0, 11, 50])
    with pytest.raises(IndexError):
        cache.get_many(array, [-1])
    assert int(cache.get_many(array, [11])[0][0]) == 11


def test_an_interrupt_leaves_nothing_that_others_wait_for() -> None:
    class Interrupted(Made):
        def load(self, chunk: int, files: FilePool) -> np.ndarray:
            if chunk == 2 and threading.current_thread() is first:
                waiting.wait(120)
                time.sleep(0.05)
                raise KeyboardInterrupt
            return super().load(chunk, files)

    array, waiting = Interrupted(), threading.Event()
    cache = ChunkCache(10**6, FilePool(), 1)
    outcome: list[Any] = []

    def interrupted() -> None:
        try:
            cache.get_many(array, range(6))
        except KeyboardInterrupt:
            outcome.append("interrupted")

    first = threading.Thread(target=interrupted)
    first.start()
    while not cache._pending:
        time.sleep(0.001)

    def second() -> None:
        waiting.set()
        outcome.append([int(a[0]) for a in cache.get_many(array, [2, 4, 5])])

    other = threading.Thread(target=second)
    other.start()
    first.join(120)
    other.join(120)
    assert sorted(outcome, key=str) == [[2, 4, 5], "interrupted"]
    assert not cache._pending


def test_values_of_other_kinds_are_made_once() -> None:
    cache = ChunkCache(1000, FilePool(), 2)
    made: list[int] = []

    def make() -> list[int]:
        time.sleep(0.02)
        made.append(1)
        return [1, 2, 3]

    got: list[Any] = []
    threads = [
        threading.Thread(target=lambda: got.append(cache.get_or_make("k", make, lambda v: 400)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert got == [[1, 2, 3]] * 4
    assert len(made) == 1
    assert cache.nbytes == 400
    cache.get_or_make("big", lambda: "big", lambda v: 5000)
    assert cache.nbytes == 400
    cache.get_or_make("other", lambda: "other", lambda v: 800)
    assert cache.nbytes == 800
    with pytest.raises(ZeroDivisionError):
        cache.get_or_make("bad", lambda: 1 // 0, lambda v: 1)
    assert cache.get_or_make("bad", lambda: 3, lambda v: 1) == 3
    # A value may need chunks, and other values, but not itself.
    nested = cache.get_or_make("n", lambda: cache.get_many(Made(), [1])[0], lambda v: v.nbytes)
    assert int(nested[0]) == 1
    with pytest.raises(RuntimeError, match="make itself"):
        cache.get_or_make("s", lambda: cache.get_or_make("s", list, len), len)
    assert not cache._pending


def test_who_waits_for_an_interrupted_value_makes_it() -> None:
    cache, waiting = ChunkCache(1000, FilePool(), 1), threading.Event()
    got: list[Any] = []

    def interrupted() -> str:
        waiting.wait(120)
        until = time.monotonic() + 120
        while not cache.hits and time.monotonic() < until:  # until the other one waits for this
            time.sleep(0.001)
        raise KeyboardInterrupt

    def first() -> None:
        with pytest.raises(KeyboardInterrupt):
            cache.get_or_make("k", interrupted, len)

    def second() -> None:
        waiting.set()
        got.append(cache.get_or_make("k", lambda: "made", len))

    threads = [threading.Thread(target=first)]
    threads[0].start()
    while not cache._pending:
        time.sleep(0.001)
    threads.append(threading.Thread(target=second))
    threads[1].start()
    for thread in threads:
        thread.join(120)
    assert got == ["made"]
    assert cache.get_or_make("k", list, len) == "made"
    assert cache.hits == 2


def test_a_fork_in_the_middle_of_an_insertion_is_mended() -> None:
    cache = ChunkCache(1000, FilePool(), 1)
    cache.get_many(Made(), range(3))
    del cache._sizes[next(iter(cache._sizes))]
    cache.nbytes += 5
    cache.after_fork()
    assert len(cache) == 2
    assert cache.nbytes == held_bytes(cache)


def test_a_cache_pickles_as_its_bounds() -> None:
    cache = ChunkCache(1000, FilePool(7), 2)
    cache.get_many(Made(), [1, 2])
    copy = pickle.loads(pickle.dumps(cache))
    assert (copy.max_bytes, copy.threads, copy.files.max_files, copy.nbytes) == (1000, 2, 7, 0)


def test_the_default_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= cache_module.default_threads() <= 16
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert 1 <= cache_module.default_threads() <= 16


# ------------------------------------------------------------------------------- whole arrays
def test_an_array_of_which_all_chunks_are_held_needs_no_look_up():
    array = Made()
    cache = ChunkCache(10**6, FilePool())
    assert cache.whole(array) is None
    cache.get_many(array, range(49))
    assert cache.whole(array) is None
    held = cache.get_many(array, range(50))
    whole = cache.whole(array)
    assert whole is cache.whole(array)
    assert whole.addresses.tolist() == [chunk.ctypes.data for chunk in held]
    cache.clear()
    assert cache.whole(array) is None


def test_a_whole_array_is_forgotten_with_the_first_chunk_that_is_dropped():
    one, other = Made("one"), Made("other")
    cache = ChunkCache(10**6, FilePool(), threads=1)
    cache.get_many(one, range(50))
    cache.get_many(other, range(10))
    cache = ChunkCache(cache.nbytes, FilePool(), threads=1)
    cache.get_many(one, range(50))
    assert cache.whole(one) is not None
    cache.get_many(other, range(10))  # there is room
    cache.get_many(other, range(10, 12))
    # It was used: the chunks of the other one go first.
    assert cache.whole(one) is not None
    assert cache.nbytes <= cache.max_bytes
    cache.get_many(other, range(12, 50))  # and is not used any more: they take its place
    assert cache.whole(one) is None
    assert cache.nbytes <= cache.max_bytes
    assert [int(a[0]) for a in cache.get_many(one, range(50))] == list(range(50))


def test_threads_that_ask_without_the_lock_get_a_number_for_each_array():
    """One number for two arrays would hand out the chunks of one as those of the other."""
    cache = ChunkCache(1 << 20, FilePool())

    class Shared(dict[Any, Any]):
        """Another thread numbers an array as soon as one has counted them."""

        def __len__(self) -> int:
            found = super().__len__()
            self.setdefault(f"array {found} of another thread", found)
            return found

    cache._tokens = Shared()
    for name in ("x", "y", "x"):
        cache.has(Made(name), 0)
    numbers = list(cache._tokens.values())
    assert len(set(numbers)) == len(numbers) >= 2
