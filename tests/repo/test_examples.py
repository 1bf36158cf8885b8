"""The first examples that people read run as they are written."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from scripts import readme


@pytest.mark.parametrize(
    "page", ["README.md", "docs/index.md", "docs/quickstart.md", "docs/harmonise.md"]
)
def test_a_quick_start_runs(repository, page, tmp_path, monkeypatch, capsys):
    """All of its Python, from top to bottom, in one namespace, in an empty folder."""
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    names = readme.run(repository / page)
    assert len(names) > 5


def test_the_page_on_audits_runs(repository, tmp_path):
    """In a process of its own: a check that it adds is there for all audits from then on."""
    run = [sys.executable, repository / "scripts" / "readme.py", repository / "docs" / "audit.md"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "audit.json").exists()


def test_the_page_on_harmonising_says_what_comes_of_it(repository, tmp_path, monkeypatch):
    """Each number of its table."""
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    text = (repository / "docs" / "harmonise.md").read_text(encoding="utf-8")
    names = readme.run(repository / "docs" / "harmonise.md")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    said = {row[0]: row[1:] for row in rows}
    audits = [names["before"], names["after"]]
    numbers = {
        "genes that all stores have": [f"{one.coverage.inner:,}" for one in audits],
        "cells": [f"{2236:,}", f"{len(names['ds']):,}"],
        "cells with a label": [f"{one.labels().total.sum():,}" for one in audits],
        "classes in more than one store": [
            str(((one.labels().counts > 0).sum(axis=1) > 1).sum()) for one in audits
        ],
        "findings: fatal, error, warning, info": [
            ", ".join(
                str(sum(finding.severity == severity for finding in one.findings))
                for severity in ("fatal", "error", "warning", "info")
            )
            for one in audits
        ],
    }
    assert {name: said[name] for name in numbers} == numbers
    assert len(names["joined"].labels().classes) == 39
    assert len(names["ds"].get_merged_categories("cell_type")) == 8


def test_the_example_for_those_who_come_from_other_loaders_runs(repository):
    pytest.importorskip("torch")
    from mappedviz.datasets import demo

    script = repository / "examples" / "coming_from" / "with_mappedviz.py"
    paths = [str(demo() / name) for name in ("berlin.h5ad", "boston.zarr")]
    call = [sys.executable, str(script), *paths]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert "torch.float32 torch.int64" in done.stdout


def test_the_example_without_torch_learns(repository, tmp_path):
    """By numpy, or by JAX where it is installed."""
    import mappedviz as mv

    ds = mv.MappedCollection(mv.datasets.demo() / "berlin.h5ad", obs_keys="cell_type")
    ds.recipe.replace(encode_labels=["cell_type"]).save(tmp_path / "recipe.json")
    code = "import runpy, sys; sys.modules['torch'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"
    run = subprocess.run(
        [sys.executable, "-c", code.replace("sys.argv[1]", "sys.argv.pop(1)"),
         str(repository / "examples" / "numpy_or_jax.py"), str(tmp_path / "recipe.json")],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    *_, last = run.stdout.splitlines()
    right = re.search(r"epoch 4: loss ([0-9.]+), validation ([0-9.]+)% right", last)
    assert float(right[1]) < 0.5
    assert float(right[2]) > 90
