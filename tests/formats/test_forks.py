"""The one registry of what a forked child must not share with its parent."""

import gc
import os
import pickle
import sys
import threading
import time
import weakref

import pytest

from mappedviz.formats import forks
from mappedviz.formats.forks import ForkSafeLock, not_forked_within, renewed_after_fork

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def in_a_child(do):
    """Whether a function returns true in a forked child, which is given a minute."""
    pid = os.fork()
    if pid == 0:
        threading.Timer(60, os._exit, (2,)).start()
        try:
            os._exit(0 if do() else 1)
        finally:
            os._exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def held_elsewhere(lock):
    """Hold a lock on another thread until the event that is returned is set."""
    acquired, done = threading.Event(), threading.Event()

    def hold():
        with lock:
            acquired.set()
            done.wait()

    threading.Thread(target=hold, daemon=True).start()
    acquired.wait()
    return done


@pytest.mark.parametrize("kind", [threading.Lock, threading.RLock])
def test_a_lock_of_another_thread_is_free_in_a_child(kind):
    lock = ForkSafeLock(kind)
    done = held_elsewhere(lock())

    def enter():
        with lock():
            return True

    try:
        assert in_a_child(enter)
    finally:
        done.set()


@pytest.mark.parametrize("kind", [threading.Lock, threading.RLock])
def test_a_fork_within_the_block_leaves_it_without_an_error(kind):
    lock = ForkSafeLock(kind)

    def enter_again():
        with lock():
            return True

    with lock():
        assert in_a_child(lambda: True)
        assert in_a_child(enter_again)
    with lock():
        pass


def test_a_lock_travels_free():
    lock = ForkSafeLock(threading.RLock)
    with lock():
        again = pickle.loads(pickle.dumps(lock))
    with again():
        pass


def test_an_object_is_renewed_as_long_as_it_lives():
    class Thing:
        renewed = False

        def after_fork(self):
            self.renewed = True

    things = [renewed_after_fork(Thing())]
    assert in_a_child(lambda: things[0].renewed)
    assert not things[0].renewed
    gone = weakref.ref(things.pop())
    gc.collect()
    assert gone() is None


def test_a_fork_waits_for_a_block():
    left = []

    def work():
        with not_forked_within():
            inside.set()
            time.sleep(0.3)
            left.append(True)

    inside = threading.Event()
    threading.Thread(target=work).start()
    inside.wait()
    assert in_a_child(lambda: left and forks._outside.acquire(blocking=False))


def test_a_fork_within_a_block_and_one_that_lost_its_patience(monkeypatch):
    def enter():
        with not_forked_within():
            return True

    with not_forked_within():
        assert in_a_child(enter)
    monkeypatch.setattr(forks, "_PATIENCE", 0.05)
    inside, done = threading.Event(), threading.Event()

    def work():
        with not_forked_within():
            inside.set()
            done.wait()

    threading.Thread(target=work, daemon=True).start()
    inside.wait()
    assert in_a_child(enter)
    done.set()


def test_a_fork_waits_for_an_import_of_another_thread(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text(
        "import threading, time\nthreading.begun.set()\ntime.sleep(0.5)\nDONE = True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(threading, "begun", threading.Event(), raising=False)

    def import_it():
        import slow_to_import

        return slow_to_import.DONE

    thread = threading.Thread(target=import_it)
    thread.start()
    threading.begun.wait()
    assert in_a_child(import_it)
    thread.join()
    monkeypatch.delitem(sys.modules, "slow_to_import")


def test_a_fork_in_the_middle_of_its_own_import_does_not_wait(tmp_path, monkeypatch):
    (tmp_path / "forks_itself.py").write_text(
        "import os\n"
        "if (pid := os.fork()) == 0:\n"
        "    os._exit(7)\n"
        "CODE = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(forks, "_PATIENCE", 1e9)
    import forks_itself

    assert forks_itself.CODE == 7
    assert in_a_child(lambda: __import__("forks_itself").CODE == 7)
    monkeypatch.delitem(sys.modules, "forks_itself")
