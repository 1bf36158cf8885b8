"""Records: JSON and arrays in one file, and files that are none."""

from __future__ import annotations

import os

import numpy as np
import pytest

from mappedviz.stores import records
from mappedviz.stores.records import (
    Record,
    RecordError,
    Section,
    encode,
    read_record,
    write_record,
)

SECTIONS = {
    "facts": Section({"n_obs": 3, "names": ["שלום", "\udcff", "a\0b", ""]}),
    "obs/cell type": Section(None, {"codes": np.array([1, -1, 0], np.int8)}),
    "odd": Section(
        [1.5, None, True],
        {
            "big": np.arange(6, dtype=">i4").reshape(2, 3),
            "none": np.empty((0, 4)),
            "mask": np.array([True, False]),
            "strided": np.arange(10)[::2],
            "scalar": np.array(7.0),
        },
    ),
}


def test_what_is_written_is_read(tmp_path):
    write_record(tmp_path / "a", SECTIONS)
    record = read_record(tmp_path / "a")
    assert list(record) == list(SECTIONS)
    assert len(record) == 3
    assert "absent" not in record
    for name, section in SECTIONS.items():
        assert record[name].data == section.data
        for key, values in section.arrays.items():
            found = record[name].arrays[key]
            assert found.dtype == values.dtype
            np.testing.assert_array_equal(found, values)
    assert os.listdir(tmp_path) == ["a"]


def test_a_record_can_be_made_of_another_one():
    record = Record(encode(SECTIONS))
    again = Record(encode({**record, "more": Section(1)}))
    assert again["more"].data == 1
    assert again["facts"].data == SECTIONS["facts"].data


@pytest.mark.parametrize("values", [np.array(["a"], object), np.array(["a"]), np.array([1j])])
def test_arrays_of_other_types_are_refused(values):
    with pytest.raises(TypeError, match="s, a: an array of"):
        encode({"s": Section(None, {"a": values})})


def test_every_other_file_is_refused(tmp_path):
    good = encode(SECTIONS)
    for content, says in [
        (b"", "is no record"),
        (b"PK\x03\x04" + good, "is no record"),
        (good[:20], "is no record"),
        (good[:-1], "has .* bytes of"),
        (good + b"\0", "has .* bytes of"),
        (good[:8] + b"\x07" + good[9:], "is of schema 7, where 1 is read"),
        (good[:60] + b"~" + good[61:], "damaged"),
        (good[:-9] + b"~" + good[-8:], "damaged"),
    ]:
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(RecordError, match=says) as caught:
            read_record(tmp_path / "a")
        assert str(tmp_path / "a") in str(caught.value)
    with pytest.raises(FileNotFoundError):
        read_record(tmp_path / "absent")
    with pytest.raises(RecordError, match="cannot be read"):
        read_record(tmp_path)


def test_a_record_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    write_record(tmp_path / "a", {"s": Section(1)})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left.*a'"):
        write_record(tmp_path / "a", {"s": Section(2)})
    monkeypatch.undo()
    assert read_record(tmp_path / "a")["s"].data == 1
    assert os.listdir(tmp_path) == ["a"]
    assert records.SCHEMA == 1
