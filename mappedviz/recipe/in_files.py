"""A recipe of AnnData objects in memory, as it will be once they are written to files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mappedviz._types import store_suffix
from mappedviz.recipe.relabels import plain_renames
from mappedviz.recipe.store_paths import BY_KEY
from mappedviz.text.addresses import base_name, in_memory

if TYPE_CHECKING:
    from mappedviz.recipe.recipe import Recipe

__all__ = ["in_files"]


def in_files(recipe: Recipe) -> tuple[Recipe, dict[str, str]]:
    """Return the recipe with a file in place of each object in memory, and the files by address.

    Examples
    --------
    >>> from mappedviz.recipe.recipe import Recipe
    >>> recipe = Recipe(paths=["memory:0/berlin", "memory:1", "b.h5ad"], var_key={"memory:1": "ids"})
    >>> in_files(recipe)[0]
    Recipe(paths=('berlin.h5ad', 'memory_1.h5ad', 'b.h5ad'), var_key={'memory_1.h5ad': 'ids'})
    """
    files: dict[str, str] = {}
    for address in recipe.paths:
        if in_memory(address):
            files.setdefault(address, _file(address, {*files.values()}))
    if not files:
        return recipe, {}
    changes: dict[str, Any] = {"paths": [files.get(path, path) for path in recipe.paths]}
    if isinstance(recipe.var_key, Mapping):
        changes["var_key"] = _renamed(recipe.var_key, files)
    for name in BY_KEY:
        given: Mapping[str, Any] = getattr(recipe, name)
        said: Callable[[Any], Any] = plain_renames if name == "relabel" else _as_it_is
        changes[name] = {
            key: _renamed(said(one), files) if isinstance(one, Mapping) else said(one)
            for key, one in given.items()
        }
    return recipe.replace(**changes), files


def _as_it_is(given: Any) -> Any:
    return given


def _file(address: str, taken: set[str]) -> str:
    name = base_name(address).replace(":", "_")
    stem = name.removesuffix(store_suffix(name))
    number = address.removeprefix("memory:").partition("/")[0]
    return f"{stem}.h5ad" if f"{stem}.h5ad" not in taken else f"{stem}_{number}.h5ad"


def _renamed(choices: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    return {files.get(store, store): choice for store, choice in choices.items()}
