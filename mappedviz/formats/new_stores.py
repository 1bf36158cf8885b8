"""New stores: matrices out of spools, and everything else by anndata's own writers.

Matrices are written in the layout that is read fastest at random: uncompressed, one file per array
(zarr) or one stretch of the file (h5ad), in the smallest types that hold their numbers. In zarr
the filter ``astype`` gives them their own types again for whoever reads the store.
"""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import ElementError
from mappedviz.formats.number_files import NumberFile
from mappedviz.formats.spools import CsrSpool, Spool

__all__ = ["NewStore", "StoreFormat", "new_store"]

StoreFormat: TypeAlias = Literal["zarr", "h5ad"]

_ARRAY = {"encoding-type": "array", "encoding-version": "0.2.0"}
_VALUES_AT_A_TIME = 4_000_000
_DICT = {"encoding-type": "dict", "encoding-version": "0.1.0"}


class NewStore:
    """A store that is being written.

    Parameters
    ----------
    path
        Where it is made.
    root
        Its open root group, of h5py or zarr.
    source
        What errors name: the store that it is a copy of.
    """

    def __init__(self, path: str, root: Any, source: str) -> None:
        self.path = path
        self.root = root
        self.source = source

    def put(self, key: str, element: Any) -> None:
        """Write an element as anndata does."""
        from anndata import settings  # type: ignore[import-untyped]
        from anndata.io import write_elem  # type: ignore[import-untyped]

        group, _, name = key.rpartition("/")
        with settings.override(allow_write_nullable_strings=True), warnings.catch_warnings():
            # Names that were there before: whether they are good ones is not ours to say.
            warnings.simplefilter("ignore")
            try:
                write_elem(self.root[group] if group else self.root, name, element)
            except OSError:  # of the disk
                raise
            except Exception as error:  # anndata and what it calls raise all kinds
                raise ElementError(
                    f"cannot be written by anndata ({type(error).__name__}: {error})",
                    store=self.source,
                    key=key,
                    remedy="Change the element in the store, or give a recipe that leaves it out.",
                ) from error

    def put_group(self, key: str, kind: str = "dict") -> None:
        """Make an empty group."""
        self.root.create_group(key).attrs.update({**_DICT, "encoding-type": kind})

    def put_matrix(self, key: str, spool: Spool) -> None:
        """Write a matrix; the files of the spool are used up."""
        _check_key(self.source, key)
        if isinstance(spool, CsrSpool):
            group = self.root.create_group(key)
            shape = np.array(spool.shape) if self._is_hdf5 else list(spool.shape)
            kind = {"encoding-type": "csr_matrix", "encoding-version": "0.1.0"}
            group.attrs.update({**kind, "shape": shape})
            self._put_pointers(f"{key}/indptr", spool)
            self._put_numbers(f"{key}/indices", spool.indices, (spool.indices.size,), {})
            self._put_numbers(f"{key}/data", spool.data, (spool.data.size,), {})
        else:
            self._put_numbers(key, spool.data, spool.shape, _ARRAY)

    def _put_pointers(self, key: str, spool: CsrSpool) -> None:
        indptr = spool.indptr
        wide = np.dtype(np.int64 if indptr[-1] >= 2**31 else np.int32)
        path = os.path.join(spool.folder, "indptr")
        numbers = NumberFile(path, wide, kept=wide if self._is_hdf5 else None)
        numbers.append(indptr.astype(wide))
        self._put_numbers(key, numbers, (len(indptr),), {})

    @property
    def _is_hdf5(self) -> bool:
        raise NotImplementedError

    def _put_numbers(
        self, key: str, numbers: NumberFile, shape: tuple[int, ...], attrs: dict[str, str]
    ) -> None:
        raise NotImplementedError


class _NewH5ad(NewStore):
    _is_hdf5 = True

    def _put_numbers(
        self, key: str, numbers: NumberFile, shape: tuple[int, ...], attrs: dict[str, str]
    ) -> None:
        made = self.root.create_dataset(key, shape=shape, dtype=numbers.kept)
        made.attrs.update(attrs)
        rows: Array = numbers.mapped().reshape(shape)
        step = max(1, _VALUES_AT_A_TIME // math.prod(shape[1:]) if 0 not in shape else 1)
        for begin in range(0, len(rows) if 0 not in shape else 0, step):
            made[begin : begin + step] = rows[begin : begin + step]
        del rows
        os.remove(numbers.path)


class _NewZarr(NewStore):
    _is_hdf5 = False

    def _put_numbers(
        self, key: str, numbers: NumberFile, shape: tuple[int, ...], attrs: dict[str, str]
    ) -> None:
        folder = os.path.join(self.path, *key.split("/"))
        os.mkdir(folder)
        narrow = numbers.kept != numbers.dtype
        kept, wide = numbers.kept.str, numbers.dtype.str
        filters = [{"id": "astype", "encode_dtype": kept, "decode_dtype": wide}]
        meta = {
            "zarr_format": 2,
            "shape": list(shape),
            "chunks": [max(1, n) for n in shape],
            "dtype": wide,
            "fill_value": False if numbers.dtype.kind == "b" else 0,
            "order": "C",
            "compressor": None,
            "filters": filters if narrow else None,
            "dimension_separator": ".",
        }
        for name, content in ((".zarray", meta), (".zattrs", attrs)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                json.dump(content, file, indent=2)
        if numbers.size:
            os.replace(numbers.path, os.path.join(folder, ".".join("0" for _ in shape)))
        else:
            os.remove(numbers.path)


@contextmanager
def new_store(path: str, kind: StoreFormat, source: str) -> Iterator[NewStore]:
    """Make a store that is an AnnData; what the body puts into it is written when it ends.

    Parameters
    ----------
    path
        Where; nothing may be there.
    kind
        ``"zarr"`` or ``"h5ad"``.
    source
        What errors name: the store that it is a copy of.
    """
    encoding = {"encoding-type": "anndata", "encoding-version": "0.1.0"}
    if kind == "h5ad":
        import h5py

        # Large arrays begin where a page does, so that their bytes can be used as they are there.
        with h5py.File(path, "x", alignment_threshold=1 << 16, alignment_interval=1 << 12) as file:
            file.attrs.update(encoding)
            yield _NewH5ad(path, file, source)
        return
    import zarr

    root = zarr.open_group(path, mode="w-", zarr_format=2)
    root.attrs.update(encoding)
    yield _NewZarr(path, root, source)
    zarr.consolidate_metadata(root.store)


def _check_key(store: str, key: str) -> None:
    """Refuse a name that would lead out of its folder, or into another one."""
    group, _, name = key.partition("/")
    if group != "layers":
        return
    if name in ("", ".", "..") or any(sign in name for sign in "/\\\0"):
        raise ElementError(
            f"has the layer {name!r}, of which no file can have the name",
            store=store,
            key="layers",
            remedy="Rename the layer.",
        )
