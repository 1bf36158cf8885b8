"""File names of copies: safe, and none of them twice."""

import pytest

from mappedviz.copies.names import names_of_copies
from tests.hostile import HOSTILE


def test_no_name_is_there_twice():
    addresses = ["/a/x.h5ad", "/b/X.zarr", "/c/x.zarr.zip", "/c/x-2.h5ad", "s3://b/x.h5ad"]
    found = names_of_copies(addresses, ".zarr")
    assert found == ["x.zarr", "X-2.zarr", "x-3.zarr", "x-2-2.zarr", "x-4.zarr"]


def test_names_that_are_one_where_letters_are_put_together():
    first, second = names_of_copies(["/a/\u00e9.h5ad", "/b/e\u0301.h5ad"], ".zarr")
    assert (first, second) == ("\u00e9.zarr", "e\u0301-2.zarr")


def test_thousands_of_one_name():
    found = names_of_copies([f"/{i}/matrix.h5ad" for i in range(20_000)], ".zarr")
    assert len(set(found)) == 20_000
    assert found[-1] == "matrix-20000.zarr"


@pytest.mark.parametrize("name", [*HOSTILE, "..", "-rf", "~root", ".", "a. ", "/"])
def test_hostile_names(name, tmp_path):
    [found] = names_of_copies([f"/data/{name}.h5ad".replace("\0", "")], ".zarr")
    assert found.endswith(".zarr")
    assert len(found.encode()) < 255
    assert found[0] not in ".-~"
    (tmp_path / found).mkdir()
    assert [each.name for each in tmp_path.iterdir()] == [found]
