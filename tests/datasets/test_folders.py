"""A folder is written once, whole, by whoever comes first."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mappedviz.datasets.folders import written_once


class Writer:
    """Writes two files and counts how often."""

    def __init__(self):
        self.calls = 0

    def __call__(self, folder):
        self.calls += 1
        (folder / "a.txt").write_text("all of it")
        (folder / "b").mkdir()
        (folder / "b" / "c.txt").write_text("")


@pytest.fixture
def writer():
    return Writer()


def test_it_is_written_once(tmp_path, writer):
    folder = tmp_path / "not there yet" / "data-1"
    assert written_once(folder, writer) == folder == written_once(folder, writer)
    assert writer.calls == 1
    assert (folder / "a.txt").read_text() == "all of it"


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda folder: (folder / "b" / "c.txt").unlink(), id="a file is missing"),
        pytest.param(lambda folder: (folder / "a.txt").write_text("all"), id="a file is truncated"),
        pytest.param(lambda folder: (folder / "manifest.json").unlink(), id="no manifest"),
        pytest.param(lambda folder: (folder / "manifest.json").write_text("[1]"), id="no mapping"),
        pytest.param(lambda folder: (folder / "manifest.json").write_text("{"), id="half of it"),
    ],
)
def test_a_partial_folder_is_repaired(tmp_path, writer, harm):
    folder = written_once(tmp_path / "data-1", writer)
    harm(folder)
    assert written_once(folder, writer) == folder
    assert writer.calls == 2
    assert (folder / "a.txt").read_text() == "all of it"
    assert (folder / "b" / "c.txt").exists()


def test_a_file_in_its_place_gives_way(tmp_path, writer):
    (tmp_path / "data-1").write_text("no folder")
    written_once(tmp_path / "data-1", writer)
    assert (tmp_path / "data-1" / "a.txt").exists()


def test_an_error_leaves_nothing_behind(tmp_path):
    def fail(folder):
        (folder / "a.txt").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        written_once(tmp_path / "data-1", fail)
    assert [path.name for path in tmp_path.iterdir()] == [".data-1.lock"]


def test_it_is_there_whole_or_not_at_all(tmp_path, writer):
    folder = tmp_path / "data-1"

    def slowly(new):
        assert not folder.exists()
        writer(new)
        assert not folder.exists()

    written_once(folder, slowly)
    assert folder.exists()


def test_threads_write_it_once(tmp_path, writer):
    start = threading.Barrier(8)

    def run():
        start.wait()
        written_once(tmp_path / "data-1", writer)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.calls == 1


_PROGRAM = """
import sys
from pathlib import Path
from mappedviz.datasets.folders import written_once

def write(folder):
    print("written")
    (folder / "a.txt").write_text("all of it")

sys.stdin.readline()
written_once(Path(sys.argv[1]), write)
assert (Path(sys.argv[1]) / "a.txt").read_text() == "all of it"
"""


def test_processes_write_it_once(tmp_path):
    command = [sys.executable, "-c", _PROGRAM, str(tmp_path / "data-1")]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0] * 4
    assert said.count("written\n") == 1
    assert said.count("") == 3


def test_without_locks_the_other_one_counts(tmp_path, writer, monkeypatch):
    """Another process publishes the folder while this one still writes."""
    folder = tmp_path / "data-1"
    monkeypatch.setattr("fcntl.flock", lambda *_: (_ for _ in ()).throw(OSError("no locks")))

    rename = Path.rename

    def late(self, target):
        if self.name == "new" and not folder.exists():
            monkeypatch.setattr(Path, "rename", rename)
            written_once(folder, Writer())
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    written_once(folder, writer)
    assert writer.calls == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [".data-1.lock", "data-1"]
