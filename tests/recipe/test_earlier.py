"""Splits that were made by the first rule are made again."""

import numpy as np

from mappedviz.recipe.earlier import first_rule
from mappedviz.recipe.splits import split_groups

EXPECTED = {0: [0, 6, 7], 1: [1, 2, 4, 6, 7], 2: [0, 1, 2], 3: [3, 6]}
EXPECTED_OF_FLOATS = [1, 2, 5, 7]


def test_the_first_rule_makes_the_rows_of_its_time():
    """These are what it made when it was the only one."""
    sizes = [31, 5, 17, 40, 8, 22, 13, 9, 27, 3]
    codes = np.repeat(np.arange(10), sizes)
    names = [f"donor {i}" for i in range(10)]
    made = {
        seed: np.flatnonzero(split_groups(codes, names, 0.3, seed, rule=1)).tolist()
        for seed in range(4)
    }
    assert made == EXPECTED
    numbers = np.flatnonzero(split_groups(codes, np.arange(10.0).tolist(), 0.3, 0, rule=1)).tolist()
    assert numbers == EXPECTED_OF_FLOATS


def test_strata_count():
    counts = np.array([[4, 0], [0, 4], [4, 0], [0, 4]])
    chosen = first_rule([counts.sum(axis=1, keepdims=True), counts], 0.5)
    assert counts[chosen].sum(axis=0).tolist() == [4, 4]
