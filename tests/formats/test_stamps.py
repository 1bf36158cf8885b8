import os
from pathlib import Path

from mappedviz.formats.stamps import Stamp


def test_a_stamp_is_that_of_a_path_and_of_its_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    stamp = Stamp.of(path)
    assert stamp.size == 5
    assert stamp.etag == ""
    with path.open("rb") as file:
        assert Stamp.of(file.fileno()) == stamp
    os.utime(path, ns=(1, 1))
    assert Stamp.of(path) != stamp
    assert stamp._replace(etag='"a"') != stamp._replace(etag='"b"')
