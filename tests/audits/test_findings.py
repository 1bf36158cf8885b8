"""Findings and their fixes; a check that fails is no pass."""

from mappedviz.audits.checks import CHECKS
from mappedviz.audits.findings import Found, NotApplicable, check
from tests.audits import quiet, write


def test_a_check_that_fails_is_no_pass_and_stops_nothing(monkeypatch, tmp_path):
    def look(e):
        """Never {said}."""
        raise ZeroDivisionError("by zero")
        yield Found({})

    monkeypatch.setitem(CHECKS, "odd", None)
    check("odd", "info", "Nothing.")(look)
    audit = quiet([write(tmp_path)])
    assert NotApplicable("odd", "could not be made: by zero") in audit.not_applicable
    monkeypatch.delitem(CHECKS, "odd")
