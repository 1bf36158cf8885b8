"""Asking a child process, which is ended when it is late."""

from __future__ import annotations

import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import pytest

from mappedviz.errors import RecipeError, StoreError
from mappedviz.stores import deadline
from mappedviz.stores.deadline import Child, NotStartedError, seconds_of

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


def test_modules_beside_the_data_are_not_imported(tmp_path, monkeypatch):
    (tmp_path / "secrets.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    child = Child("import secrets\n" + PROGRAM)
    assert child.ask("a")[0] == "a"
    child.end()
    assert not (tmp_path / "ran").exists()


def test_what_the_folder_has_is_found_where_the_parent_finds_it(tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    child = Child("import only_here\n" + PROGRAM)
    assert child.ask("a")[0] == "a"
    child.end()


def test_a_greeting_of_python_is_no_answer(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("print('welcome to the cluster')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    child = Child(PROGRAM)
    assert child.ask("a")[0] == "a"
    child.end()


@pytest.mark.skipif(os.name != "posix", reason="a script is a program")
def test_a_program_that_is_no_python_is_not_waited_for(tmp_path, monkeypatch):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(deadline, "START", 0.2)
    with pytest.raises(NotStartedError, match="ended with -9"):
        Child(PROGRAM).ask("a", timeout=600)


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="asks Linux")
def test_a_child_ends_though_its_parent_was_killed():
    # A regular expression that never ends, and never lets another thread run.
    program = "\n".join(
        [
            "import re",
            "from mappedviz.stores import deadline",
            "deadline._GRACE = 0",
            "deadline.serve(lambda _: re.match('(a+)+$', 'a' * 60 + 'b'))",
        ]
    )
    parent = "\n".join(
        [
            "from mappedviz.stores.deadline import Child",
            f"child = Child({program!r})",
            "print(child.process.pid, flush=True)",
            "child._wait_until_ready()",
            "import threading",
            "threading.Thread(target=child.ask, args=('a', None, 1.0)).start()",
            "import time; time.sleep(0.2)",
            "print('asked', flush=True)",
        ]
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        number = int(process.stdout.readline())
        assert process.stdout.readline() == b"asked\n"
        process.kill()
    until = time.monotonic() + 60
    while _state(number) in ("R", "S", "D") and time.monotonic() < until:
        time.sleep(0.05)
    ended = _state(number) not in ("R", "S", "D")
    if not ended:
        os.kill(number, signal.SIGKILL)
    assert ended


def _state(number):
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"


@pytest.mark.parametrize(
    ("asked", "expected"), [(None, None), (math.inf, None), (60, 60.0), (1e300, 1e6)]
)
def test_seconds(asked, expected):
    assert seconds_of(asked) == expected


@pytest.mark.parametrize("asked", [0, -1.0, math.nan, -math.inf, "60", True])
def test_what_is_no_time_is_refused(asked):
    with pytest.raises(RecipeError, match="open_timeout: "):
        seconds_of(asked)
