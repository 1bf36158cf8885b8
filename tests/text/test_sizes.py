"""Sizes as people write them."""

import pytest

from mappedviz.text.sizes import bytes_of


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [("0B", 0), ("2GB", 2e9), (" 1.5 kB ", 1500), (".5MiB", 5e5), ("3tb", 3e12), ("7.B", 7)],
)
def test_sizes(text, nbytes):
    assert bytes_of(text) == nbytes


@pytest.mark.parametrize("text", ["", "2", "many", "1..5GB", "-1GB", "1e9B", ".B", "2GBs"])
def test_what_is_none(text):
    assert bytes_of(text) is None
