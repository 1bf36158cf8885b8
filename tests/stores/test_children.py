"""Children that call functions, and the one that waits."""

from __future__ import annotations

import importlib
import os
import signal
import time

import pytest

from mappedviz.errors import StoreError, StoreWarning
from mappedviz.stores import children, deadline
from mappedviz.stores.children import Caller, EndedError, in_children


def test_a_child_is_used_again(idle):
    caller = Caller(300)
    assert caller.fresh
    pid = caller.call("a", os.getpid)
    assert pid != os.getpid()
    assert not caller.fresh
    assert caller.call("a", os.getpid) == pid
    caller.close()
    other = Caller(None)
    assert other.call("a", os.getpid) == pid
    other.close()
    other.close()


def test_a_child_of_another_environment_is_not(idle, monkeypatch):
    caller = Caller(None)
    pid = caller.call("a", os.getpid)
    caller.close()
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "FALSE")
    assert caller.call("a", os.getenv, "HDF5_USE_FILE_LOCKING") == "FALSE"
    assert caller.call("a", os.getpid) != pid
    caller.close()


def test_a_child_that_ended_while_it_waited_is_replaced(idle):
    caller = Caller(None)
    pid = caller.call("a", os.getpid)
    caller.close()
    os.kill(pid, 9)
    idle._child.process.wait()
    assert caller.call("a", os.getpid) != pid
    caller.close()


def test_a_caller_that_is_stopped_asks_nothing_more(idle):
    caller = Caller(None)
    caller.call("a", os.getpid)
    caller.stop()
    with pytest.raises(EndedError):
        caller.call("a", os.getpid)
    caller.close()
    assert idle._child is None


def ask(caller, item):
    try:
        return caller.call(
            item, *{"die": (os._exit, 1), "sleep": (time.sleep, 60)}.get(item, (len, item))
        )
    except StoreError as error:
        return str(error)


def test_items_are_shared_out_and_a_child_that_fails_costs_its_item(idle):
    items = ["a", "die", "bb", "sleep", "ccc"]
    found = dict(in_children(items, ask, len, workers=2, timeout=8))
    assert (found["a"], found["bb"], found["ccc"]) == (1, 2, 3)
    assert "ended the process" in found["die"]
    assert "did not open within 8 s" in found["sleep"]


def test_what_comes_after_enough_is_left_out(idle):
    items = ["a"] * 3 + ["bb"] + ["a"] * 50
    found = list(in_children(items, ask, len, workers=1, timeout=None, enough=lambda n: n == 2))
    assert found == [("a", 1)] * 3 + [("bb", 2)]


def test_errors_of_this_process_are_raised_here(idle):
    def broken(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(in_children(["a", "b"], broken, len, workers=2, timeout=None))


def test_where_no_child_can_be_started_this_process_does_it(idle, monkeypatch):
    monkeypatch.setattr(deadline.sys, "executable", "")
    with pytest.warns(StoreWarning, match="no child process could be started") as said:
        found = list(in_children(["a", "bb"], ask, len, workers=2, timeout=60))
    assert sorted(found) == [("a", 1), ("bb", 2)]
    assert len(said) == 1


def test_leaving_early_ends_the_children(idle):
    for _ in in_children(["a", "sleep", "sleep"], ask, len, workers=2, timeout=60):
        break
    assert idle._child is None


def test_what_waits_for_room_ends_as_well(idle, monkeypatch):
    monkeypatch.setattr(children, "_MOST_READY", 1)
    items = ["a"] * 100
    assert list(in_children(items, ask, len, workers=2, timeout=60)) == [("a", 1)] * 100
    for _ in in_children(items, ask, len, workers=2, timeout=60):
        time.sleep(0.2)
        break
    assert idle._child is None


def test_a_function_that_raises_cancels(idle):
    def stop():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(in_children(["sleep"], ask, len, workers=1, timeout=60, stop=stop))


def test_what_a_function_imports_takes_no_time_of_a_store(idle, tmp_path, monkeypatch):
    (tmp_path / "late_to_import.py").write_text(
        "import sys, time\ntime.sleep(4 if sys.argv[0] == '-c' else 0)\ndef answer(): return 42\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    slow = importlib.import_module("late_to_import")
    caller = Caller(3)
    assert caller.call("a", slow.answer) == 42
    caller.close()


def test_ctrl_c_leaves_no_answer_to_whoever_asks_next(idle, monkeypatch):
    caller = Caller(60)
    pid = caller.call("a", os.getpid)
    with monkeypatch.context() as patched:
        patched.setattr(deadline.Child, "_kill_if_late", lambda *_: signal.raise_signal(2))
        with pytest.raises(KeyboardInterrupt):
            caller.call("a", len, "abc")
    assert caller.call("a", os.getpid) != pid
    caller.close()
