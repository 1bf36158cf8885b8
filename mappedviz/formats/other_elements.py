"""The elements of a store that are no large matrices, as anndata reads them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mappedviz._types import StoreKind
from mappedviz.errors import ElementError, StoreError
from mappedviz.formats.foreign import named
from mappedviz.text.addresses import in_memory, is_url

__all__ = ["OtherElements", "read_other_elements"]

_BY_RECIPE = "Give a recipe, with which rows, labels and matrices are copied."
_FRAMES = ("obs", "var")
_MAPPINGS = ("obsm", "varm", "obsp", "varp", "uns")


@dataclass(frozen=True)
class OtherElements:
    """What a store has beside X, its layers and raw.X.

    Attributes
    ----------
    elements
        ``"obs"``, ``"var"``, ``"obsm"``, ``"varm"``, ``"obsp"``, ``"varp"`` and ``"uns"``, those that
        are there, as anndata has them in memory.
    raw
        ``"var"`` and ``"varm"`` of raw; None without raw.
    """

    elements: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] | None = None


def read_other_elements(path: str, kind: StoreKind) -> OtherElements:
    """Read all that a store has beside X, its layers and raw.X into memory.

    A store of anndata 0.6 and before is read whole for that, by anndata: its columns and their
    categories are not beside each other.

    Raises
    ------
    ElementError
        An element cannot be read.
    StoreError
        The store is not on this machine.
    """
    if is_url(path) or in_memory(path):
        raise StoreError(
            "is not a file on this machine, and only such are copied with all that is in them",
            store=path,
            remedy=_BY_RECIPE,
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old encodings and names: they are kept
        with named(path), _opened(path, kind) as root:
            if all(_is_group(root, name) for name in _FRAMES):
                return _read(path, root)
        with named(path):
            return _read_whole(path, kind)


def _read(path: str, root: Any) -> OtherElements:
    from anndata.io import read_elem  # type: ignore[import-untyped]

    elements = {}
    for key in (*_FRAMES, *_MAPPINGS):
        if key in root:
            with _by_anndata(path, key):
                elements[key] = read_elem(root[key])
    raw = None
    if _is_group(root, "raw") and "X" in root["raw"] and "var" in root["raw"]:
        raw = {}
        for key in ("var", "varm"):
            if key in root["raw"]:
                with _by_anndata(path, f"raw/{key}"):
                    raw[key] = read_elem(root[f"raw/{key}"])
    return OtherElements(elements, raw)


def _read_whole(path: str, kind: StoreKind) -> OtherElements:
    import anndata  # type: ignore[import-untyped]

    whole = anndata.read_h5ad(path) if kind == "h5ad" else anndata.read_zarr(path)
    elements = {name: getattr(whole, name) for name in _FRAMES}
    elements |= {name: dict(getattr(whole, name)) for name in _MAPPINGS}
    raw = None if whole.raw is None else {"var": whole.raw.var, "varm": dict(whole.raw.varm)}
    return OtherElements(elements, raw)


@contextmanager
def _by_anndata(path: str, key: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # what anndata cannot read makes it raise all kinds
        raise ElementError(
            f"cannot be read by anndata ({type(error).__name__}: {error})",
            store=path,
            key=key,
            remedy=_BY_RECIPE,
        ) from error


def _is_group(root: Any, name: str) -> bool:
    return name in root and hasattr(root[name], "keys") and not hasattr(root[name], "shape")


@contextmanager
def _opened(path: str, kind: StoreKind) -> Iterator[Any]:
    if kind == "h5ad":
        import h5py

        with h5py.File(path, "r") as file:
            yield file
        return
    import zarr

    if kind == "zarr":
        yield zarr.open_group(path, mode="r")
        return
    with zarr.storage.ZipStore(path, mode="r") as store:
        yield zarr.open_group(store, mode="r")
