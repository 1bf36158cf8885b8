"""Work on a thread reports now and then."""

import itertools
import threading
from types import SimpleNamespace

from mappedviz.views import work as work_module
from mappedviz.views.work import Work


def test_work_is_reported_at_most_ten_times_a_second(monkeypatch):
    """By a clock that goes on by a millisecond whenever somebody looks at it."""
    ticks = itertools.count(1)
    monkeypatch.setattr(work_module, "time", SimpleNamespace(monotonic=lambda: next(ticks) / 1000))
    work, seen, results = Work(threading.RLock()), [], []

    def do(report, cancel):
        for i in range(5000):
            report(i, 5000)
        report(5000, 5000)
        return 1

    work.start(do, results.append, results.append, lambda *what: seen.append(what[:2]))
    thread = work._thread
    thread.join(120)
    assert results == [1]
    assert seen[-1] == (5000, 5000)
    assert len(seen) <= 1 + next(ticks) / 100


def test_the_last_work_wins():
    work, gate, found = Work(threading.RLock()), threading.Event(), []
    work.start(lambda report, cancel: gate.wait(120), found.append, found.append)
    first = work._thread
    work.start(lambda report, cancel: "second", found.append, found.append)
    assert work.wait(120)
    gate.set()
    first.join(120)
    assert found == ["second"]


def test_an_error_of_the_work_or_of_its_end_is_handed_over():
    work, found = Work(threading.RLock()), []
    work.start(lambda report, cancel: 1 / 0, found.append, found.append)
    assert work.wait(120)

    def broken(_):
        raise ValueError("at the end")

    work.start(lambda report, cancel: 1, broken, found.append)
    assert work.wait(120)
    assert [type(one) for one in found] == [ZeroDivisionError, ValueError]
    assert not work.cancel()
