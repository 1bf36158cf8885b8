import numpy as np
import pytest

from mappedviz.errors import RecipeError
from mappedviz.recipe.weights import class_weights, row_weights


def test_weights_follow_their_formulas():
    counts = np.array([100, 4, 0])
    np.testing.assert_allclose(class_weights(counts), [1 / 100, 1 / 4, 0])
    np.testing.assert_allclose(class_weights(counts, "sqrt"), [0.1, 0.5, 0])
    np.testing.assert_allclose(class_weights(counts, "uniform"), [1, 1, 0])
    np.testing.assert_allclose(class_weights(counts, "scaled", 10), [10 / 110, 10 / 14, 0])
    np.testing.assert_allclose(row_weights(np.array([1, -1, 0]), np.array([0.5, 2.0])), [2, 0, 0.5])


@pytest.mark.parametrize(("scheme", "scaler"), [("scaled", None), ("scaled", 0), ("cubic", None)])
def test_weights_that_are_not_defined_are_refused(scheme, scaler):
    with pytest.raises(RecipeError):
        class_weights(np.array([1]), scheme, scaler)
