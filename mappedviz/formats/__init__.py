"""Files as they are on disk: groups, arrays, chunks, codecs and AnnData's encodings.

HDF5, zarr and numcodecs are at home here and nowhere above; it may import errors, types and the
compiled library. A new store kind is a module with one line in `registry`, a new codec goes to
`codecs`, a new encoding to the module of its element: `columns`, `frames`, `matrices` or `obsm`.
"""
