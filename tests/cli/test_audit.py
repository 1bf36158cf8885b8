"""`mappedviz audit`: what it prints, what it writes, and what it hands to CI."""

from __future__ import annotations

import json

import pytest

from mappedviz import Recipe
from mappedviz.cli import command as cli
from tests.audits import made as made_stores
from tests.report.pages import STORES, a_finding, an_audit


def test_verdict_findings_and_tables_are_printed(made, capsys):
    assert cli.main(["audit", "a.h5ad", "b.zarr", "--label", "cell_type"]) == cli.FOUND
    out, err = capsys.readouterr()
    assert made.paths == ["a.h5ad", "b.zarr"]
    assert made.options["label"] == "cell_type"
    assert made.options["progress"]
    lines = out.splitlines()
    assert lines[0] == "Training would fail."
    assert "fatal [spelling] Two spellings. – a.h5ad" in lines
    assert "  → Relabel one." in lines
    assert "        relabel={}," in lines
    assert "does not apply: leak" in lines
    for heading in ("Shapes", "Genes", "Labels", "Weighted sampling", "Columns of obs"):
        assert heading in lines
    assert all(sum(line.startswith(name) for line in lines) >= 2 for name in STORES)
    assert err == ""


@pytest.mark.parametrize(
    ("worst", "fail_on", "status"),
    [
        ("fatal", None, 1),
        ("error", None, 0),
        ("error", "error", 1),
        ("warning", "error", 0),
        ("warning", "warning", 1),
        ("info", "warning", 0),
        ("fatal", "never", 0),
        (None, "warning", 0),
    ],
)
def test_exit_status_for_ci(made, worst, fail_on, status):
    made.audit.findings = [] if worst is None else [a_finding(worst), a_finding("info")]
    options = [] if fail_on is None else ["--fail-on", fail_on]
    assert cli.main(["audit", "a.h5ad", *options]) == status


def test_files_are_written(made, tmp_path, capsys):
    html, text, folder = tmp_path / "a.html", tmp_path / "a.json", tmp_path / "csv"
    arguments = ["--html", str(html), "--json", str(text), "--csv", str(folder)]
    cli.main(["audit", "a.h5ad", *arguments, "--fail-on", "never"])
    assert html.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert json.loads(text.read_text()) == {"verdict": "Training would fail."}
    assert sorted(path.name for path in folder.iterdir()) == [
        "genes.csv",
        "labels.csv",
        "obs_columns.csv",
        "stores.csv",
        "weights.csv",
    ]
    stores = (folder / "stores.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in stores] == ["store", *STORES]
    err = capsys.readouterr().err
    assert [line.split()[:2] for line in err.splitlines()] == [["mappedviz:", "wrote"]] * 3


def test_csv_without_a_label(made, tmp_path):
    made.audit = an_audit(keyed=False)
    cli.main(["audit", "a.h5ad", "--csv", str(tmp_path)])
    assert not (tmp_path / "labels.csv").exists()


@pytest.mark.parametrize("option", ["--html", "--json"])
def test_a_file_that_cannot_be_written(made, tmp_path, capsys, option):
    assert cli.main(["audit", "a.h5ad", option, str(tmp_path / "no" / "x")]) == cli.USAGE
    assert "No such file" in capsys.readouterr().err


def test_a_recipe_names_the_stores(made, tmp_path):
    path = Recipe(paths=["a.h5ad", "b.h5ad"], join="outer").save(tmp_path / "recipe.json")
    cli.main(
        ["audit", "--recipe", str(path), "--batch", "donor", "--group", "donor", "--deep", "-q"]
    )
    assert made.paths == ["a.h5ad", "b.h5ad"]
    assert made.options["recipe"].join == "outer"
    assert (made.options["batch"], made.options["group"]) == ("donor", "donor")
    assert made.options["deep"]
    assert not made.options["progress"]


def test_files_for_other_tools(tmp_path, capsys):
    (path,) = map(str, made_stores(tmp_path, [{}]))
    multiqc, croissant = tmp_path / "a_mqc.json", tmp_path / "croissant.json"
    command = ["audit", path, "-q", "--multiqc", str(multiqc), "--croissant", str(croissant)]
    assert cli.main(command) == cli.OK
    err = capsys.readouterr().err
    assert f"wrote {multiqc} and {tmp_path / 'a_findings_mqc.json'}" in err
    assert f"wrote {croissant}" in err
    assert json.loads(multiqc.read_text())["data"]["s0.h5ad"]["cells"] == 24
    (file,) = json.loads(croissant.read_text())["distribution"]
    assert len(file["sha256"]) == 64
    assert cli.main([*command, "--no-checksums"]) == cli.OK
    assert "sha256" not in croissant.read_text()
    assert cli.main(["audit", path, "-q", "--multiqc", str(tmp_path / "a.json")]) == cli.USAGE
    assert "ends in '_mqc.json'" in capsys.readouterr().err
