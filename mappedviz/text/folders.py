"""The folder for what mappedviz can make again."""

from __future__ import annotations

from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Return the folder for what mappedviz can make again, where the platform has such folders.

    Examples
    --------
    >>> cache_folder().name
    'mappedviz'
    """
    from platformdirs import user_cache_path

    return user_cache_path("mappedviz", appauthor=False)
