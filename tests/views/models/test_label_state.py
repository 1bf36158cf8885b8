"""The scale is one of three."""

from mappedviz import Recipe
from mappedviz.views.models.label_state import State


def test_the_scale():
    assert State(Recipe()).scale == "cells"
    assert State(Recipe(), shares=True).scale == "shares"
    assert State(Recipe(), logarithmic=True).scale == "logarithm"
