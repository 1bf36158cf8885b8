"""The engine judges what was scanned."""

from mappedviz import Recipe
from mappedviz.audits.judge import judge
from mappedviz.audits.workers import scan_stores
from mappedviz.errors import MappedvizError


def test_judging_needs_no_file_but_those_that_came_later(several):
    scans = scan_stores(several[:2], progress=False)
    plan, error = judge(Recipe(paths=several), scans)
    assert error is None
    assert len(plan.stores) == 6
    plan, error = judge(Recipe(paths=["nowhere.h5ad"]), scans)
    assert plan is None
    assert isinstance(error, MappedvizError)
