"""AnnData objects as stores: what one holds when it is opened, read as a file would be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mappedviz._types import StoreKind, lazy
from mappedviz.errors import StoreError
from mappedviz.formats.memory_nodes import (
    Maker,
    MemoryGroup,
    frame_at,
    matrix_at,
    names_at,
    obsm_at,
)
from mappedviz.recipe.in_memory import ORIGIN, object_at

if TYPE_CHECKING:
    from anndata import AnnData  # type: ignore[import-untyped]

    from mappedviz.formats.nodes import GroupNode

__all__ = ["MEMORY", "Contents", "contents_of"]

#: The kind of a store that is an AnnData object.
MEMORY: StoreKind = "memory"


#: Values of a matrix that are compared to find out that it was changed in place.
_SAMPLED = 1 << 16


class Contents:
    """What an AnnData object holds when it is opened: columns, names, and its own matrices.

    obs and var are copied: what is written into them later is not seen. Matrices are not copied, and
    what is written into their values is read. A matrix that is replaced, or whose stored entries
    move, is refused by :meth:`check_unchanged`. Of a view, all of what it shows is copied.

    Parameters
    ----------
    address
        The address of the object.
    adata
        The object.

    Raises
    ------
    StoreError
        The object is backed by a file.
    ElementError
        A matrix is neither of numpy nor of scipy, or obs and var cannot be columns of a store.

    Examples
    --------
    >>> import anndata, numpy as np
    >>> contents = Contents("memory:0", anndata.AnnData(np.eye(2, dtype="float32")))
    >>> contents.root.keys(), contents.root["obs"].keys()
    (['X', 'layers', 'obs', 'obsm', 'uns', 'var'], ['_index'])
    """

    def __init__(self, address: str, adata: AnnData) -> None:
        if adata.isbacked:
            raise StoreError(
                "is an AnnData object whose X is in a file",
                store=address,
                remedy=f"Give the path of the file, {adata.filename}, or adata.to_memory().",
            )
        self.address = address
        self.origin = ORIGIN  # other processes have other objects of that number
        self._obs, self._var = adata.obs.copy(), adata.var.copy()
        self._raw_var = None if adata.raw is None else adata.raw.var.copy()
        self._uns = tuple(map(str, adata.uns))
        given = _elements(adata)
        self._elements = {key: _plain(element) for key, element in given.items()}
        # The object lives as long as a store of it; to other processes only its contents go.
        self._owner: AnnData | None = adata
        self._given = None if adata.is_view else given  # which a view makes at each look
        self._sample = _sampled(self._elements)
        self._note()

    def __getstate__(self) -> dict[str, Any]:
        # They may have been changed by now: what is sent is what they are, as it is read here.
        self.check_unchanged()
        state = {**self.__dict__, "_owner": None, "_given": None}
        return {name: state[name] for name in state if name not in ("root", "_parts")}

    def __deepcopy__(self, _: Any) -> Contents:
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._note()

    def _note(self) -> None:
        """Note which arrays the sparse matrices have."""
        self._parts = [
            (key, element, element.data, element.indices, element.indptr)
            for key, element in self._elements.items()
            if hasattr(element, "indptr")
        ]

    @lazy
    def root(self) -> GroupNode:
        """The root of the store."""
        elements = self._elements
        groups: dict[str, dict[str, Maker]] = {"layers": {}, "obsm": {}, "": {}, "raw": {}}
        for key, element in elements.items():
            group, _, name = key.partition("/") if "/" in key else ("", "", key)
            make = obsm_at if group == "obsm" else matrix_at
            groups[group][name] = _made(make(element, _code_of(key), self.address, key))
        children = groups.pop("")
        children["obs"] = _made(frame_at(self._obs, self.address, "obs"))
        children["var"] = _made(frame_at(self._var, self.address, "var"))
        children["uns"] = partial(names_at, dict.fromkeys(self._uns))
        if self._raw_var is None:
            del groups["raw"]
        else:
            groups["raw"]["var"] = _made(frame_at(self._raw_var, self.address, "raw/var"))
        for name, inside in groups.items():
            children[name] = _made(MemoryGroup(self.address, name, inside))
        return MemoryGroup(self.address, "", children)

    def check_unchanged(self) -> None:
        """Raise StoreError if a matrix was replaced, or its stored entries moved."""
        for key, matrix, data, indices, indptr in self._parts:
            if (
                matrix.data is not data
                or matrix.indices is not indices
                or matrix.indptr is not indptr
            ):
                raise self._changed(key)
        if self._given is None:
            return
        found = _elements(cast(Any, self._owner))
        for key in {**self._given, **found}:
            if found.get(key) is not self._given.get(key):
                raise self._changed(key)

    def check_same(self) -> None:
        """Raise StoreError if the object holds something else: obs, var, and a sample of all values."""
        self.check_unchanged()
        owner = self._owner
        if owner is None or self._given is None:
            raise self._changed("obs")  # of a view, all would have to be made again
        raw_var = None if owner.raw is None else owner.raw.var
        frames = [("obs", self._obs, owner.obs), ("var", self._var, owner.var)]
        frames += [("raw/var", self._raw_var, raw_var)] if raw_var is not None else []
        frames += [
            (key, self._elements[key], one)
            for key, one in self._given.items()
            if hasattr(one, "columns")
        ]
        for key, known, now in frames:
            if known is None or not known.equals(now):
                raise self._changed(key)
        if tuple(map(str, owner.uns)) != self._uns:
            raise self._changed("uns")
        if _sampled(self._elements) != self._sample:
            raise self._changed("X")

    def _changed(self, key: str) -> StoreError:
        return StoreError(
            "was replaced or changed in place while the AnnData object was open",
            store=self.address,
            key=key,
            remedy="Make the collection again to read the object as it is now.",
        )


def contents_of(address: str) -> Contents:
    """Return what the object at an address holds now; that of another process, as it was sent.

    Raises
    ------
    AbsentStoreError
        This process does not have the object.
    StoreError, ElementError
        As :class:`Contents`.
    """
    found = object_at(address)
    return found if isinstance(found, Contents) else Contents(address, found)


def _elements(adata: AnnData) -> dict[str, Any]:
    """Matrices and elements of obsm of an AnnData object, by their keys in a store."""
    found = {"X": adata.X}
    # Since anndata 0.13 X is one of the layers, without a name.
    found |= {f"layers/{key}": one for key, one in adata.layers.items() if key is not None}
    found |= {f"obsm/{key}": one for key, one in adata.obsm.items()}
    if adata.raw is not None:
        found["raw/X"] = adata.raw.X
    return {key: one for key, one in found.items() if one is not None}


def _sampled(elements: Mapping[str, Any]) -> bytes:
    """Return a digest of some values of each matrix and array."""
    digest = blake2b(digest_size=16)
    for key, element in elements.items():
        if hasattr(element, "columns"):
            continue
        arrays = [element] if isinstance(element, np.ndarray) else []
        arrays += [element.data, element.indices] if hasattr(element, "indptr") else []
        for array in arrays:
            n_rows = _SAMPLED // max(1, math.prod(array.shape[1:]))
            some = array[:: max(1, len(array) // max(4, n_rows))]
            digest.update(f"{key} {array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(some).tobytes())
    return digest.digest()


def _plain(element: Any) -> Any:
    """An element as it is, but for the types of views, which hold what they are views of."""
    if hasattr(element, "columns"):
        return element.copy()
    if isinstance(element, np.ndarray):
        return np.asarray(element)
    if type(element).__module__.startswith("anndata.") and hasattr(element, "indptr"):
        from scipy import sparse

        make: Any = sparse.csr_matrix if element.format == "csr" else sparse.csc_matrix
        return make((element.data, element.indices, element.indptr), element.shape, copy=False)
    return element


def _made(node: Any) -> Maker:
    """A maker of a node that is there already."""

    def make(_: str, __: str) -> Any:
        return node

    return make


def _code_of(key: str) -> str:
    """What an element is called in code.

    Examples
    --------
    >>> _code_of("X"), _code_of("layers/counts"), _code_of("raw/X")
    ('adata.X', "adata.layers['counts']", 'adata.raw.X')
    """
    group, _, name = key.partition("/")
    if group == "raw" or not name:
        return f"adata.{key.replace('/', '.')}"
    return f"adata.{group}[{name!r}]"
