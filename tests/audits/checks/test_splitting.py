"""Checks of splitting: groups, share, classes on both sides."""

import numpy as np
import pytest

import mappedviz as mv
from mappedviz.audits.checks import splitting
from tests.audits import found, ids, made, quiet
from tests.audits.checks.cases import GOOD, cases_of, finds


@pytest.mark.parametrize("name", cases_of(splitting))
def test_a_check_finds_what_it_is_for(tmp_path, name):
    finds(tmp_path, name)


def test_a_good_split_passes(tmp_path):
    """The recipe splits by what must not be on both sides: columns called "split" mean nothing then."""
    leaking = [
        {**one, "obs": {**one["obs"], "split": ["train", "test"] * 60}, "store": i}
        for i, one in enumerate(GOOD)
    ]
    paths = made(tmp_path, leaking)
    before = quiet(paths, "ct", "b", "donor")
    (finding,) = found(before, "group-leak")
    assert finding.number == 6
    assert finding.code == "recipe = recipe.replace(split_by='donor')"
    recipe = finding.fix.replace(weights_keys="ct", split_fraction=1 / 3)
    for group in (None, "donor"):
        audit = quiet(None, "ct", "b", group, recipe=recipe)
        assert ids(audit) == []
        assert audit.group == "donor"
        assert {"group-leak", "group-in-stores", "recipe-keys", "split-groups", "split-share",
                "split-unlabelled", "split-classes"} <= set(audit.passed)  # fmt: skip
    again = mv.Audit.from_json(audit.to_json())
    assert again.recipe == recipe


def test_groups_that_a_split_by_another_key_has_on_both_sides(tmp_path):
    samples = np.repeat(["s1", "s2", "s3", "s4"], 6)
    donors = np.repeat(["d1", "d2", "d2", "d2"], 6)
    paths = made(tmp_path, [{"obs": {"sample": samples, "donor": donors}}])
    request = {"split_by": "sample", "split_fraction": 0.3}
    (finding,) = found(quiet(paths, group="donor", **request), "group-leak")
    assert "1 of 2 groups ('donor')" in finding.message
    assert "the split by 'sample'" in finding.message
    audit = quiet(None, group="donor", recipe=finding.fix)
    assert "group-leak" in audit.passed
    train, validation = audit.collection().split()
    assert {len(train), len(validation)} == {6, 18}
