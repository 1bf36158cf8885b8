"""Scans in files: their names, what is no scan, two of one store, stores among them."""

import json
import os
import zlib

import numpy as np
import pytest

import mappedviz as mv
from mappedviz.audits.reading import scan_store
from mappedviz.audits.scan import Wants
from mappedviz.audits.scan_files import ScanFiles, file_of, write_scan
from mappedviz.errors import StoreError, StoreWarning
from mappedviz.stores.records import Section, read_record, write_record
from tests.audits import found, ids, quiet, write


@pytest.fixture
def files(several, tmp_path):
    made = []
    for path in several:
        made.append(tmp_path / "scans" / file_of("", path))
        made[-1].parent.mkdir(exist_ok=True)
        write_scan(made[-1], scan_store(path, Wants(every_column=True, every_matrix=True)))
    return made


def test_stores_of_one_name_have_files_of_their_own(tmp_path):
    names = {file_of(tmp_path, f"/data/{lab}/a.h5ad").name for lab in ("one", "two")}
    assert len(names) == 2
    assert all(name.startswith("a.h5ad.") for name in names)


def test_a_file_holds_json_and_numbers_and_is_small(files, several):
    record = read_record(files[0])
    assert record["store"].data["address"] == several[0]
    (key,) = [name for name in record if name.startswith("list/")][:1]
    assert json.loads(zlib.decompress(record[key].arrays["zlib"].tobytes()))
    assert files[0].stat().st_size < 20_000


def test_folders_patterns_files_and_stores(files, several, tmp_path):
    folder = files[0].parent
    assert ScanFiles([str(folder)]).paths == sorted(several)
    assert ScanFiles([str(folder / "s[12]*.scan")]).paths == several[1:3]
    mixed = ScanFiles([several[3], str(files[1]), "nowhere.h5ad"])
    assert mixed.paths == [several[3], several[1], "nowhere.h5ad"]
    assert list(mixed.scans) == [several[1]]
    beside = write(folder, "store")  # a folder of stores is one, whatever else is in it
    assert ScanFiles([str(folder)]).paths == [str(folder)]
    beside.unlink()
    assert ScanFiles([str(tmp_path / "nowhere.scan")]).scans


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "absent", "empty"])
def test_what_is_no_scan_is_listed_and_the_others_go_on(files, damage):
    content = files[0].read_bytes()
    if damage == "absent":
        files[0].unlink()
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        made = {"cut": content[:middle], "flipped": flipped, "foreign": b"PK" * 99, "empty": b""}
        files[0].write_bytes(made[damage])
    audit = quiet(files, "cell_type")
    assert audit.fatal
    assert "mappedviz scan" in audit.verdict
    assert (audit.stores["status"] == "ok").sum() == len(files) - 1
    assert len(quiet(files, "cell_type", on_error="skip").collection()) == 5 * 24


def test_of_two_scans_of_a_store_the_last_one_counts(files, several):
    earlier = files[0].with_name("earlier.scan")
    earlier.write_bytes(files[0].read_bytes())
    write_scan(files[0], scan_store(several[0], Wants(rows=0)))
    found = ScanFiles([str(files[0].parent)])
    assert len(found.paths) == len(several)
    assert found.scans[several[0]].samples == {}


def test_an_audit_of_scans_names_the_stores(files, several):
    audit = mv.audit(files[0].parent, "cell_type", progress=False)
    assert list(audit.recipe.paths) == sorted(several)
    assert audit.stores["path"].tolist() == sorted(several)


def test_files_are_seen_and_their_names_fit_into_a_folder(tmp_path):
    for path in ("/data/.hidden.h5ad", "s3://bucket", f"/data/{'ü' * 120}.h5ad"):
        name = file_of(tmp_path, path).name
        assert not name.startswith(".")
        assert len(name.encode()) <= 255


def test_scans_of_two_stores_with_one_address_are_named(files, several):
    found = ScanFiles([str(files[0].parent)])
    other = scan_store(several[1], Wants(rows=0))
    other.known.store.path = several[0]  # as on another machine, or in a temporary folder
    second = files[0].with_name("second.scan")
    write_scan(second, other)
    with pytest.warns(StoreWarning, match=r"1 stores have several scans .*second\.scan"):
        both = ScanFiles([str(files[0].parent)])
    assert both.paths == found.paths
    copy = files[0].with_name("copy.scan")  # of the same content
    second.replace(copy)
    copy.write_bytes(files[0].read_bytes())
    assert ScanFiles([str(files[0].parent)]).paths == found.paths


def test_scans_that_are_known_stand_for_their_stores(files, several):
    folder = files[0].parent
    known = ScanFiles([str(folder)])
    again = ScanFiles([several[2], "nowhere.h5ad"], known)
    assert again.paths == [several[2], "nowhere.h5ad"]
    assert again.scans == known.scans
    write_scan(files[2], scan_store(several[2], Wants(rows=0)))
    os.utime(files[2], ns=(5, 5))
    files[3].unlink()  # what was read of it stays
    again = ScanFiles(several[2:4], known)
    assert again.scans[several[2]].samples == {}
    assert again.scans[several[3]] is known.scans[several[3]]


@pytest.mark.parametrize("damage", ["codes", "length", "section"])
def test_a_column_that_is_damaged_is_not_one_that_is_absent(files, several, damage):
    sections = dict(read_record(files[0]))
    column = sections["obs/cell_type"]
    codes = column.arrays["codes"]
    sections["obs/cell_type"] = {
        "codes": Section(column.data, {"codes": codes + np.int8(100)}),
        "length": Section(column.data, {"codes": codes[:5]}),
        "section": Section([1], {}),
    }[damage]
    write_record(files[0], sections)
    os.rename(several[0], f"{several[0]}-away")
    words = "s0.h5ad, obs/cell_type: has a scan in which this column cannot be read"
    audit = quiet(files, "cell_type")
    assert audit.fatal
    assert words in audit.verdict
    assert "label-absent" not in ids(audit)
    audit = quiet(files, "cell_type", on_error="skip")
    assert not audit.fatal
    assert [words in one.message for one in found(audit, "unreadable-element")] == [True]
    assert "label-absent" not in ids(audit)
    os.rename(f"{several[0]}-away", several[0])  # from which the column is read
    assert not quiet(files, "cell_type").fatal


def test_scans_that_are_to_stand_for_stores_are_there_and_can_be_read(files, several, tmp_path):
    folder = files[0].parent
    for wrong in (tmp_path, "nowhere", str(folder / "x*.scan"), "https://example.org/scans"):
        with pytest.raises(StoreError, match="is said to hold scans of stores, and has none"):
            mv.audit(several, scans=wrong, progress=False)
    assert ScanFiles.of([]).scans == {}
    files[0].write_bytes(files[0].read_bytes()[:-9])
    with pytest.warns(StoreWarning, match=rf"1 of {len(files)} scans cannot be read; the first: "):
        known = ScanFiles.of(folder)
    assert set(several[1:]) < set(known.scans)
    (tmp_path / "scans" / "a.h5ad").write_bytes(b"beside its scan")
    with pytest.warns(StoreWarning, match="cannot be read"):
        assert ScanFiles.of(folder).paths == known.paths
