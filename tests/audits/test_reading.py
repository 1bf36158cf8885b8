"""One store, read once."""

import h5py
import pytest

from mappedviz.audits import reading
from mappedviz.audits.reading import complete, is_complete, read_store
from mappedviz.audits.reading import scan_store as scan
from mappedviz.audits.scan import ScanCancelledError, Wants
from tests.audits import write
from tests.stores import BROKEN


@pytest.fixture
def path(tmp_path):
    return str(write(tmp_path))


def test_a_scan_holds_what_was_wanted(path):
    found = scan(path, Wants(columns=frozenset(["cell_type"]), deep=True))
    assert found.n_obs == len(found.obs_hashes) == len(found.row_hashes) == 24
    assert set(found.samples) == {"X"}
    assert set(found.obs) == set(found.store.facts.obs_columns)
    assert found.broken == {}
    assert found.known.nbytes > 0
    nothing = scan(path, Wants(rows=0, obs_names=False))
    assert (nothing.samples, nothing.obs_hashes, nothing.row_hashes) == ({}, None, None)


def test_what_is_lacking_is_read_later(path):
    found = scan(path, Wants(rows=0, obs_names=False))
    wants = Wants(deep=True)
    assert not is_complete(found, wants)
    complete(found, wants, lambda: None)
    assert is_complete(found, wants)
    fresh = scan(path, wants)
    assert found.obs_hashes.tolist() == fresh.obs_hashes.tolist()
    assert found.row_hashes.tolist() == fresh.row_hashes.tolist()
    assert found.samples["X"].totals.tolist() == fresh.samples["X"].totals.tolist()
    assert not is_complete(found, Wants(rows=8))


def test_a_malformed_matrix_is_broken_for_who_wants_it(path):
    with h5py.File(path, "r+") as file:
        del file["X/indices"]
        file["X/indices"] = [0.5]
    found = scan(path)
    if found.store is None:  # refused as a whole
        return
    assert list(found.broken) == ["X"]
    assert found.only(Wants(rows=0), path).broken == {}


def test_a_store_that_cannot_be_opened_is_an_error(tmp_path):
    found = scan(BROKEN["html"](None, tmp_path / "bad"))
    assert (found.store, found.known, found.n_obs) == (None, None, 0)
    assert "HTML" in str(found.error)


def test_cancelling_is_no_fault_of_the_store(path):
    left = [12]

    def stop():
        left[0] -= 1
        if left[0] < 0:
            raise ScanCancelledError("stop")

    for n in range(40):
        left[0] = n
        try:
            found = read_store(path, Wants(deep=True), stop)
        except ScanCancelledError:
            continue
        assert found.broken == {}
        return
    pytest.fail("it was never read to its end")


def test_a_store_that_changes_meanwhile_is_read_again_once(path, monkeypatch):
    """As long as it is being written, it is no store to be judged."""
    real, times = reading._read, []

    def read(*args):
        found = real(*args)
        if len(times) < changes:
            with open(path, "ab") as file:
                file.write(b"more")
        times.append(1)
        return found

    monkeypatch.setattr(reading, "_read", read)
    changes = 1
    assert scan(path).n_obs == 24
    assert len(times) == 2
    changes = 9
    assert "changed while it was read, twice" in str(scan(path).error)
