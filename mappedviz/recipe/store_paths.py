"""Stores that a recipe names: by file names, by paths, by relative ones that are others elsewhere."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, TypeVar

from mappedviz._types import PathLike, store_suffix
from mappedviz.text.addresses import absolute, base_name, is_absolute

_V = TypeVar("_V")

#: Fields of a recipe that say something per key, and there per store; ``var_key`` does per store.
BY_KEY = ("layer_alias", "obs_alias", "relabel")


def store_names(path: PathLike) -> tuple[str, str, str]:
    """The ways to name a store in a recipe: its path, its file name, that without the suffix.

    Examples
    --------
    >>> store_names("/data/pbmc.h5ad")
    ('/data/pbmc.h5ad', 'pbmc.h5ad', 'pbmc')
    """
    text = os.fspath(path)
    name = base_name(text)
    return text, name, name.removesuffix(store_suffix(name))


def shortest_names(paths: Iterable[str]) -> dict[str, str]:
    """Return the name for each store in a recipe: its file name, or its path where another one has that name.

    Examples
    --------
    >>> shortest_names(["x/a.h5ad", "x/b.h5ad", "y/b.h5ad"])
    {'x/a.h5ad': 'a.h5ad', 'x/b.h5ad': 'x/b.h5ad', 'y/b.h5ad': 'y/b.h5ad'}
    """
    short = {path: store_names(path)[1] for path in paths}
    times = Counter(short.values())
    return {path: name if times[name] == 1 else path for path, name in short.items()}


def choose_for_store(choices: Mapping[str, _V], path: PathLike, default: _V) -> _V:
    """Value of a ``{store: value}`` mapping for a store, by any of its names."""
    for name in (*store_names(path), absolute(path)):
        if name in choices:
            return choices[name]
    for name, choice in choices.items():
        if is_relative(name) and absolute(name) == absolute(path):
            return choice
    return default


def is_relative(name: str) -> bool:
    """Return True for the name of a store that is a relative path: it starts from the working directory.

    Examples
    --------
    >>> is_relative("lab/a.h5ad"), is_relative("a.h5ad"), is_relative("/lab/a.h5ad")
    (True, False, False)
    >>> is_relative("s3://lab/a.h5ad")
    False
    """
    return os.sep in name and not is_absolute(name)


def is_among(name: str, names: Container[str]) -> bool:
    """Return True if the name of a store is one of some names, or the path of one.

    Examples
    --------
    >>> is_among("lab/../a.h5ad", {os.path.abspath("a.h5ad")})
    True
    """
    return name in names or (is_relative(name) and absolute(name) in names)


def moved_names(said: Mapping[str, Any], move: Callable[[str], str]) -> dict[str, Any]:
    """Return fields of a recipe with other relative paths for the stores that they name.

    Parameters
    ----------
    said
        The fields: ``var_key`` and those of :data:`BY_KEY`.
    move
        Makes a relative path another one.

    Examples
    --------
    >>> moved_names({"var_key": {"x/a.h5ad": "ids", "b": None}}, lambda path: f"../{path}")
    {'var_key': {'../x/a.h5ad': 'ids', 'b': None}}
    """
    return {
        field: _moved(given, move)
        if field == "var_key"
        else {key: _moved(one, move) for key, one in given.items()}
        for field, given in said.items()
    }


def _moved(given: Any, move: Callable[[str], str]) -> Any:
    if not isinstance(given, Mapping):
        return given
    return {_path(move(name)) if is_relative(name) else name: one for name, one in given.items()}


def _path(path: str) -> str:
    """A path that is not taken for a file name, which a store in another folder may have."""
    return path if os.sep in path else os.path.join(os.curdir, path)  # noqa: PTH118 - Path drops "./"
