"""`mappedviz scan`: one small file per store, and exit statuses."""

import json

import pytest

from mappedviz.cli.command import FOUND, OK, USAGE, main
from tests.audits import write
from tests.stores import BROKEN


@pytest.fixture
def stores(tmp_path):
    made = [str(write(tmp_path / "data", f"s{i}", store=i)) for i in range(3)]
    return [*made, str(BROKEN["html"](None, tmp_path / "data" / "bad"))]


@pytest.fixture(autouse=True)
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "scans"


def test_the_audit_of_scans_is_that_of_the_stores(stores, folder, tmp_path, capsys):
    assert main(["scan", *stores, "-o", str(folder), "-q"]) == OK
    said = capsys.readouterr().err
    assert "bad.h5ad: is an HTML page" in said
    assert f"wrote 4 scans to {folder}" in said
    audits = []
    for paths in (sorted(stores), [str(folder)]):
        out = tmp_path / "audit.json"
        assert main(["audit", *paths, "--label", "cell_type", "-q", "--json", str(out)]) == FOUND
        audits.append(json.loads(out.read_text()))
    assert audits[0] == audits[1]


def test_one_store_to_one_file(stores, tmp_path, capsys):
    out = tmp_path / "one.scan"
    assert main(["scan", stores[0], "-o", str(out), "--column", "n_genes", "--deep", "-q"]) == OK
    assert f"wrote {out}" in capsys.readouterr().err
    assert out.exists()
    assert main(["scan", *stores, "-o", str(out), "-q"]) == USAGE
    assert "is one file, for 4 stores" in capsys.readouterr().err


def test_exit_statuses(stores, folder, tmp_path, capsys):
    options = ["-o", str(folder), "-q", "--workers", "0"]
    assert main(["scan", *stores, *options, "--strict"]) == FOUND
    assert main(["scan", *stores[:3], *options, "--strict", "--open-timeout", "60"]) == OK
    assert main(["scan", *options]) == USAGE
    assert main(["scan", str(tmp_path / "nowhere" / "*.h5ad"), *options]) == OK
    assert main(["scan", str(tmp_path / "nowhere" / "*.csv"), *options]) == USAGE
    (tmp_path / "file").write_text("")
    assert main(["scan", *stores, "-o", str(tmp_path / "file" / "scans"), "-q"]) == USAGE
    assert "Not a directory" in capsys.readouterr().err
