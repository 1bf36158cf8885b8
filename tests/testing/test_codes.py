"""Codes: exact, never zero, decoded to the place that they were made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.testing import (
    EMPTY_ROW_EVERY,
    FOLDS,
    LAYOUTS,
    coded_pattern,
    decode,
    encode,
    fold,
)


@st.composite
def places(draw):
    """A dtype and a place that its codes can name."""
    name = draw(st.sampled_from(sorted(LAYOUTS)))
    limits = LAYOUTS[name]
    numbers = [draw(st.integers(0, n - 1)) for n in (limits.stores, limits.rows, limits.genes)]
    return name, *numbers


@given(places())
def test_a_code_decodes_to_its_place(place):
    name, store, row, gene = place
    assert decode(encode(store, row, gene, name)) == (store, row, gene)


@given(places())
def test_a_code_survives_float64_and_the_other_byte_order(place):
    name, store, row, gene = place
    code = encode(store, row, gene, np.dtype(name).newbyteorder(">"))
    assert decode(code.astype("float64"), name) == (store, row, gene)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_the_largest_code_is_exact_and_one_more_is_refused(name):
    limits = LAYOUTS[name]
    last = (limits.stores - 1, limits.rows - 1, limits.genes - 1)
    code = encode(*last, name)
    assert int(code) == sum(
        a * b
        for a, b in zip(
            (limits.stores, limits.rows - 1, limits.genes - 1),
            (limits.store_unit, limits.row_unit, 1),
            strict=True,
        )
    )
    for part in range(3):
        beyond = [number + (position == part) for position, number in enumerate(last)]
        with pytest.raises(ValueError, match="tell"):
            encode(*beyond, name)


@given(st.sampled_from(sorted(FOLDS)), st.integers(0, 14), st.integers(0, 900), st.integers(0, 900))
def test_small_codes_differ_from_their_neighbours_and_are_never_zero(name, store, row, gene):
    near = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0)]
    codes = {int(encode(store + s, row + r, gene + g, name)) for s, r, g in near}
    assert len(codes) == len(near)
    assert 0 not in codes
    assert max(codes) <= FOLDS[name]


@given(st.sampled_from(sorted(FOLDS)), st.integers(0, 14), st.integers(0, 999), st.integers(0, 999))
def test_a_folded_float32_code_is_the_small_code(name, store, row, gene):
    assert fold(encode(store, row, gene), name) == encode(store, row, gene, name)


def test_folding_keeps_what_fits():
    np.testing.assert_array_equal(
        fold(np.array([0.0, 1.5, -2.0]), "float16"),
        np.array([0, 1.5, -2], dtype="float16"),
        strict=True,
    )
    assert fold(np.array([0.0, 1e6]), "int8")[0] == 0


@pytest.mark.parametrize("value", [5.0, 1.5, 17e6, -1e6])
def test_a_number_that_is_no_code_is_not_decoded(value):
    with pytest.raises(ValueError, match="no float32 code"):
        decode(np.float32(value))


def test_a_zero_has_no_place():
    assert decode(0) == (-1, -1, -1)
    assert [part.tolist() for part in decode(np.array([0.0, 1e12]))] == [[-1, 0]] + [[-1, 0]] * 2


def test_small_codes_are_not_decoded():
    with pytest.raises(ValueError, match="float16 has no codes"):
        decode(np.float16(3))


@given(st.integers(0, 9), st.integers(0, 40), st.integers(0, 40), st.floats(0, 0.99))
def test_the_pattern_of_a_row_depends_on_its_place_only(store, n_obs, n_vars, density):
    large = coded_pattern(store, 50, 50, density)
    np.testing.assert_array_equal(
        coded_pattern(store, n_obs, n_vars, density), large[:n_obs, :n_vars]
    )
    assert not large[EMPTY_ROW_EVERY - 1].any()


def test_density_is_about_what_was_asked_for():
    assert 0.25 < coded_pattern(0, 300, 300, 0.3).mean() < 0.3
    assert coded_pattern(0, 30, 30, 1).all()
    assert (coded_pattern(0, 300, 300, 0.3) != coded_pattern(1, 300, 300, 0.3)).mean() > 0.3
