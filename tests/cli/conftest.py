"""Calls of `mappedviz.audit`, without stores."""

import json
from types import SimpleNamespace

import pytest

from mappedviz.report import write_html
from tests.report.pages import an_audit


@pytest.fixture
def made(monkeypatch):
    """Calls of `mappedviz.audit`; what it returns can be exchanged."""
    calls = SimpleNamespace(paths=None, options=None, audit=an_audit(), after=[], error=None)

    def audit(paths, **options):
        calls.paths, calls.options = list(paths), options
        if calls.error:
            raise calls.error
        one = calls.audit
        if options["recipe"] is not None and options["recipe"].strip_version:  # fixed
            return SimpleNamespace(findings=calls.after)
        one.to_html = lambda path: write_html(one, path, figures={})
        one.to_json = lambda: json.dumps({"verdict": one.verdict})
        one.recipe_with = lambda fixes: one.recipe.replace(strip_version=bool(fixes))
        return one

    monkeypatch.setattr("mappedviz.audits.audit", audit)
    return calls
