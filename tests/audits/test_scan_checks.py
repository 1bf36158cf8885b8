"""Scans that somebody else has made, and that break or deceive no audit."""

import json
import os
import zlib

import numpy as np
import pytest

from mappedviz.audits import write_scans
from mappedviz.audits.scan_checks import check_column, unpacked_names
from mappedviz.audits.scan_files import ScanFiles
from mappedviz.formats.columns import Column
from mappedviz.recipe.names import Names
from mappedviz.stores.records import Section, encode, read_record
from tests.audits import ids, quiet


@pytest.fixture
def scans(several, tmp_path):
    return write_scans(several[:2], tmp_path / "scans", progress=False)


def packed(values):
    return np.frombuffer(zlib.compress(json.dumps(values).encode()), np.uint8)


def _rewrite(path, change):
    record = read_record(path)
    sections = {name: Section(record[name].data, dict(record[name].arrays)) for name in record}
    change(sections)
    path.write_bytes(encode(sections))


def _given(section, **values):
    def change(sections):
        found = sections[section]
        sections[section] = Section({**found.data, **values}, found.arrays)

    return change


def _lists(values):
    def change(sections):
        for name in [name for name in sections if name.startswith("list/")]:
            sections[name] = Section(arrays={"zlib": values})

    return change


def _counts(sections):
    found = sections["scan-1"]
    sections["scan-1"] = Section(found.data, {**found.arrays, "counts": np.zeros(0, np.int64)})


MADE_UP = {
    "an address that is a list": _given("store", address=[1]),
    "an address that is a number": _given("store", address=5),
    "an address in memory": _given("store", address="memory:0"),
    "an address of some folder": _given("store", address="../a.h5ad"),
    "samples that are a list": _given("scan-1", samples=[1]),
    "a shape of endless rows": _given("facts", shape=[10**400, 5]),
    "a shape of text": _given("facts", shape=["a", 5]),
    "a shape of fewer than no rows": _given("facts", shape=[-5, 5]),
    "a matrix of endless values": _given(
        "facts", matrices={"X": ["csr", [2, 2], "<f4", "<i4", 10**30, None, None, 1]}
    ),
    "a matrix of one dimension": _given(
        "facts", matrices={"X": ["csr", [2], "<f4", "<i4", 1, None, "none", 1]}
    ),
    "labels without counts": _counts,
    "names of other stores": _lists(packed(["x", "y", "z"])),
    "names that are numbers": _lists(packed([1, 2])),
    "names without end": _lists(np.frombuffer(zlib.compress(b'["' + b"a" * 50_000_000), np.uint8)),
    "names in names": _lists(np.frombuffer(zlib.compress(b"[" * 200_000), np.uint8)),
}


@pytest.mark.parametrize("change", MADE_UP.values(), ids=MADE_UP.keys())
def test_what_is_made_up_is_listed_and_the_others_go_on(scans, several, change):
    _rewrite(scans[0], change)
    found = ScanFiles([str(scans[0].parent)])
    assert {str(scans[0].absolute()), several[1]} <= set(found.paths)
    assert found.scans[str(scans[0].absolute())].error.message
    audit = quiet(str(scans[0].parent))
    assert "unreadable-store" in ids(audit)
    assert audit.to_json()


def test_one_file_does_not_say_which_names_another_store_has(scans, several):
    legit = ScanFiles([str(scans[1])]).scans[several[1]].names[None].values.tolist()
    _rewrite(scans[0], _lists(packed(["x"] * len(legit))))
    found = ScanFiles(map(str, scans)).scans[several[1]]
    assert found.names[None].values.tolist() == legit


def test_names_are_those_of_their_digest_and_bounded():
    names = Names.of(np.array(["a", "ü"], dtype=object))
    assert unpacked_names(packed(["a", "ü"]).tobytes(), names.key).values.tolist() == ["a", "ü"]
    with pytest.raises(ValueError, match="too long"):
        unpacked_names(zlib.compress(b'["' + b"a" * 50_000_000 + b'"]'), names.key)
    with pytest.raises(ValueError, match="damaged"):
        unpacked_names(b"no zlib", names.key)


@pytest.mark.parametrize("codes", [[0, 1], [0, 5, 1], [0, -2, 1], [0.0, 1.0, 1.0]])
def test_columns_of_another_store_are_refused(codes):
    labels = np.array(["x", "y"], dtype=object)
    check_column(Column("categorical", np.array([0, -1, 1]), labels), 3)
    check_column(Column("integer", data=np.arange(3)), 3)
    with pytest.raises(ValueError, match="has a column"):
        check_column(Column("categorical", np.array(codes), labels), 3)


def test_a_pipe_and_a_file_of_holes_are_no_scans(tmp_path):
    os.mkfifo(tmp_path / "a.scan")
    with open(tmp_path / "b.scan", "wb") as file:
        file.truncate(1 << 40)
    found = ScanFiles([str(tmp_path)])
    assert [scan.error.message for scan in found.scans.values()] == [
        "is no record of mappedviz"
    ] * 2


def test_a_scan_makes_no_server_be_asked(scans, several, monkeypatch):
    asked = []
    monkeypatch.setattr("mappedviz.formats.remote_look._look", asked.append)
    column = next(name for name in read_record(scans[0]) if name.startswith("obs/"))

    def change(sections):
        _given("store", address="https://192.0.2.1/a.h5ad")(sections)
        del sections[column]

    _rewrite(scans[0], change)
    quiet(str(scans[0]), column.removeprefix("obs/"))
    assert asked == []
