"""All checks of some evidence."""

import threading

import mappedviz as mv
from mappedviz.audits.checking import checked
from mappedviz.audits.checks import CHECKS
from tests.audits import made, quiet


def test_every_check_has_one_outcome(tmp_path):
    evidence = quiet(made(tmp_path, [{}, {}]))._evidence("test")
    findings, not_applicable, passed = checked(evidence)
    outcomes = {finding.id for finding in findings}, {one.id for one in not_applicable}, set(passed)
    assert set.union(*outcomes) == set(CHECKS)
    assert sum(map(len, outcomes)) == len(CHECKS)


def test_expectations_are_judged_beside_them(tmp_path):
    evidence = quiet(made(tmp_path, [{}]))._evidence("test")
    expected = mv.Expectations(stores={"least": 1}, obs={"nowhere": {}})
    findings, _, passed = checked(evidence, expected)
    assert "expected-stores" in passed
    assert "expected-column" in {finding.id for finding in findings}


def test_what_is_cancelled_is_not_made(tmp_path):
    cancel = threading.Event()
    cancel.set()
    assert checked(quiet(made(tmp_path, [{}]))._evidence("test"), None, cancel) == ([], [], [])
