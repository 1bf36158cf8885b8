"""Child processes that read: stores that hang or kill, the end of an audit, and one child for many audits."""

import json
import os
import signal
import subprocess
import sys

import pytest

import mappedviz as mv
from mappedviz.audits import run
from mappedviz.audits.cache import forget_scans
from mappedviz.errors import StoreWarning
from mappedviz.stores import children
from tests.audits import quiet


@pytest.fixture
def child(idle, monkeypatch):
    """Lets children run another program."""
    return lambda program: monkeypatch.setattr(children, "_PROGRAM", program)


def test_a_store_that_hangs_or_kills_is_listed(several, child):
    """The worker is replaced by one that sleeps at one store and dies at another."""
    program = (
        "import time, os, mappedviz.audits.children as s\n"
        "from mappedviz.stores.children import serve_calls\n"
        "real = s.read_store\n"
        "def read(path, *rest):\n"
        "    if 's1' in path: time.sleep(600)\n"
        "    if 's2' in path: os._exit(1)\n"
        "    return real(path, *rest)\n"
        "s.read_store = read\n"
        "serve_calls()\n"
    )
    child(program)
    audit = quiet(several, workers=2, open_timeout=10)
    status = audit.stores["status"]
    assert "did not open within 10 s" in status["s1.h5ad"]
    assert "ended the process" in status["s2.h5ad"]
    assert (status == "ok").sum() == 4


def test_a_child_that_is_killed_is_no_fault_of_the_store(several, child, tmp_path):
    """By the system, for want of memory, or by somebody: another one reads the store."""
    program = (
        "import os, signal, mappedviz.audits.children as s\n"
        "from mappedviz.stores.children import serve_calls\n"
        "real = s.read_store\n"
        f"done = {str(tmp_path / 'done')!r}\n"
        "def read(path, *rest):\n"
        "    if 's2' in path and not os.path.exists(done):\n"
        "        os.mkdir(done)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return real(path, *rest)\n"
        "s.read_store = read\n"
        "serve_calls()\n"
    )
    child(program)
    audit = quiet(several, workers=1)
    assert (tmp_path / "done").exists()
    assert set(audit.stores["status"]) == {"ok"}


_STUCK = (
    "import time, mappedviz.audits.children as s\n"
    "from mappedviz.stores.children import serve_calls\n"
    "real = s.read_store\n"
    "def read(path, *rest):\n"
    "    if 's1' in path:\n"
    "        print('stuck', flush=True)\n"
    "        time.sleep(600)\n"
    "    return real(path, *rest)\n"
    "s.read_store = read\n"
    "serve_calls()\n"
)


def test_an_audit_gives_up_a_store_by_itself(several, child, monkeypatch):
    child(_STUCK)
    monkeypatch.setattr(run, "STORE_SECONDS", 10.0)
    audit = mv.audit(several, progress=False)
    assert "did not open within 10 s" in audit.stores["status"]["s1.h5ad"]
    assert (audit.stores["status"] == "ok").sum() == len(several) - 1
    assert audit.fatal


def test_one_child_serves_audit_after_audit(several, tmp_path, monkeypatch, idle):
    here = json.loads(quiet(several, "cell_type").to_json())
    pids = []
    for path in several:
        forget_scans()
        monkeypatch.chdir(tmp_path)  # of which the child knows nothing
        mv.audit(os.path.relpath(path), progress=False, cache=False)  # or its record is enough
        assert idle._child is not None
        pids.append(idle._child.process.pid)
    mv.MappedCollection(several, cache=False)  # the engine takes the same one
    pids.append(idle._child.process.pid)
    assert len(set(pids)) == 1
    forget_scans()
    assert json.loads(mv.audit(several, "cell_type", progress=False).to_json()) == here


@pytest.mark.parametrize("program", ["import nothing_of_this_name", None])
def test_without_child_processes_stores_are_read_here(several, monkeypatch, child, program):
    if program is None:
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
    else:
        child(program)
    with pytest.warns(StoreWarning, match="no child process could be started"):
        audit = mv.audit(several, progress=False)
    assert set(audit.stores["status"]) == {"ok"}


def test_ctrl_c_ends_an_audit_whatever_its_child_does(several):
    program = (
        "import signal, sys, mappedviz as mv, mappedviz.stores.children as w\n"
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
