"""Many stores at a time: child processes, executors, cancelling."""

import gc
import json
import math
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from mappedviz.audits import run, workers
from mappedviz.audits.cache import ScanCache, forget_scans
from mappedviz.audits.scan import ScanCancelledError
from mappedviz.audits.workers import not_collecting
from mappedviz.formats.remote_options import noted
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


def test_a_deep_audit_and_one_in_this_process_take_any_time():
    assert run.timeout_of(None, None, False) == run.STORE_SECONDS
    assert run.timeout_of(None, None, True) is run.timeout_of(None, 0, False) is None
    assert run.timeout_of(math.inf, None, False) is None
    assert run.timeout_of(5.0, 0, True) == 5.0


def test_large_stores_are_worth_a_process_of_their_own(tmp_path):
    small = [str(tmp_path / f"{i}.h5ad") for i in range(100)]  # not even there
    assert workers._worth(small, 4) == 1
    assert workers._worth(small * 10, 4) == 4
    large = tmp_path / "large.h5ad"
    with large.open("wb") as file:
        file.truncate(1 << 33)
    assert workers._worth([str(large)], 4) == 1
    assert workers._worth([str(large)] * 3, 4) == 3


def test_an_executor_reads_a_store_that_is_given_in_two_spellings(several):
    twice = [several[0], several[0].replace("/s0", "/./s0")]
    assert twice[0] != twice[1]
    with ThreadPoolExecutor(1) as executor:
        scans = workers.scan_stores(twice, executor=executor, cache=ScanCache(), progress=False)
    assert [scan.path for scan in scans] == twice
    assert scans[0].n_obs == scans[1].n_obs


def test_a_query_is_in_no_scan():
    url = "https://127.0.0.1:9/a.h5ad?signature=SECRET"
    options = {"timeout": 1, "max_retries": 0, "retry_timeout": 1}
    noted(url.partition("?")[0], options)
    [scan] = workers.scan_stores([url], cache=ScanCache(), progress=False)
    assert "SECRET" not in repr(scan)


def test_garbage_is_looked_for_again_afterwards():
    class Loop:
        pass

    assert gc.isenabled()
    with not_collecting():
        assert not gc.isenabled()
        with not_collecting():
            loop = Loop()
            loop.itself, seen = loop, weakref.ref(loop)
            del loop
        assert not gc.isenabled()
    assert gc.isenabled()
    assert not gc.get_freeze_count()
    gc.collect()
    assert seen() is None
