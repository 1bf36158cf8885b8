"""Calls on executors: in any order, within bounds, cancelled, and lost."""

import threading
import time
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from multiprocessing import get_context

import pytest

from mappedviz.errors import RecipeTypeError
from mappedviz.stores.executors import Lost, check_executor, completed


class Slow(Executor):
    """Does nothing until it is asked to, and counts what it has been given."""

    def __init__(self):
        self.given = []

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.given.append((future, fn, args))
        return future

    def do(self, i):
        future, fn, args = self.given[i]
        future.set_result(fn(*args))


def test_each_item_comes_back_once_with_its_result():
    with ThreadPoolExecutor(3) as executor:
        found = dict(completed(executor, str, range(50), in_flight=4))
    assert found == {i: str(i) for i in range(50)}


def test_no_more_calls_wait_than_are_allowed():
    executor = Slow()
    results = completed(executor, str, iter(range(10)), in_flight=3)
    done = []
    stop = threading.Event()

    def work():
        while not stop.wait(0.01):
            for i, (future, _, _) in enumerate(list(executor.given)):
                if not future.done():
                    done.append(sum(not one.done() for one, _, _ in executor.given))
                    executor.do(i)

    thread = threading.Thread(target=work)
    thread.start()
    assert sorted(results) == [(i, str(i)) for i in range(10)]
    stop.set()
    thread.join()
    assert max(done) <= 3


def test_what_waits_is_cancelled_when_the_iteration_ends_early():
    executor = Slow()
    results = completed(executor, str, range(5))

    def one():
        return next(results)

    thread = threading.Thread(target=one)
    thread.start()
    while len(executor.given) < 5:
        pass
    executor.do(3)
    thread.join()
    results.close()
    assert [future.cancelled() for future, _, _ in executor.given] == [True] * 3 + [False, True]


def test_stop_raises_while_calls_wait():
    class StoppedError(Exception):
        pass

    asked = []

    def stop():
        asked.append(1)
        if len(asked) > 8:
            raise StoppedError

    executor = Slow()
    with pytest.raises(StoppedError):
        list(completed(executor, str, range(5), stop=stop))
    assert all(future.cancelled() for future, _, _ in executor.given)


def test_calls_that_cannot_be_made_are_lost():
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    found = dict(completed(executor, str, range(3)))
    assert set(found) == {0, 1, 2}
    assert all(isinstance(one.error, RuntimeError) for one in found.values())


def test_calls_that_were_cancelled_by_others_are_lost():
    executor = Slow()
    results = completed(executor, str, range(2))

    def cancel():
        while len(executor.given) < 2:
            time.sleep(0.001)
        for future, _, _ in executor.given:
            future.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    assert all(isinstance(one, Lost) for _, one in results)
    thread.join()


def test_a_pool_that_breaks_gives_back_what_it_had_not_done():
    items = ["1", "2", "__import__('os')._exit(1)", "4"]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        found = dict(completed(executor, eval, items, in_flight=2))
    assert [found[item] for item in items[:2]] == [1, 2]
    assert all(isinstance(found[item].error, BrokenExecutor) for item in items[2:])


def test_equal_calls_are_not_equal():
    """Dask gives equal calls the result of the first, and a store may have changed since."""
    executor = Slow()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            next(completed(executor, str, [1], stop=_stop_later()))
    (_, first, _), (_, second, _) = executor.given
    assert first != second


def _stop_later(after=2):
    left = iter([None] * after)

    def stop():
        if next(left, 0) == 0:
            raise ZeroDivisionError

    return stop


class Client:
    def get_executor(self):
        return None


@pytest.mark.parametrize(
    ("given", "words"), [(Client(), "client.get_executor()"), (4, "ProcessPoolExecutor")]
)
def test_what_is_no_executor_is_refused(given, words):
    with pytest.raises(RecipeTypeError, match="not an executor of concurrent.futures") as caught:
        check_executor(given)
    assert words in str(caught.value)
    check_executor(Slow())
