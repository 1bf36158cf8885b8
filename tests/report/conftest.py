"""Fixtures of the reports."""

from __future__ import annotations

import pytest

from mappedviz import MappedCollection
from tests.hostile import HOSTILE
from tests.report.pages import CLASSES, a_finding, an_audit


@pytest.fixture(scope="session")
def interop(repository):
    """The interpreter of the environment with MultiQC and mlcroissant."""
    folder = repository / "build" / "interop"
    if not (folder / ".installed").exists():
        pytest.skip("NO INTEROP: install MultiQC and mlcroissant with scripts/tools.sh interop")
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def hostile():
    findings = [
        a_finding("error", f"Label {name!r}, {name}", stores=(name,), remedy=name, code=name)
        for name in HOSTILE
    ]
    return an_audit(HOSTILE, [*HOSTILE, *CLASSES], findings)


@pytest.fixture(scope="session")
def collection(demo_data):
    return MappedCollection(
        [demo_data / "10x_pbmc68k_reduced.h5ad", demo_data / "pbmc5k_small_cd4_vs_cd8.h5ad"],
        obs_keys="cell_type",
        obs_alias={"cell_type": ["cell_type", "bulk_labels"]},
    )
