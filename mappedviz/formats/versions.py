"""Versions of what reads files, beyond those of Python's packages."""

from __future__ import annotations

__all__ = ["hdf5_version"]


def hdf5_version() -> str:
    """Return the version of the HDF5 library that h5py was built with.

    Examples
    --------
    >>> hdf5_version().count(".")
    2
    """
    import h5py

    return str(h5py.version.hdf5_version)
