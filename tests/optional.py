"""torch, or what skips the test that needs it: `make test-newest` goes without."""

from __future__ import annotations

from typing import Any

import pytest

__all__ = ["torch"]

try:
    import torch
except ModuleNotFoundError:

    class _Absent:
        def __getattr__(self, name: str) -> Any:
            pytest.skip("torch is not installed")

    torch = _Absent()
