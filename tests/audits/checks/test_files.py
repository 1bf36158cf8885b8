"""Checks of files: layout, schema, origin."""

import numpy as np
import pytest

from mappedviz import Recipe
from mappedviz.audits.checks import CHECKS, files
from mappedviz.audits.reading import scan_store
from tests.audits import quiet, write
from tests.audits.checks.cases import cases_of, finds


@pytest.mark.parametrize("name", cases_of(files))
def test_a_check_finds_what_it_is_for(tmp_path, name):
    finds(tmp_path, name)


def test_layout_speaks_of_large_stores_only(tmp_path, monkeypatch):
    path = write(tmp_path)
    assert "layout" in quiet([path]).passed
    scan = scan_store(path)
    facts = scan.store.facts.matrices
    facts["X"] = type(facts["X"])("csc", (10**6, 30_000), np.dtype("float32"), nnz=10**9)
    from mappedviz.audits.evidence import Evidence

    (finding,) = CHECKS["layout"].run(Evidence([scan], Recipe(paths=[str(path)])))
    assert "cells a second" in finding.message
