"""Addresses are those that numpy says."""

from __future__ import annotations

import numpy as np
import pytest

from mappedviz.gather.addresses import address

READ_ONLY = np.arange(5)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(np.arange(6.0), id="its own"),
        pytest.param(np.arange(6.0)[2:], id="a view"),
        pytest.param(np.ones((3, 4), np.float16), id="two dimensions"),
        pytest.param(np.zeros(3, bool), id="booleans"),
        pytest.param(READ_ONLY, id="read-only"),
        pytest.param(np.frombuffer(b"abcdefgh", np.int32), id="bytes"),
        pytest.param(np.empty((0, 5)), id="nothing"),
    ],
)
def test_addresses(array):
    assert address(array) == array.ctypes.data
