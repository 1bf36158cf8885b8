"""Rolling up: to the nearest term of a level, and to none if several fit."""

import pytest

from mappedviz.errors import MissingKeyError, RecipeError
from mappedviz.ontology import terms
from mappedviz.ontology.rolling import rolled, targets


def name_of(ids):
    return [terms().of[one].name for one in ids]


def test_the_nearest_term_of_a_level_is_taken():
    level = targets(["leukocyte", "lymphocyte", "T cell", "CL:0000236"])
    assert name_of(rolled(terms().named("CD4-positive, alpha-beta T cell"), level)) == ["T cell"]
    assert name_of(rolled(terms().named("natural killer cell"), level)) == ["lymphocyte"]
    assert name_of(rolled(terms().named("T cell"), level)) == ["T cell"]
    assert rolled(terms().named("neuron"), level) == ()


def test_several_that_fit_are_all_named():
    level = targets(["myeloid cell", "phagocyte"])
    assert sorted(name_of(rolled(terms().named("monocyte"), level))) == [
        "myeloid cell",
        "phagocyte",
    ]


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_depth_is_the_shortest_way_from_the_cell(depth):
    every = terms()
    for one in rolled(every.named("CD14-positive monocyte"), targets(depth)):
        assert one == "CL:0000000" or every.above(one)["CL:0000000"] == depth
    assert name_of(rolled(every.named("T cell"), targets(0))) == ["cell"]


def test_every_term_is_rolled_by_hand_as_well():
    """Against the definition: fitting terms none of which is above another."""
    every, level = terms(), targets("subclass")
    for name in list(every.of)[::40]:
        fits = {one for one in (name, *every.above(name)) if one in level}
        nearest = {one for one in fits if not any(one in every.above(other) for other in fits)}
        assert set(rolled(name, level)) == nearest


@pytest.mark.parametrize(
    ("level", "error", "says"),
    [
        ([], RecipeError, "names no term"),
        (-1, RecipeError, "is -1"),
        (["x"], MissingKeyError, "no term"),
    ],
)
def test_levels_that_are_none_are_refused(level, error, says):
    with pytest.raises(error, match=says):
        targets(level)
