"""HDF5 groups: links, handles and files that something else writes."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from mappedviz.errors import ElementError, StoreError
from mappedviz.formats.detect import open_root
from tests.formats.walking import (
    KINDS,
)


def test_links_of_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = [1]
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["x"] = [1, 2]
        file["g/soft"] = h5py.SoftLink("/x")
        file["g/dangling"] = h5py.SoftLink("/nowhere")
        file["g/loop"] = h5py.SoftLink("/g/loop")
        file["g/external"] = h5py.ExternalLink("other.h5", "/secret")
        file["g/indirect"] = h5py.SoftLink("/g/external")
        file["g/self"] = file["g"]
        file["g/type"] = np.dtype("f4")
        file["g/time"] = np.array([1], dtype=h5py.opaque_dtype(np.dtype("M8[s]")))
    with open_root(tmp_path / "a.h5ad") as root:
        group = root["g"]
        assert group["soft"].read().tolist() == [1, 2]
        assert group["self/self/self/soft"].read().tolist() == [1, 2]
        assert "dangling" in group
        for name, what in (
            ("dangling", "link to '/nowhere', which is not there"),
            ("loop", "link"),
            ("external", "link to '/secret' in another file, 'other.h5'"),
            ("indirect", "another file"),
            ("type", "neither a group nor a data set"),
        ):
            assert name in group.keys()  # noqa: SIM118
            with pytest.raises(ElementError, match=what) as error:
                group[name]
            assert f"g/{name}" in str(error.value)
            assert "Write the store again" in str(error.value)


def test_a_file_that_is_being_written_is_named(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "a.h5ad"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with path.open("r+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as HDF5 does for writers
        with pytest.raises(StoreError, match="open for writing elsewhere"), open_root(path):
            pass


def test_the_handle_is_closed_whatever_happens(written: dict[str, Path]) -> None:
    proc = Path("/proc/self/fd")
    if not proc.exists():
        pytest.skip("no /proc here")

    def fail(path: Path) -> None:
        with open_root(path) as root:
            root["obs/n_counts"].read()
            root["X/data"].chunked()
            raise ZeroDivisionError

    for kind in KINDS:
        before = len(list(proc.iterdir()))
        with pytest.raises(ZeroDivisionError):
            fail(written[kind])
        assert len(list(proc.iterdir())) == before
