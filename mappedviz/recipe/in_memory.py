"""AnnData objects in memory, which a recipe names by addresses: ``memory:0``, ``memory:1/berlin``.

A recipe is text. The objects are listed here by their numbers, weakly: recipes and stores hold those
that they name. A number means something in this process and in the workers that stores were sent to.
"""

from __future__ import annotations

import itertools
import os
import secrets
import sys
import weakref
from collections.abc import Iterable
from multiprocessing import parent_process
from typing import Any

from mappedviz.errors import AbsentStoreError, RecipeError, StoreError
from mappedviz.text.addresses import in_memory

__all__ = [
    "ORIGIN",
    "adopt",
    "given_object",
    "is_anndata",
    "object_at",
    "objects_of",
    "refuse_objects",
]

_objects: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def _numbers_of_a_child() -> itertools.count[int]:
    """Children are sent objects of their parent, which keep their numbers; and send it their own."""
    return itertools.count(secrets.randbits(32) << 16)


_numbers = itertools.count(0) if parent_process() is None else _numbers_of_a_child()
#: Says in which process a number was given: each begins at 0.
ORIGIN = secrets.token_hex(8)


def _forked() -> None:
    global _numbers  # noqa: PLW0603
    _numbers = _numbers_of_a_child()


os.register_at_fork(after_in_child=_forked)


def is_anndata(value: Any) -> bool:
    """Return True for an AnnData object; where nobody has imported anndata, there is none.

    Examples
    --------
    >>> import anndata
    >>> is_anndata(anndata.AnnData()), is_anndata("a.h5ad")
    (True, False)
    """
    anndata = sys.modules.get("anndata")
    return anndata is not None and isinstance(value, anndata.AnnData)


def given_object(value: Any, name: str | None = None) -> str:
    """Return the address of an AnnData object: the same object has the same number.

    Parameters
    ----------
    value
        The object.
    name
        The name of the store, as files have one.

    Raises
    ------
    RecipeError
        The name cannot be one.

    Examples
    --------
    >>> import anndata
    >>> adata = anndata.AnnData()
    >>> given_object(adata) == given_object(adata), given_object(adata, "berlin").split("/")[1]
    (True, 'berlin')
    """
    number = next((n for n, one in list(_objects.items()) if one is value), None)
    if number is None:
        number = next(n for n in _numbers if n not in _objects)
        _objects[number] = value
    address = f"memory:{number}" if name is None else f"memory:{number}/{name}"
    if not in_memory(address):
        raise RecipeError(
            f"calls an AnnData object {name!r}",
            key="paths",
            remedy="Give a name without a slash, such as 'berlin'.",
        )
    return address


def object_at(address: str) -> Any:
    """Return the object at an address.

    Raises
    ------
    AbsentStoreError
        This process does not have it, or not any more.
    """
    found = _objects.get(_number_of(address))
    if found is None:
        raise AbsentStoreError(
            "is an AnnData object that this process does not have",
            store=address,
            remedy="Give the object itself, or write it with write_h5ad and give the path.",
        )
    return found


def objects_of(paths: Iterable[str]) -> tuple[Any, ...]:
    """Return the objects that some paths are the addresses of, as far as they are here."""
    found = (_objects.get(_number_of(path)) for path in paths if in_memory(path))
    return tuple(one for one in found if one is not None)


def adopt(address: str, value: Any) -> None:
    """List an object that came from another process, under the address that it has there.

    Parameters
    ----------
    address
        The address.
    value
        The object; its ``origin`` is the :data:`ORIGIN` of where it was given its number.

    Raises
    ------
    StoreError
        Here that is the address of another object.
    """
    known = _objects.setdefault(_number_of(address), value)
    if getattr(known, "origin", ORIGIN) != getattr(value, "origin", ORIGIN):
        raise StoreError(
            "is an AnnData object of another process, where this one has another object of that number",
            store=address,
            remedy="Write the objects with write_h5ad, and send or save what has their paths.",
        )


def _number_of(address: str) -> int:
    return int(address.removeprefix("memory:").partition("/")[0])


def refuse_objects(paths: Iterable[str]) -> None:
    """Raise RecipeError if some paths are objects in memory, which no file can name."""
    found = [path for path in paths if in_memory(path)]
    if found:
        some = ", ".join(found[:3]) + (" …" if len(found) > 3 else "")
        raise RecipeError(
            f"name {len(found)} AnnData object{'s' * (len(found) > 1)} in memory ({some}), "
            "which no other process has",
            key="paths",
            remedy='Write each with write_h5ad("….h5ad"), and give the paths in their place.',
        )
