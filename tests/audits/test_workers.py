"""Many stores at a time: child processes, cancelling, stores that hang or kill."""

import json
import math
import os
import signal
import subprocess
import sys
import threading

import pytest

import mappedviz as mv
from mappedviz.audits import run, workers
from mappedviz.audits.cache import forget_scans
from mappedviz.audits.scan import ScanCancelledError
from mappedviz.errors import StoreWarning
from tests.audits import quiet
from tests.stores import BROKEN


def test_processes_find_what_this_process_finds(several, tmp_path):
    several.append(str(BROKEN["html"](None, tmp_path / "bad")))
    here = quiet(several, "cell_type").to_json()
    forget_scans()
    there = quiet(several, "cell_type", workers=2).to_json()
    assert json.loads(there) == json.loads(here)


@pytest.mark.parametrize("workers", [0, 2])
def test_cancelling_ends_a_scan(several, workers):
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(ScanCancelledError):
        quiet(several, cancel=cancel, workers=workers)


def test_a_store_that_hangs_or_kills_is_listed(several, monkeypatch, tmp_path):
    """The worker is replaced by one that sleeps at one store and dies at another."""
    from mappedviz.audits import workers as scanning

    program = (
        "import time, os, mappedviz.audits.workers as s, mappedviz.audits.scan as c\n"
        "real = s.read_store\n"
        "def read(path, *rest):\n"
        "    if 's1' in path: time.sleep(600)\n"
        "    if 's2' in path: os._exit(1)\n"
        "    return real(path, *rest)\n"
        "s.read_store = read\n"
        "s.serve_scans()\n"
    )
    monkeypatch.setattr(scanning, "_PROGRAM", program)
    audit = quiet(several, workers=2, open_timeout=20)
    status = audit.stores["status"]
    assert "did not open within 20 s" in status["s1.h5ad"]
    assert "ended the process" in status["s2.h5ad"]
    assert (status == "ok").sum() == 4


_STUCK = (
    "import time, mappedviz.audits.workers as s\n"
    "real = s.read_store\n"
    "def read(path, *rest):\n"
    "    if 's1' in path:\n"
    "        print('stuck', flush=True)\n"
    "        time.sleep(600)\n"
    "    return real(path, *rest)\n"
    "s.read_store = read\n"
    "s.serve_scans()\n"
)


def test_an_audit_gives_up_a_store_by_itself(several, monkeypatch):
    monkeypatch.setattr(workers, "_PROGRAM", _STUCK)
    monkeypatch.setattr(run, "STORE_SECONDS", 20.0)
    audit = mv.audit(several, progress=False)
    assert "did not open within 20 s" in audit.stores["status"]["s1.h5ad"]
    assert (audit.stores["status"] == "ok").sum() == len(several) - 1
    assert audit.fatal


def test_a_deep_audit_and_one_in_this_process_take_any_time():
    assert run._timeout(None, None, False) == run.STORE_SECONDS
    assert run._timeout(None, None, True) is run._timeout(None, 0, False) is None
    assert run._timeout(math.inf, None, False) is None
    assert run._timeout(5.0, 0, True) == 5.0


def test_one_child_serves_audit_after_audit(several, tmp_path, monkeypatch):
    here = json.loads(quiet(several, "cell_type").to_json())
    pids = []
    for path in several:
        forget_scans()
        monkeypatch.chdir(tmp_path)  # of which the child knows nothing
        mv.audit(os.path.relpath(path), progress=False)
        assert workers._idle._child is not None
        pids.append(workers._idle._child.process.pid)
    assert len(set(pids)) == 1
    forget_scans()
    assert json.loads(mv.audit(several, "cell_type", progress=False).to_json()) == here


@pytest.mark.parametrize("program", ["import nothing_of_this_name", None])
def test_without_child_processes_stores_are_read_here(several, monkeypatch, program):
    workers._idle.end()
    if program is None:
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
    else:
        monkeypatch.setattr(workers, "_PROGRAM", program)
    with pytest.warns(StoreWarning, match="no child process could be started"):
        audit = mv.audit(several, progress=False)
    assert set(audit.stores["status"]) == {"ok"}


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_ctrl_c_ends_an_audit_whatever_its_child_does(several):
    program = (
        "import signal, sys, mappedviz as mv, mappedviz.audits.workers as w\n"
        # A shell starts what is in its background with Ctrl-C ignored, and so do its children.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "w._PROGRAM = sys.argv[1]\n"
        "mv.audit(sys.argv[2:], progress=False)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, _STUCK, *map(str, several)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stderr:  # what a child prints
        if "stuck" in line:
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode != 0, said
    assert "KeyboardInterrupt" in said


def test_large_stores_are_worth_a_process_of_their_own(tmp_path):
    small = [str(tmp_path / f"{i}.h5ad") for i in range(100)]  # not even there
    assert workers._worth(small, 4) == 1
    assert workers._worth(small * 10, 4) == 4
    large = tmp_path / "large.h5ad"
    with large.open("wb") as file:
        file.truncate(1 << 33)
    assert workers._worth([str(large)], 4) == 1
    assert workers._worth([str(large)] * 3, 4) == 3
