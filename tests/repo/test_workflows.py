"""The workflows of examples/workflows: their commands make the audit of the stores, whoever runs them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mappedviz as mv
from tests.audits import write

LABEL = "cell_type"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for i in range(2):
        write(folder, f"s{i}", store=i)
    return folder


@pytest.fixture(scope="module")
def expected(data):
    paths = sorted(map(str, data.iterdir()))
    return json.loads(mv.audit(paths, LABEL, progress=False, workers=0).to_json())


@pytest.fixture(scope="module")
def environment(tmp_path_factory, repository):
    """One in which `mappedviz` is the command of this checkout."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "mappedviz"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mappedviz.cli "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join([str(folder), os.environ.get("PATH", "")])
    here = os.pathsep.join(filter(None, [str(repository), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PATH": path, "PYTHONPATH": here}


def run(command, folder, environment):
    done = subprocess.run(
        command, cwd=folder, env=environment, shell=isinstance(command, str),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def audited(folder):
    return json.loads((folder / "audit.json").read_text())


def test_commands_of_snakemake(data, expected, environment, repository, tmp_path):
    text = (repository / "examples/workflows/Snakefile").read_text()
    found = re.findall(r"shell:\n((?:\s+(?:#.*|\".*\")\n?)+)", text)
    scan, audit = ("".join(re.findall(r'^\s+"(.*)"', one, re.MULTILINE)) for one in found)
    for store in data.iterdir():
        given = {"{input:q}": store, "{output:q}": f"scans/{store.name}.scan"}
        (tmp_path / "scans").mkdir(exist_ok=True)  # as Snakemake does
        run(filled(scan, given), tmp_path, environment)
    run(
        filled(
            audit,
            {
                "{params.label:q}": LABEL,
                "{output.html:q}": "audit.html",
                "{output.json:q}": "audit.json",
            },
        ),
        tmp_path,
        environment,
    )
    assert audited(tmp_path) == expected
    assert (tmp_path / "audit.html").exists()


def test_commands_of_nextflow(data, expected, environment, repository, tmp_path):
    text = (repository / "examples/workflows/main.nf").read_text()
    scan, audit = re.findall(r'script:\s+"""\n(.*?)"""', text, re.DOTALL)
    (tmp_path / "scans").mkdir()
    for i, store in enumerate(data.iterdir()):
        work = tmp_path / f"work{i}"
        work.mkdir()
        run(filled(scan, {"${store}": store}), work, environment)
        (made,) = work.glob("*.scan")
        (tmp_path / "scans" / made.name).symlink_to(made)  # as Nextflow stages it
    run(filled(audit, {"${params.label}": LABEL}), tmp_path, environment)
    assert audited(tmp_path) == expected


def filled(command, given):
    for name, value in given.items():
        assert name in command
        command = command.replace(name, str(value))
    assert "{" not in command
    return command


def test_nextflow_runs_it(data, expected, environment, repository, tmp_path):
    tool = shutil.which("nextflow")
    if tool is None:
        pytest.skip("Nextflow is not installed; it is in no package index of Python")
    script = str(repository / "examples/workflows/main.nf")
    run([tool, "run", script, "--data", str(data), "--label", LABEL], tmp_path, environment)
    assert audited(tmp_path) == expected


def test_snakemake_runs_it(data, expected, environment, repository, tmp_path):
    tool = repository / "build/snakemake/bin/snakemake"
    if not tool.exists():
        pytest.skip("Snakemake is not installed (scripts/tools.sh snakemake)")
    python = Path(tool.parent, "python")
    command = [python, tool, "-s", repository / "examples/workflows/Snakefile", "--cores", "2"]
    command = [*map(str, command), "--config", f"data={data}", f"label={LABEL}"]
    run(command, tmp_path, environment)
    assert audited(tmp_path) == expected
    store = next(data.iterdir())
    content, times = store.read_bytes(), store.stat()
    try:
        with store.open("ab") as file:
            file.write(b"more")
        done = subprocess.run(
            [*command, "--dry-run"], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
    finally:  # other tests read it, too
        store.write_bytes(content)
        os.utime(store, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert re.search(r"^scan\s+1$", done.stdout, re.MULTILINE), done.stdout
