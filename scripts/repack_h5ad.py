"""Copy an .h5ad file with its larger data sets gzipped; every value and attribute stays as it is.

This is how `notebooks/data/spectra_breast_immune.h5ad` was made from the 6.9 MB original::

    python scripts/repack_h5ad.py sample_data.h5ad spectra_breast_immune.h5ad
"""

from __future__ import annotations

import sys

import h5py

SMALL = 4096  # bytes; below this a chunk costs more than it saves
CHUNK = 16384  # values of a one-dimensional data set


def copy(source: h5py.Group, target: h5py.Group) -> None:
    """Copy everything below `source` into `target`."""
    copy_attributes(source, target)
    for name, node in source.items():
        if isinstance(node, h5py.Group):
            copy(node, target.create_group(name))
            continue
        options = {}
        if node.ndim and node.id.get_storage_size() > SMALL:
            options = {
                "compression": "gzip",
                "compression_opts": 9,
                "shuffle": node.dtype.kind != "O",
                "chunks": (min(node.shape[0], CHUNK), *node.shape[1:]),
            }
        copied = target.create_dataset(name, data=node[()], dtype=node.dtype, **options)
        copy_attributes(node, copied)


def copy_attributes(source: h5py.HLObject, target: h5py.HLObject) -> None:
    """Copy the attributes with their stored types."""
    for name, value in source.attrs.items():
        target.attrs.create(name, value, dtype=source.attrs.get_id(name).dtype)


if __name__ == "__main__":
    with h5py.File(sys.argv[1], "r") as source, h5py.File(sys.argv[2], "x") as target:
        copy(source, target)
