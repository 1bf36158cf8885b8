"""All checks: each has a case, and a good collection passes all that apply."""

from mappedviz.audits.checks import CHECKS
from tests.audits import ids, made, quiet
from tests.audits.checks.cases import ELSEWHERE, FINDS, GOOD


def test_every_check_has_a_test_that_finds_something():
    assert set(FINDS) | ELSEWHERE == set(CHECKS)
    for one in CHECKS.values():
        assert one.message
        assert one.remedy
        assert "\n" not in one.message


def test_a_good_collection_passes_and_nothing_passes_by_not_applying(tmp_path):
    audit = quiet(made(tmp_path, GOOD), "ct", "b", "donor")
    assert ids(audit) == []
    assert audit.verdict == "This collection can be trained on: nothing was found against it."
    not_asked = {"recipe-keys", "split-groups", "split-unlabelled", "split-share", "split-classes"}
    not_asked |= {"split-refused"}
    not_asked |= {"same-rows", "zero-filling", "join-refused", "store-left-out", "panel-absent"}
    not_asked |= {"panel-spelling", "panel-unknown", "panel-few-stores", "dtype-loses", "dtype-nan"}
    not_asked |= {"dtype-may-lose", "batch-lists", "gene-order", "recipe-matches-nothing"}
    assert {one.id for one in audit.not_applicable} == not_asked
    assert set(audit.passed) | {one.id for one in audit.not_applicable} == set(CHECKS)
    assert audit.split == "split"
    assert repr(audit).startswith("Audit of 3 stores: This collection can be trained on")
