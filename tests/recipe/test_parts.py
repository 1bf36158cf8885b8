"""The parts of a recipe's split, from labels: groups, strata, and what is held out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappedviz import Recipe
from mappedviz.errors import RecipeError
from mappedviz.recipe.labels import Labels
from mappedviz.recipe.parts import parts_by_recipe, shares_of
from mappedviz.recipe.splits import chances_of_rows

N = 240
COLUMNS = {
    "donor": [f"d{i * 7 % 12}" for i in range(N)],
    "day": [i * 7 % 12 % 3 for i in range(N)],
    "site": ["x" if i % 5 else None for i in range(N)],
    "ct": ["TBN"[i % 7 % 3] for i in range(N)],
}


def labels_of(key):
    values = COLUMNS[key]
    kinds = list(dict.fromkeys(values))
    return Labels.merge([(np.array([kinds.index(value) for value in values]), kinds)])


def parts_of(recipe):
    chances = chances_of_rows("a.h5ad", N, recipe.split_seed)
    parts = parts_by_recipe(recipe, N, labels_of, lambda: chances)
    return np.array([recipe.part_names[part] for part in parts])


def rows_with(key, *values):
    return np.array([value in values for value in COLUMNS[key]])


THREE = {"train": 0.6, "validation": 0.25, "test": 0.15}


@given(
    by=st.sampled_from([None, "donor", ("donor", "day"), ("day", "site")]),
    stratify=st.sampled_from([(), ("ct",), ("ct", "site")]),
    parts=st.sampled_from([(), THREE]),
    held=st.sampled_from([{}, {"donor": ["d1"]}, {"test": {"donor": ["d1", "d4"]}}]),
    seed=st.integers(0, 99),
)
def test_what_holds_of_every_split(by, stratify, parts, held, seed):
    recipe = Recipe(
        split_by=by, stratify=stratify, split_parts=parts, holdout=held, split_seed=seed
    )
    if held and by == ("day", "site"):
        with pytest.raises(RecipeError, match="takes some rows of .* groups of 'day'.'site'"):
            parts_of(recipe)
        return
    made = parts_of(recipe)
    assert set(made) == set(recipe.part_names)
    groups = list(zip(*(COLUMNS[key] for key in recipe.split_keys), strict=True))
    for one in set(groups):
        if None not in one:
            assert len(set(made[[group == one for group in groups]])) == 1
    for name, keys in recipe.holdout.items():
        assert ((made == name) == rows_with("donor", *keys["donor"])).all()
    assert sum(shares_of(recipe).values()) == pytest.approx(1)


def test_rows_without_a_group_are_in_the_first_part():
    made = parts_of(Recipe(split_by=("site", "donor"), split_parts=THREE))
    assert set(made[rows_with("site", None)]) == {"train"}
    held = parts_of(Recipe(split_by="site", holdout={"train": {"site": None}}))
    assert set(held[rows_with("site", None)]) == {"train"}
    assert set(held[rows_with("site", "x")]) == {"validation"}


def test_other_parts_share_the_rest_in_proportion():
    made = parts_of(Recipe(split_parts=THREE, holdout={"donor": ["d1", "d2"]}))
    free = ~rows_with("donor", "d1", "d2")
    assert (made[free] == "validation").mean() == pytest.approx(0.25 / 0.85, abs=0.005)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"holdout": {"donor": "D1"}}, r"holdout\['validation'\]\['donor'\]: names \['D1'\].*mean"),
        (
            {"holdout": {"test": {"donor": "d3"}, "validation": {"day": 0}}},
            "names 20 rows that are held out for .* too",
        ),
        ({"split_by": "site"}, "has 1 group with rows, 'x': no two sides"),
        ({"split_by": "day", "split_parts": dict.fromkeys("abcd", 0.25)}, "no 4 parts"),
    ],
)
def test_what_cannot_be_split_is_refused(fields, says):
    with pytest.raises(RecipeError, match=says):
        parts_of(Recipe(**fields))


def test_equal_labels_are_held_out_whatever_their_type():
    one = parts_of(Recipe(holdout={"day": 1}))
    assert one.tolist() == parts_of(Recipe(holdout={"day": [1.0, True]})).tolist()
