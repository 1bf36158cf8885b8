"""How large a copy is going to be."""

import pytest

import mappedviz as mv
from mappedviz.copies.space import check_space, expected_bytes
from mappedviz.errors import NoSpaceError
from tests.copies import counts


@pytest.mark.parametrize("kind", ["zarr", "h5ad"])
def test_it_is_about_what_is_expected(tmp_path, kind):
    path = counts(tmp_path, "a.h5ad", 5_000)
    expected = expected_bytes([mv.open_store(path)], None, narrow=kind == "zarr")[path]
    copy = mv.optimize(path, tmp_path / "out", format=kind, progress=False)
    assert 0.6 * copy.nbytes < expected < 2 * copy.nbytes


def test_room(tmp_path):
    check_space(str(tmp_path), 1)
    with pytest.raises(NoSpaceError, match="another disk"):
        check_space(str(tmp_path), 1 << 60)
