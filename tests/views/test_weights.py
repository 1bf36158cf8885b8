"""The weights: they become the recipe, and are those of the table."""

import pytest

from tests.views.looks import bar_rows, node, settled


def test_weights_become_the_recipe_when_they_are_used(ui):
    view = ui.weights
    ui.tab = "weights"
    view.event("scheme", "value", "sqrt")
    assert ui.recipe.weights_keys == ()
    view.event("use", "value", True)
    assert (ui.recipe.weights_keys, ui.recipe.weights_scheme) == (("louvain",), "sqrt")
    view.scaler = 500.0
    view.event("grid", "selected", ["scaled"])
    assert (ui.recipe.weights_scheme, ui.recipe.weights_scaler) == ("scaled", 500.0)
    view.event("scaler", "value", 3)  # a slider of exponents
    assert ui.recipe.weights_scaler == 1000
    assert node(ui, "scaler")["text"] == "1,000"
    view.use = False
    assert ui.recipe.weights_keys == ()
    assert ui.recipe.weights_scaler is None
    settled(ui)


def test_weights_are_the_table(ui):
    ui.tab = "weights"
    table = ui.weights.table()
    for row in bar_rows(ui.weights):
        facts = table.loc[row["label"]]
        assert row["values"] == pytest.approx(
            [100 * facts["share_before"], 100 * facts["share_after"]]
        )
    ours = ui.audit.weights("louvain", "inverse")
    assert node(ui, "numbers")["items"][0]["value"] == f"{round(ours.effective_size):,}"
    assert [row["id"] for row in node(ui, "grid")["rows"]] == [
        "uniform",
        "inverse",
        "scaled",
        "sqrt",
    ]
