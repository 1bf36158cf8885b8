"""Many stores become scans in files, on this machine or an executor."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import mappedviz as mv
from mappedviz.audits import ScanCancelledError, write_scans
from mappedviz.audits.scan_files import ScanFiles
from mappedviz.errors import RecipeError, RecipeTypeError, StoreError
from tests.stores import BROKEN


def test_an_executor_and_this_process_write_the_same(several, tmp_path):
    several.append(str(BROKEN["html"](None, tmp_path / "bad")))
    here = write_scans(several, tmp_path / "here", progress=False, workers=0)
    with ThreadPoolExecutor(1) as executor:
        there = write_scans(several, tmp_path / "there", progress=False, executor=executor)
    assert [path.name for path in here] == [path.name for path in there]
    made = [
        mv.audit(path, "cell_type", progress=False) for path in (here[0].parent, there[0].parent)
    ]
    assert made[0].to_json() == made[1].to_json()
    assert made[0].fatal


def test_what_was_written_is_reported(several, tmp_path):
    bad = str(BROKEN["html"](None, tmp_path / "bad"))
    seen = []
    write_scans(
        [several[0], bad, str(tmp_path / "empty*.h5ad")],
        tmp_path,
        progress=False,
        workers=0,
        written=lambda path, error: seen.append((path.name[:4], error is None)),
    )
    assert sorted(seen) == [("bad.", False), ("empt", False), ("s0.h", True)]
    assert len(ScanFiles([str(tmp_path / "*.scan")]).scans) == 3


def test_columns_of_many_values_are_asked_for(several, tmp_path):
    (plain,) = write_scans(several[:1], tmp_path / "plain", progress=False)
    (scan,) = ScanFiles([str(plain)]).scans.values()
    few = {name for name, facts in scan.obs.items() if facts.labels is not None}
    lacking = set(scan.obs) - few
    (more,) = write_scans(several[:1], tmp_path / "more", columns=lacking, progress=False)
    assert more.stat().st_size > plain.stat().st_size or not lacking


def test_what_is_asked_for_in_vain(several, tmp_path):
    with pytest.raises(RecipeError, match="is one file, for 6 stores"):
        write_scans(several, tmp_path / "one.scan", progress=False)
    with pytest.raises(StoreError, match="matches no file"):
        write_scans(tmp_path / "nothing*", tmp_path, progress=False)
    with pytest.raises(RecipeTypeError, match="not an executor"):
        write_scans(several, tmp_path, progress=False, executor=4)
    cancel = threading.Event()
    with pytest.raises(ScanCancelledError):
        write_scans(several, tmp_path, workers=0, cancel=cancel, progress=lambda *_: cancel.set())
    assert 0 < len(list(tmp_path.glob("*.scan"))) < 6
