"""The change between two recipes in words."""

from mappedviz import Recipe
from mappedviz.views.models.history import State, body, change_words, recipes


def test_changes_are_short_where_paths_are_many():
    many = Recipe(paths=[f"{i}.h5ad" for i in range(1000)])
    assert change_words(many, many.replace(paths=many.paths[:990])) == "990 of 1,000 paths"
    assert change_words(many.replace(paths=many.paths[:1]), many) == "1,000 paths"
    assert change_words(many, many) == ""


def test_rows_have_ids_whatever_the_names():
    steps = tuple(Recipe(paths=[str(i)]) for i in range(3))
    names = ["h0", "x" * 300, "\u202e", "n0", ""]
    state = State(steps, 1, dict.fromkeys(names, steps[0]), {})
    assert len(recipes(state)) == 3 + len(names)
    assert len(body(state)[0]["rows"]) == 3 + len(names)
