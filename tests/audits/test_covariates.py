"""Which encoded keys are measured numbers."""

import numpy as np
import pytest

from mappedviz.audits.covariates import as_numbers
from mappedviz.recipe.recipe import Recipe
from tests.audits import found, made, quiet

N = np.arange(120)


@pytest.mark.parametrize(
    ("values", "is_one"),
    [
        (N / 7, True),
        (np.where(N < 60, np.nan, N / 7), True),
        (N * 1.0, False),
        (N % 2 / 2, False),
        (np.where(N < 5, np.inf, N * 1.0), False),
        ([str(one / 7) for one in N], False),
    ],
)
def test_floats_with_many_fractions_are(tmp_path, values, is_one):
    (path,) = made(tmp_path, [{"n_obs": 120, "obs": {"v": values}}])
    assert bool(found(quiet([path], obs_keys="v"), "label-type")) is is_one
    named = found(quiet([path], obs_keys=["v"], relabel={"v": {0.0: "none"}}), "label-type")
    assert [one.fix for one in named if "encode_labels" in one.code] == []


def test_nothing_is_encoded_where_no_key_is_left():
    assert as_numbers(Recipe(obs_keys="v"), ["v"]) == {"encode_labels": False}
    assert as_numbers(Recipe(obs_keys=["v", "k"], unknown_label="x"), ["v"]) == {
        "encode_labels": ("k",)
    }
