"""Versions of what reads files."""

import h5py

from mappedviz.formats.versions import hdf5_version


def test_the_version_of_hdf5():
    numbers = tuple(int(part) for part in hdf5_version().split("."))
    assert numbers == h5py.version.hdf5_version_tuple
