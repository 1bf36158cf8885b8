"""Files as they are on disk: groups, arrays, chunks, codecs and AnnData's encodings.

HDF5, zarr and numcodecs are at home here and nowhere above; it may import errors, types and the
compiled library. A new kind of store is a module with one line in the registry, a new on-disk
encoding a function in `elements`.
"""
