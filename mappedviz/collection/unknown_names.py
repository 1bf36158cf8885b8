"""Names in a recipe that no store has: errors that say what there is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from mappedviz.collection.matrices import facts_of
from mappedviz.errors import MissingKeyError, RecipeError
from mappedviz.recipe.relabels import ALL
from mappedviz.recipe.store_paths import choose_for_store, is_among, store_names
from mappedviz.text.addresses import absolute

if TYPE_CHECKING:
    from mappedviz.formats.columns import Column
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.stores.store import Store


def check_store_names(recipe: Recipe, paths: Sequence[str]) -> None:
    """Raise RecipeError where the recipe speaks of a store that is not among the paths."""
    spoken: dict[str, Iterable[str]] = {}
    if isinstance(recipe.var_key, Mapping):
        spoken["var_key"] = recipe.var_key
    for field in ("layer_alias", "obs_alias"):
        for key, alias in getattr(recipe, field).items():
            if isinstance(alias, Mapping):
                spoken[f"{field}[{key!r}]"] = alias
    for key, renames in recipe.relabel.items():
        if isinstance(renames, Mapping):
            spoken[f"relabel[{key!r}]"] = [name for name in renames if name != ALL]
    if not spoken:
        return
    known = {name for path in paths for name in (*store_names(path), absolute(path))}
    for where, names in spoken.items():
        unknown = [name for name in names if not is_among(name, known)]
        if unknown:
            raise RecipeError(
                f"names {unknown}, which {'are' if len(unknown) > 1 else 'is'} no store here"
                + near(unknown[0], known),
                key=where,
                remedy="Use a store's file name, with or without its suffix, or its path.",
            )
        if where.startswith("relabel"):
            _check_taken(where, {name: name for name in names}, paths)


def _check_taken(where: str, names: Mapping[str, str], paths: Sequence[str]) -> None:
    """Raise RecipeError where each store of a name is also named in another, closer way."""
    taken = {choose_for_store(names, path, "") for path in paths}
    for name in names:
        if name not in taken:
            path = next(path for path in paths if choose_for_store({name: True}, path, False))
            raise RecipeError(
                f"names {path} twice: {choose_for_store(names, path, '')!r} and {name!r}",
                key=where,
                remedy="Give the new names of a store under one of its names.",
            )


def check_found(
    recipe: Recipe, key: str, columns: Sequence[Column | None], stores: Sequence[Store]
) -> None:
    """Raise MissingKeyError if no store has an obs key."""
    if any(column is not None for column in columns):
        return
    known = {name for store in stores for name in store.facts.obs_columns}
    tried = _tried(recipe.obs_alias.get(key))
    raise MissingKeyError(
        f"none of the {len(stores)} stores has this obs column{tried}" + near(key, known),
        key=key,
        remedy=f"The stores have {some_of(sorted(known))}.",
    )


def check_matrices(recipe: Recipe, stores: Sequence[Store]) -> None:
    """Raise MissingKeyError if no store has a matrix or obsm element that is asked for."""
    matrices = {name for store in stores for name in store.facts.matrices}
    obsm = {name for store in stores for name in store.facts.obsm}
    for key in recipe.layers_keys:
        _check_alias(recipe, key, matrices)
        if not any(facts_of(recipe, key, store) for store in stores):
            tried = recipe.layer_alias.get(key)
            raise _nowhere("matrix", key, stores, matrices, _tried(tried))
    for key in recipe.obsm_keys:
        if key not in obsm:
            raise _nowhere("obsm element", key, stores, obsm)


def _check_alias(recipe: Recipe, key: str, known: set[str]) -> None:
    """Raise MissingKeyError if a store is said to have a matrix that no store has."""
    alias = recipe.layer_alias.get(key)
    unknown = [
        name for name in (alias.values() if isinstance(alias, Mapping) else ()) if name not in known
    ]
    if unknown:
        raise MissingKeyError(
            f"names {unknown[0]!r}, a matrix that no store has" + near(unknown[0], known),
            key=f"layer_alias[{key!r}]",
            remedy=f"The stores have {some_of(sorted(known))}.",
        )


def _nowhere(
    what: str, key: str, stores: Sequence[Store], known: set[str], tried: str = ""
) -> MissingKeyError:
    return MissingKeyError(
        f"none of the {len(stores)} stores has this {what}{tried}" + near(key, known),
        key=key,
        remedy=f"The stores have {some_of(sorted(known))}.",
    )


def _tried(alias: tuple[str, ...] | Mapping[str, str] | None) -> str:
    if alias is None:
        return ""
    return f" (tried {dict(alias) if isinstance(alias, Mapping) else list(alias)})"


def near(name: str, known: Iterable[str]) -> str:
    """Return words on the names that may be meant, to follow a message; empty if none is near."""
    matches = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(repr(match) for match in matches)}?" if matches else ""


def some_of(names: Sequence[str], n: int = 20) -> str:
    """Return the first names in words, and the number of the others."""
    shown = ", ".join(repr(name) for name in names[:n])
    return f"{shown} and {len(names) - n} more" if len(names) > n else shown or "none"
