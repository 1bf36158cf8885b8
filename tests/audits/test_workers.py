"""Many stores at a time: child processes, cancelling, stores that hang or kill."""

import json
import threading

import pytest

from mappedviz.audits.cache import forget_scans
from mappedviz.audits.scan import ScanCancelledError
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
