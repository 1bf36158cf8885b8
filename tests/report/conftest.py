"""Fixtures of the reports."""

from __future__ import annotations

import pytest

from tests.hostile import HOSTILE
from tests.report.pages import CLASSES, a_finding, an_audit


@pytest.fixture(scope="session")
def hostile():
    findings = [
        a_finding("error", f"Label {name!r}, {name}", stores=(name,), remedy=name, code=name)
        for name in HOSTILE
    ]
    return an_audit(HOSTILE, [*HOSTILE, *CLASSES], findings)
