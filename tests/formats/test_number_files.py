"""Numbers in the smallest type: none is ever another one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappedviz.formats.number_files import NumberFile, smallest_type


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([0, 255], "f4", "u1"),
        ([0, 256], "f4", "u2"),
        ([-1, 5], "f4", "i1"),
        ([0, 70_000], "f4", "f4"),  # not every uint32 is a float32
        ([0, 70_000], "f8", "u4"),
        ([0.0, -0.0], "f4", "f4"),
        ([1, np.nan], "f4", "f4"),
        ([1, np.inf], "f4", "f4"),
        ([0, 2_000], "f2", "f2"),
        ([0, 200], "f2", "u1"),
        ([0, 2**40], "i8", "i8"),
        ([-5, 300], "i8", "i2"),
        ([True, False], "?", "?"),
        ([], "f4", "u1"),
        ([3], "u1", "u1"),
    ],
)
def test_the_smallest_type(values, dtype, expected):
    found = smallest_type(np.array(values, dtype), np.dtype(dtype))
    assert found == np.dtype(expected)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["f4", "f8", "i4", "u8", "?"]),
    st.lists(st.lists(st.sampled_from([0, 1, 200, 300, -7, 66_000, 0.5]), max_size=6), max_size=5),
)
def test_numbers_come_back_as_they_were(tmp_path_factory, dtype, blocks):
    path = str(tmp_path_factory.mktemp("numbers") / "data")
    arrays = [np.array(block).astype(dtype) for block in blocks]
    for narrow in (True, False):
        numbers = NumberFile(path, np.dtype(dtype), narrow=narrow)
        for array in arrays:
            numbers.append(array)
        every = np.concatenate([np.empty(0, dtype), *arrays])
        assert numbers.size == len(every)
        assert numbers.mapped().astype(dtype).tobytes() == every.tobytes()
        assert np.concatenate([numbers.kept.type([]), *numbers.blocks()]).tolist() == every.tolist()
        assert narrow or numbers.kept == np.dtype(dtype)


def test_a_file_that_was_cut_off_is_noticed(tmp_path):
    numbers = NumberFile(str(tmp_path / "data"), np.dtype("i4"), narrow=False)
    numbers.append(np.arange(10))
    (tmp_path / "data").write_bytes(b"1234")
    with pytest.raises(OSError, match="ends before"):
        list(numbers.blocks())
