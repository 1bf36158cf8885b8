"""The thresholds of the checks: named, bounded, and used."""

from dataclasses import fields

import pytest

import mappedviz as mv
from mappedviz.audits import Thresholds
from mappedviz.audits.checks import CHECKS
from mappedviz.errors import RecipeError, RecipeTypeError
from tests.audits import counts, ensembl, ids, made, quiet, symbols


@pytest.mark.parametrize("one", fields(Thresholds), ids=lambda one: one.name)
def test_each_is_of_a_check_and_within_its_bounds(one):
    assert one.metadata["check"] in CHECKS
    for wrong in (one.metadata["low"] - 1, float("nan"), one.metadata["high"] + 1):
        with pytest.raises(RecipeError, match=one.name):
            Thresholds(**{one.name: wrong})
    with pytest.raises(RecipeTypeError, match=one.name):
        Thresholds(**{one.name: "many"})
    assert Thresholds(**{one.name: one.metadata["low"]}).changed() in (
        {one.name: one.metadata["low"]},
        {},
    )


def test_the_default_changes_nothing():
    assert Thresholds().changed() == {}
    assert {name: default for name, default, _ in Thresholds.described()} == vars(Thresholds())


NAMES = [f"cell{i}" for i in range(24)]
GENES = [f"SYM{i}" for i in range(40)]
NK = {"ct": ["T"] * 20 + ["NK"] * 4}
#: Threshold -> stores, what is asked, a strict value, and a lenient one.
CASES = {
    "rare_class_cells": ([{"obs": NK}], {"label": "ct"}, 5, 4),
    "least_effective_share": ([{"obs": NK}], {"label": "ct"}, 0.99, 0),
    "most_repeats": ([{"obs": NK}], {"label": "ct"}, 1, 1e6),
    "most_confounding": (
        [{"obs": {"ct": ["A"] * 24}}, {"obs": {"ct": ["B"] * 24}}], {"label": "ct"}, 0.5, 1),
    "most_same_cells": ([{"obs_names": NAMES}, {"obs_names": NAMES}], {}, 0.5, 1),
    "least_inner_share": (
        [{"genes": symbols()}, {"genes": [*symbols()[:8], *ensembl()[8:]]}], {}, 0.9, 0.1),
    "most_gain_without": (
        [{"genes": GENES}, {"genes": GENES}, {"genes": GENES[:20]}], {}, 0.5, 9),
    "most_zero_filled": (
        [{"genes": symbols()}, {"genes": ["SYM0", "B"]}], {"join": "outer"}, 0, 1),
    "most_gain_by_case": (
        [{"genes": ["Abc", "XYZ"]}, {"genes": ["ABC", "XYZ"]}], {}, 1, 3),
    "least_of_panel": (
        [{"genes": symbols()}, {"genes": ["SYM0", "B"]}], {"var_names": symbols()}, 0.5, 0.01),
    "least_stores_of_gene": (
        [{"genes": symbols()}, {"genes": ["SYM0", "B"]}], {"var_names": symbols()}, 1, 0.1),
    "most_depth_ratio": ([{"X": counts(40)}, {"X": counts(20)}], {}, 1.1, 5),
    "most_empty_cells": ([{}], {}, 0, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_check_asks_for_it(tmp_path, name):
    stores, asked, strict, lenient = CASES[name]
    check = next(one for one in fields(Thresholds) if one.name == name).metadata["check"]
    audit = quiet(made(tmp_path, stores), **asked)
    others = {
        "most_repeats": {"least_effective_share": 0},
        "least_effective_share": {"most_repeats": 1e9},
    }

    def found(value):
        expected = mv.Expectations(thresholds={**others.get(name, {}), name: value})
        return check in ids(audit.check(expected))

    assert (found(strict), found(lenient)) == (True, False)
