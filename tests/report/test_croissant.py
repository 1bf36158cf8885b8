"""Metadata of stores as Croissant, read by mlcroissant."""

import hashlib
import json
import subprocess
from urllib.parse import unquote

import pytest

import mappedviz as mv
from mappedviz.report.croissant import _ids, croissant_content, write_croissant
from tests.audits import ALIAS, DEMO, made, quiet
from tests.hostile import HOSTILE
from tests.report.pages import CLASSES

READ = """
import json, logging, sys
import mlcroissant
data = mlcroissant.Dataset(jsonld=sys.argv[1])
issues = data.metadata.ctx.issues
found = {
    "errors": sorted(issues.errors),
    "warnings": sorted(issues.warnings),
    "conforms": str(data.metadata.ctx.conforms_to.value),
    "files": {one.id: [one.content_url, one.sha256] for one in data.metadata.file_objects},
    "sets": {one.id: one.includes for one in data.metadata.file_sets},
    "records": {one.id: list(data.records(one.id)) for one in data.metadata.record_sets},
}
def plain(value):
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
print(json.dumps(found, default=plain))
"""


def read_by_mlcroissant(python, path):
    """Validate a file and read all of its tables."""
    done = subprocess.run(
        [str(python), "-c", READ, str(path)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["errors"] == []
    assert "not standard" not in done.stderr  # the @context
    return found


@pytest.fixture(scope="module")
def demo(demo_data):
    return quiet([demo_data / name for name in DEMO], "cell_type", obs_alias=ALIAS)


def test_mlcroissant_reads_what_is_written(demo, demo_data, tmp_path, interop):
    path = write_croissant(demo, tmp_path / "demo.croissant.json")
    found = read_by_mlcroissant(interop, path)
    assert found["conforms"].endswith("/croissant/1.0")
    assert set(found["files"]) | set(found["sets"]) == set(DEMO)
    for name, (url, checksum) in found["files"].items():
        assert url == str(demo_data / name)
        assert checksum == hashlib.sha256((demo_data / name).read_bytes()).hexdigest()
    assert list(found["sets"]) == [name for name in DEMO if name.endswith(".zarr")]
    stores = {row["stores/store"]: row["stores/cells"] for row in found["records"]["stores"]}
    assert stores == demo.stores["n_obs"].to_dict()
    labels = found["records"]["labels_cell_type"]
    total = {row["labels_cell_type/label"]: row["labels_cell_type/cells"] for row in labels}
    assert total == demo.labels().total.to_dict()
    assert len(found["records"]["obs_columns"]) == len(demo.obs_schema)
    # What only a person knows is recommended, and nothing else is missing.
    assert all("is recommended" in one for one in found["warnings"])


def test_what_a_person_knows_is_given(demo, tmp_path, interop):
    about = {
        "license": "https://spdx.org/licenses/CC-BY-4.0.html",
        "citeAs": "@misc{a, title={A}}",
        "datePublished": "2026-01-01",
        "version": "1.0.0",
        "url": "https://example.org",
    }
    path = write_croissant(demo, tmp_path / "a.json", name="demo", about=about, checksums=False)
    found = read_by_mlcroissant(interop, path)
    assert found["warnings"] == []
    assert {checksum for _, checksum in found["files"].values()} == {None}
    assert json.loads(path.read_text(encoding="utf-8"))["isLiveDataset"] is True


def test_names_from_files_stay_names(hostile, tmp_path, interop):
    path = write_croissant(hostile, tmp_path / "a.json", name=HOSTILE[0], checksums=False)
    found = read_by_mlcroissant(interop, path)
    readable = int((hostile.stores["status"] == "ok").sum())
    assert len(found["files"]) == readable > 10
    assert len(found["records"]["stores"]) == readable
    assert len(found["records"]["labels_cell_type"]) == len(HOSTILE) + len(CLASSES)


def test_paths_are_relative_to_the_file(tmp_path):
    paths = made(tmp_path, [{}])
    odd = paths[0].rename(tmp_path / "a #1 ü?.h5ad")
    audit = quiet([odd])
    (below,) = croissant_content(audit, tmp_path)["distribution"]
    assert unquote(below["contentUrl"]) == "a #1 ü?.h5ad"
    assert below["contentSize"] == f"{odd.stat().st_size} B"
    assert "#" not in below["contentUrl"]
    (elsewhere,) = croissant_content(audit, tmp_path / "other", checksums=False)["distribution"]
    assert unquote(elsewhere["contentUrl"]) == str(odd)
    assert "sha256" not in elsewhere


def test_identifiers_are_told_apart():
    names = ["a b", "a_b", "a_b_1", "stores", "labels_ct", "ü", "中"]
    assert len(set(_ids(names, "store"))) == len(names)
    assert not {"stores", "labels_ct"} & set(_ids(names, "store"))


def test_a_folder_of_chunks_is_a_set_of_files(tmp_path):
    from tests.audits import write

    write(tmp_path, "a[1]", "zarr-v3")
    audit = quiet([tmp_path])
    (one,) = croissant_content(audit, tmp_path)["distribution"]
    assert (one["@type"], one["includes"]) == ("cr:FileSet", "a[[]1].zarr/**")
    assert "sha256" not in one


def test_stores_that_cannot_be_read_are_left_out(tmp_path):
    content = croissant_content(quiet([tmp_path / "nothing.h5ad"], "ct"), tmp_path)
    assert content["distribution"] == []
    assert content["recordSet"] == []


def test_an_audit_from_json_is_enough(tmp_path):
    audit = quiet(made(tmp_path, [{"obs": {"ct": ["T", "B"] * 12}}]), "ct")
    again = mv.Audit.from_json(audit.to_json())
    assert croissant_content(again, tmp_path) == croissant_content(audit, tmp_path)


def test_a_store_that_is_gone(tmp_path):
    (path,) = made(tmp_path, [{}])
    audit = quiet([path])
    path.unlink()
    with pytest.raises(OSError, match="No such file"):
        write_croissant(audit, tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()
