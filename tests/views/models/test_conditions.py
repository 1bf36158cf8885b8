"""The condition on obs: typed, refused beside the field, counted."""

import pytest

import mappedviz as mv
from tests.views.looks import node, write


@pytest.fixture
def view(tmp_path):
    paths = [
        write(tmp_path, name, {"k": ["T", "B"] * 5, "n_genes": list(range(10))}) for name in "ab"
    ]
    view = mv.CategoriesView(paths, label="k", workers=0)
    assert view.session.wait()
    yield view
    view.close()


def test_a_condition_is_an_edit_of_the_recipe(view):
    assert node(view, "query")["value"] == ""
    assert node(view, "query_leaves") == {}
    view.event("query", "value", " n_genes > 2 and k == 'T' ")
    assert view.session.recipe.obs_query == "n_genes > 2 and k == 'T'"
    assert view.wait()
    assert node(view, "query_leaves")["text"] == "6 of 20 cells stay, by obs_query."
    view.session.edit(obs_filter={"k": ["B"]})
    assert view.wait()
    assert "0 of 20 cells stay, by obs_filter and obs_query." in node(view, "query_leaves")["text"]
    view.event("query", "value", "")
    assert view.session.recipe.obs_query is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("n_gene > 2", "Did you mean 'n_genes'?"),
        ("n_genes >", "is no expression"),
        ("__import__('os').system('x')", "neither a comparison, a column nor a value"),
    ],
)
def test_what_is_no_condition_changes_nothing_and_says_why(view, text, says):
    recipe = view.session.recipe
    view.event("query", "value", text)
    assert view.session.recipe == recipe
    assert says in node(view, "query_error")["text"]
    assert node(view, "query")["value"] == text
    view.event("query", "value", "n_genes > 2")
    assert view.wait()
    assert node(view, "query_error") == {}


def test_values_that_cannot_be_compared_are_said_beside_it(view):
    view.event("query", "value", "n_genes > 'a'")
    assert view.wait()
    assert view.session.audit.fatal
    assert "does not fit the values" in node(view, "query_error")["text"]
    assert view.session.undo()
    assert view.wait()
    assert node(view, "query_error") == {}


def test_columns_of_an_alias_are_known(tmp_path):
    path = write(tmp_path, "a", {"ct": ["T", "B"] * 5})
    view = mv.CategoriesView([path], label="k", obs_alias={"k": ["ct"]}, workers=0)
    assert view.session.wait()
    view.event("query", "value", "k == 'T'")
    assert view.wait()
    assert node(view, "query_leaves")["text"].startswith("5 of 10 cells stay")
