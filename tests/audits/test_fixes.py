"""What findings come to. `test_result` has more, on audits."""

import pytest

from mappedviz.audits.findings import Finding
from mappedviz.audits.fixes import loses_nothing, recipe_with, verdict_of
from mappedviz.errors import RecipeError
from mappedviz.recipe.recipe import Recipe


@pytest.mark.parametrize(
    ("severities", "verdict"),
    [
        ([], "This collection can be trained on: nothing was found against it."),
        (["info"], "This collection can be trained on: nothing was found against it."),
        (["warning"] * 2, "This collection can be trained on, with care: 2 warnings."),
        (["error", "warning"], "can be read, but do not train on it yet: 1 error, 1 warning."),
        (["fatal"] * 2, "cannot be read as asked: Broken. (and 1 more)"),
    ],
)
def test_the_verdict_is_that_of_the_worst(severities, verdict):
    assert verdict_of([Finding("a", one, "Broken.") for one in severities]).endswith(verdict)


def test_changes_add_up():
    recipe = Recipe(paths=["a", "b", "c"])
    findings = [
        Finding("x", "error", "", fix=recipe.replace(strip_version=True)),
        Finding("y", "error", "", fix=recipe.replace(paths=["a", "c"])),
    ]
    both = recipe_with(["x", "y"], findings, recipe, recipe.paths)
    assert both == Recipe(paths=["a", "c"], strip_version=True)
    with pytest.raises(RecipeError, match="no finding 'z'"):
        recipe_with("z", findings, recipe, recipe.paths)


@pytest.mark.parametrize(
    ("change", "safe"),
    [
        ({"relabel": {"k": {"a": "b"}}}, True),
        ({"relabel": {"k": {"a": "b", "unknown": None}}}, False),
        ({"relabel": {"k": {"store.h5ad": {"a": None}}}}, False),
        ({"relabel": {"k": (("a", "b"),)}}, True),
        ({"relabel": {"k": {"a": "b"}}, "drop": ["x"]}, False),
        ({"obs_alias": {"k": "other"}}, True),
        ({"duplicates": "sum", "strip_version": True}, True),
        ({"duplicates": "first"}, False),
        ({"var_names": {"cd4": "CD4"}}, True),
        ({"var_names": {"nowhere": None}}, False),
        ({"var_names": ("CD4",)}, False),
        ({"min_stores": 2}, False),
        ({"var_key": "id", "strip_version": True}, False),
        ({"obs_filter": {}}, False),
        ({}, False),
    ],
)
def test_changes_that_lose_nothing(change, safe):
    assert loses_nothing(Recipe(paths=["x", "y"]), change) is safe


def test_a_type_is_safe_where_it_is_wider_than_what_was_asked_for():
    assert loses_nothing(Recipe(paths=["x"], dtype="float16"), {"dtype": "float32"})
    assert not loses_nothing(Recipe(paths=["x"]), {"dtype": "float32"})
