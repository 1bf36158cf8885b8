"""An audit for MultiQC, read by MultiQC."""

import csv
import json
import os
import re
import subprocess

import pytest

import mappedviz as mv
from mappedviz.errors import RecipeError
from mappedviz.report.multiqc import multiqc_content, write_multiqc
from tests.audits import ALIAS, DEMO, quiet
from tests.report.pages import a_finding, an_audit


@pytest.fixture(scope="module")
def demo(demo_data):
    return quiet([demo_data / name for name in DEMO], "cell_type", obs_alias=ALIAS)


def read_by_multiqc(python, folder):
    """Run MultiQC on a folder: its log, its report, and the table of general statistics."""
    done = subprocess.run(
        [str(python), "-m", "multiqc", ".", "--outdir", "out", "--no-version-check", "--strict"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "MPLBACKEND": "agg", "NO_COLOR": "1", "HOME": str(folder)},
    )
    log = done.stdout + done.stderr
    assert done.returncode == 0, log
    assert "Traceback" not in log
    assert "rror" not in log
    data = folder / "out" / "multiqc_data"
    with (data / "multiqc_general_stats.txt").open(newline="") as file:
        statistics = list(csv.DictReader(file, delimiter="\t"))
    report = (folder / "out" / "multiqc_report.html").read_text(encoding="utf-8")
    tables = (data / "multiqc_mappedviz_findings_table.txt").read_text(encoding="utf-8")
    return log, report, statistics, tables


def test_multiqc_reads_what_is_written(demo, tmp_path, interop):
    written = write_multiqc(demo, tmp_path / "audit_mqc.json")
    assert [path.name for path in written] == ["audit_mqc.json", "audit_findings_mqc.json"]
    log, report, statistics, table = read_by_multiqc(interop, tmp_path)
    assert f"mappedviz: Found {len(DEMO)} General Statistics columns" in log
    cells = {row["Sample"]: row["custom_content_mappedviz-cells"] for row in statistics}
    assert {name: int(float(n)) for name, n in cells.items()} == demo.stores["n_obs"].to_dict()
    assert len(table.splitlines()) == len(demo.findings) + 1
    assert "Findings of the audit" in report
    assert demo.verdict.split(":")[0] in report


def test_names_from_files_are_no_markup(hostile, tmp_path, interop):
    write_multiqc(hostile, tmp_path / "a_mqc.json")
    _, report, statistics, _ = read_by_multiqc(interop, tmp_path)
    assert len(statistics) > 10
    assert "alert(1)" in report
    assert not re.search(r"<script>\s*alert", report)
    assert "<img src=x" not in report
    for path in tmp_path.glob("*_mqc.json"):
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "\u202e" not in text
        assert "\\u001b" not in text


def test_numbers_are_those_of_the_audit(demo):
    statistics, findings = multiqc_content(demo)
    small = statistics["data"]["pbmc5k_small_cd4_vs_cd8.h5ad"]
    assert (small["cells"], small["genes"], small["scale"]) == (500, 2000, "logarithms")
    assert small["shared"] == round(100 * demo.coverage.inner / 2000, 2)
    worse = ("fatal", "error")
    for name, row in statistics["data"].items():
        about = [one for one in demo.findings if name in one.stores]
        assert row["bad"] == sum(one.severity in worse for one in about)
        assert row["warnings"] == sum(one.severity == "warning" for one in about)
        assert set(row) <= set(statistics["headers"])
    assert [row["severity"] for row in findings["data"].values()] == [
        one.severity for one in demo.findings
    ]


def test_stores_that_cannot_be_read_have_findings_only(tmp_path):
    audit = mv.Audit.from_json(quiet([tmp_path / "nothing.h5ad"]).to_json())
    statistics, findings = multiqc_content(audit)
    assert statistics["data"] == {"nothing.h5ad": {"bad": 1, "warnings": 0}}
    assert len(findings["data"]) == len(audit.findings)


def test_no_finding_is_a_row_that_says_so():
    audit = an_audit(findings=[])
    assert multiqc_content(audit)[1]["data"]["none"]["message"] == "Nothing was found."
    audit = an_audit(findings=[a_finding("info"), a_finding("info")])
    assert list(multiqc_content(audit)[1]["data"]) == ["001. spelling", "002. spelling"]


def test_names_that_multiqc_does_not_read_are_refused(tmp_path):
    with pytest.raises(RecipeError, match="ends in '_mqc.json'"):
        write_multiqc(an_audit(), tmp_path / "audit.json")
    with pytest.raises(OSError, match="No such file"):
        write_multiqc(an_audit(), tmp_path / "no" / "a_mqc.json")
    written = write_multiqc(an_audit(), tmp_path / "a_mqc.json")
    assert all(json.loads(path.read_text(encoding="utf-8"))["data"] for path in written)
