"""Asking a child process, which is ended when it is late."""

from __future__ import annotations

import pickle
import sys
import threading
import time

import pytest

from mappedviz.errors import StoreError
from mappedviz.stores.deadline import Child, NotStartedError

PROGRAM = """
import os, time
from mappedviz.stores.deadline import serve

def answer(request):
    if request == "die":
        os._exit(1)
    if request == "sleep":
        time.sleep(600)
    if request == "print":
        print("this is no answer")
    return request, os.getpid()

serve(answer)
"""


@pytest.fixture
def child():
    one = Child(PROGRAM)
    yield one
    one.end()


def test_a_child_answers_one_request_after_the_other(child):
    assert child.ask("a") == ("a", child.process.pid)
    assert child.ask("a", ("b", 1), timeout=300) == (("b", 1), child.process.pid)
    assert child.ask("print")[0] == "print"
    assert not child.ended


def test_a_child_that_is_late_is_ended(child):
    child.ask("a", timeout=300)
    with pytest.raises(StoreError, match=r"s.h5ad: did not open within 0.2 s.*open_timeout"):
        child.ask("s.h5ad", "sleep", timeout=0.2)
    assert child.ended
    assert child.process.poll() is not None


def test_a_child_that_dies_is_named_by_its_store(child):
    with pytest.raises(StoreError, match=r"s.h5ad: ended the process that opened it"):
        child.ask("s.h5ad", "die", timeout=300)
    assert child.ended


def test_a_child_is_ended_from_another_thread(child):
    child.ask("a")

    def kill():
        time.sleep(0.2)
        child.kill()

    threading.Thread(target=kill).start()
    with pytest.raises(StoreError, match="ended the process"):
        child.ask("s.h5ad", "sleep")


def test_a_child_that_cannot_be_started_is_no_fault_of_a_store(monkeypatch):
    broken = Child("import nothing_of_this_name")
    with pytest.raises(
        NotStartedError, match=r"no child process could be started \(it ended with 1"
    ):
        broken.ask("s.h5ad", timeout=300)
    assert broken.ended
    for executable, says in [
        ("", "does not know where it is"),
        ("/nowhere/python", "No such file"),
    ]:
        monkeypatch.setattr(sys, "executable", executable)
        with pytest.raises(NotStartedError, match=says) as error:
            Child(PROGRAM)
        assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)
