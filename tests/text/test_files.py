"""Text files are there whole or as they were; CSV is text for spreadsheets."""

from __future__ import annotations

import errno
import os
import stat

import pandas as pd
import pytest

from mappedviz.text import files
from tests.hostile import HOSTILE


def test_file_keeps_its_permissions(tmp_path):
    target = tmp_path / "audit.html"
    target.write_text("old")
    target.chmod(0o640)
    files.write_text(target, "new")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_no_such_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.write_text(tmp_path / "nowhere" / "audit.html", "new")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_device(tmp_path):
    """The temporary file lies beside the target; a device in its place is replaced by no file."""
    with pytest.raises(OSError):  # noqa: PT011 - a folder that takes no files: EACCES, EROFS …
        files.write_text("/proc/audit.html", "new")


def test_csv_has_no_formulas_and_one_line_a_row():
    frame = pd.DataFrame(
        {"n": range(len(HOSTILE)), "@x": HOSTILE}, index=pd.Index(HOSTILE, name="label")
    )
    lines = files.csv_text(frame).splitlines()
    assert len(lines) == 1 + len(HOSTILE)
    cells = [cell.strip('"') for line in lines for cell in line.split(",")]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))]
    assert "'@x" in lines[0]


def test_csv_of_lists_and_of_nested_columns():
    nested = pd.DataFrame({("a", "dtype"): ["x"], ("a", "missing"): [0.5]})
    assert files.csv_text(nested) == "a dtype,a missing\nx,0.5\n"
    assert files.csv_text(pd.DataFrame({"layers": [["a", "b"]]})) == 'layers\n"a, b"\n'


@pytest.mark.parametrize("where", ["os.fsync", "tempfile.mkstemp"])
def test_errors_name_the_file_that_was_to_be_written(tmp_path, monkeypatch, where):
    def full(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/.a.json.x.tmp")

    monkeypatch.setattr(where, full)
    with pytest.raises(OSError, match="No space left on device") as error:
        files.write_text(tmp_path / "a.json", "new")
    assert error.value.errno == errno.ENOSPC
    assert error.value.filename == str(tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_file_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.a\.json"):
        files.write_text(tmp_path / "nowhere" / "a.json", "new")
