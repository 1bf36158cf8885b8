"""The compiled core: one small shared library of C++17 with a C interface.

Each function takes the address of one plain struct, its *descriptor*, and returns an integer;
ctypes holds no interpreter lock meanwhile. This package imports nothing of ours but the errors.
A new function is a file in ``src/`` with an ``MV_EXPORT`` in it; ``python hatch_build.py`` builds.

The library is loaded at the first call. ``MAPPEDVIZ_NATIVE`` names another one, such as one that
was built with sanitizers.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path

from mappedviz.errors import CoreError

#: What this version of the package and its library agree on; ``MV_ABI`` in ``src/core.hpp``.
ABI = 1

# Filled without a lock, which a fork could leave held: at worst a library is opened twice, which
# the loader of the system answers with the same one.
_functions: dict[str, Callable[[int], int]] = {}


def path() -> Path:
    """The file of the library."""
    named = os.environ.get("MAPPEDVIZ_NATIVE")
    if named:
        return Path(named)
    return Path(__file__).with_name("_core.dylib" if sys.platform == "darwin" else "_core.so")


def function(name: str) -> Callable[[int], int]:
    """A function of the library, which is called with the address of its descriptor.

    Parameters
    ----------
    name
        Without the prefix: ``"lzf"`` for ``mv_lzf``.

    Raises
    ------
    CoreError
        The library is not there, does not load, or belongs to another version.
    """
    found = _functions.get(name)
    if found is None:
        found = _functions[name] = _bind(_load(path()), name)
    return found


def _load(library: Path) -> ctypes.CDLL:
    remedy = "Install mappedviz again, or run in a checkout: python hatch_build.py"
    if not library.is_file():
        raise CoreError("the compiled core is not there", store=library, remedy=remedy)
    try:
        loaded = ctypes.CDLL(str(library))
        found = int(_bind(loaded, "abi")(0))
    except OSError as error:
        raise CoreError(
            f"the compiled core does not load ({error})", store=library, remedy=remedy
        ) from error
    if found != ABI:
        raise CoreError(
            f"the compiled core is of interface {found}, and {ABI} is needed",
            store=library,
            remedy=remedy,
        )
    return loaded


def _bind(library: ctypes.CDLL, name: str) -> Callable[[int], int]:
    try:
        bound = library[f"mv_{name}"]
    except AttributeError:
        raise CoreError(
            f"the compiled core has no function {name!r}",
            store=path(),
            remedy="Install mappedviz again, or run in a checkout: python hatch_build.py",
        ) from None
    bound.argtypes = (ctypes.c_void_p,)
    bound.restype = ctypes.c_int64
    return bound
