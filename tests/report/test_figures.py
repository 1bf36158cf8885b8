"""The figures of a page: which there are, and in which format."""

from __future__ import annotations

from mappedviz import plots
from mappedviz.errors import RecipeError
from mappedviz.report.figures import data_uri, figures_of
from tests.hostile import crossed, weight_table
from tests.report.pages import CLASSES, an_audit


def test_batches_of_the_audit_are_drawn():
    audit = an_audit()
    audit.batch = "donor"
    asked = []

    def crosstab(label, batch):
        asked.append((label, batch))
        return crossed(["d1", "d2"], CLASSES)

    audit.crosstab = crosstab
    figures_of(audit)
    assert asked == [("cell_type", "donor")]

    def refuses(label, batch):
        raise RecipeError("is not there", key=batch, remedy="Name another.")

    audit.crosstab = refuses
    assert len(figures_of(audit)["labels"]) == 1


def test_large_figures_become_png():

    ax = plots.plot_weights(weight_table())
    assert data_uri(ax).startswith("data:image/svg+xml;base64,")
    assert data_uri(ax, most=10).startswith("data:image/png;base64,")
