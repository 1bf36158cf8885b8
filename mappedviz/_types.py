"""Types and constants that several packages use, written once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy.typing as npt  # kept out of `import mappedviz`

Array: TypeAlias = "npt.NDArray[Any]"
"""An array of any dtype."""

PathLike: TypeAlias = str | os.PathLike[str]
"""A path on this machine."""

StoreKind: TypeAlias = Literal["h5ad", "zarr", "zarr.zip"]
"""What a store is on disk."""

Severity: TypeAlias = Literal["fatal", "error", "warning", "info"]
"""How much a finding of an audit matters."""

SEVERITIES: tuple[Severity, ...] = ("fatal", "error", "warning", "info")
"""The worst first."""

__all__ = ["SEVERITIES", "Array", "PathLike", "Severity", "StoreKind"]
