"""The fields of a recipe: what people give, checked and made values."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np

from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.recipe.frozen import FrozenDict
from mappedviz.recipe.in_memory import given_object, is_anndata
from mappedviz.recipe.labels import Encoder, Label, as_label, code_of_label, number_for_json
from mappedviz.text.addresses import has_secrets, in_memory, shown


def plain(value: Any) -> Any:
    """Return frozen containers as plain ones."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    return value


def code_of(value: Any) -> str:
    """Return code that makes a value of a recipe again; infinity is no literal.

    Examples
    --------
    >>> print(code_of({"score": (1, float("inf"))}))
    {'score': (1, float('inf'))}
    """
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{code_of(key)}: {code_of(one)}" for key, one in value.items()) + "}"
        )
    if isinstance(value, tuple):
        items = [code_of(one) for one in value]
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
    return code_of_label(value)


def code_of_paths(paths: tuple[str, ...]) -> str:
    """Return code of the paths of a recipe, with a placeholder for each object in memory.

    Examples
    --------
    >>> code_of_paths(("a.h5ad",)), code_of_paths(("memory:0", "a.h5ad"))
    ("('a.h5ad',)", "(<AnnData memory:0>, 'a.h5ad')")
    """
    items = [f"<AnnData {path}>" if in_memory(path) else code_of(path) for path in paths]
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def json_value(value: Any) -> Any:
    """Return a value of a recipe as JSON has it; see :func:`~mappedviz.recipe.labels.number_of_json`."""
    if isinstance(value, Encoder):
        return [[json_value(label), number] for label, number in value.items()]
    if isinstance(value, dict):
        return {key: json_value(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [json_value(item) for item in value]
    return number_for_json(value)


def dtype_of(dtype: Any) -> Any:
    """Return 'torch.float32' and torch's own dtypes by their numpy name."""
    text = str(dtype)
    return text.removeprefix("torch.") if text.startswith("torch.") else dtype


def names_of(key: str, value: Any) -> tuple[str, ...]:
    """Return names as a tuple, each once."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Iterable) or isinstance(value, (bytes, Mapping)):
        raise wrong_type(key, value, "a string or a list of strings")
    names = list(value)
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise wrong_type(key, wrong[0], "a string or a list of strings")
    return tuple(dict.fromkeys(str(name) for name in names)) if key != "var_names" else tuple(names)


def number_of(key: str, value: Any) -> float:
    """Return a finite number."""
    wrong = isinstance(value, (bool, np.bool_))
    if wrong or not isinstance(value, (int, float, np.integer, np.floating)):
        raise wrong_type(key, value, "a number")
    if not np.isfinite(value):
        raise RecipeError(f"is {value}", key=key, remedy="Give a finite number.")
    return float(value)


def paths_of(value: Any) -> tuple[str, ...]:
    """Return paths as strings, and AnnData objects as their addresses."""
    if isinstance(value, (str, os.PathLike, Mapping)) or is_anndata(value):
        value = [value]
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise wrong_type("paths", value, "paths of stores, or AnnData objects")
    paths = []
    for path in value:
        if is_anndata(path):
            paths.append(given_object(path))
            continue
        if isinstance(path, Mapping):
            paths += [_named_object(name, one) for name, one in path.items()]
            continue
        if not isinstance(path, (str, os.PathLike)):
            raise wrong_type("paths", path, "a string or a Path, or an AnnData object")
        text = os.fspath(path)
        if not isinstance(text, str) or not text:
            raise wrong_type("paths", path, "a non-empty string or a Path")
        if has_secrets(text):
            raise RecipeError(
                f"has {shown(text)} with a user or a query, which may be secrets, and a recipe is shared",
                key="paths",
                remedy="Give it to MappedCollection, audit or explore, which keep what is behind its ? "
                "to themselves, and without that to a recipe.",
            )
        paths.append(text)
    return tuple(paths)


def _named_object(name: Any, value: Any) -> str:
    """Return the address of an AnnData object that is given with a name."""
    if not isinstance(name, str):
        raise wrong_type("paths", name, "names of AnnData objects as strings")
    if not is_anndata(value):
        raise wrong_type(
            "paths", value, f"an AnnData object as {name!r}; files have their own names"
        )
    return given_object(value, name)


def found(path: str) -> bool:
    """Return True if there is something at a path or for a pattern."""
    return os.path.lexists(path) or bool(glob(path))  # noqa: PTH207 - absolute patterns, too


def seen_from_here(path: Path) -> str:
    """Return a path without detours: from the working directory if it is below, else absolute."""
    whole, here = Path(os.path.abspath(path)), Path.cwd()
    below = here != Path(here.anchor) and whole.is_relative_to(here)
    return str(whole.relative_to(here) if below else whole)


def check_one_of(key: str, value: Any, valid: tuple[Any, ...]) -> None:
    """Raise RecipeError where a value is not among the valid ones."""
    if not isinstance(value, (str, type(None))) or value not in valid:
        raise RecipeError(
            f"is {value!r}",
            key=key,
            remedy=f"Use one of {', '.join(repr(choice) for choice in valid)}.",
        )


def filter_of(value: Any) -> FrozenDict[tuple[Label | None, ...]]:
    """Return a filter: column -> labels, None for the missing one."""
    if value is None:
        return FrozenDict()
    if not isinstance(value, Mapping):
        raise wrong_type("obs_filter", value, "a dict of obs column -> value or values")
    clean = {}
    for column, wanted in value.items():
        if not isinstance(column, str):
            raise wrong_type("obs_filter", column, "names of obs columns as strings")
        clean[column] = _labels(wanted)
    return FrozenDict(clean)


def var_key_of(value: Any) -> str | FrozenDict[str | None] | None:
    """Return which column of var identifies variables."""
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, Mapping) or not all(
        isinstance(store, str) and (column is None or isinstance(column, str))
        for store, column in value.items()
    ):
        raise wrong_type("var_key", value, "a var column, or a dict of store -> var column or None")
    return FrozenDict(value)


def wrong_type(key: str, value: Any, wanted: str) -> RecipeTypeError:
    """Return the error that says which type was wanted."""
    return RecipeTypeError(
        f"is {value!r} of type {type(value).__name__}", key=key, remedy=f"Give {wanted}."
    )


def split_by_of(value: Any) -> str | tuple[str, ...] | None:
    """Return what must not be on several sides of a split: one key, or several combined."""
    if value is None:
        return None
    if isinstance(value, (bool, np.bool_, bytes)):
        raise wrong_type("split_by", value, "an obs column, several, or None")
    keys = names_of("split_by", value)
    if not keys or "" in keys:
        raise RecipeError("is empty", key="split_by", remedy="Name an obs column, or use None.")
    return keys[0] if len(keys) == 1 else keys


def parts_of(value: Any) -> tuple[tuple[str, float], ...]:
    """Return the named parts of a split with their shares, in their order."""
    if isinstance(value, Mapping):
        value = value.items()
    elif not isinstance(value, (list, tuple)):
        raise wrong_type("split_parts", value, "a dict of part -> share")
    try:
        shares = {name: number_of(f"split_parts[{name!r}]", share) for name, share in value}
    except ValueError as error:  # no pairs
        if isinstance(error, RecipeError):
            raise
        raise wrong_type("split_parts", value, "a dict of part -> share") from error
    if not shares:
        return ()
    for name, share in shares.items():
        _check_part_name("split_parts", name)
        if not 0 < share < 1:
            raise RecipeError(
                f"is {share}",
                key=f"split_parts[{name!r}]",
                remedy="Give the share of the rows: more than 0, less than 1.",
            )
    total = sum(shares.values())
    if len(shares) < 2 or abs(total - 1) > 1e-6:
        raise RecipeError(
            f"has {len(shares)} part{'s' * (len(shares) != 1)} with {total:.6g} of the rows",
            key="split_parts",
            remedy="Name two or more parts whose shares add up to 1.",
        )
    return tuple(shares.items())


def holdout_of(value: Any, last: str) -> FrozenDict[FrozenDict[tuple[Label | None, ...]]]:
    """Return the labels that are held out for a part: part -> key -> labels.

    Parameters
    ----------
    value
        ``{part: {key: labels}}``, or ``{key: labels}`` for the last part.
    last
        The last part.
    """
    if value is None:
        return FrozenDict()
    if not isinstance(value, Mapping):
        raise wrong_type("holdout", value, "a dict of key -> labels, or part -> key -> labels")
    by_part = [isinstance(one, Mapping) for one in value.values()]
    if any(by_part) and not all(by_part):
        raise wrong_type("holdout", value, "either key -> labels, or part -> key -> labels")
    given = value if all(by_part) else {last: value}
    clean = {}
    for part, keys in given.items():
        _check_part_name("holdout", part)
        if not all(isinstance(key, str) for key in keys):
            raise wrong_type("holdout", part, "names of obs columns as strings")
        labels = {key: _labels(wanted) for key, wanted in keys.items()}
        empty = [key for key, wanted in labels.items() if not wanted]
        if empty or not labels:
            raise RecipeError(
                "names no label",
                key=f"holdout[{part!r}]" + "".join(f"[{key!r}]" for key in empty[:1]),
                remedy="Name the groups that go there, or leave it out.",
            )
        clean[part] = FrozenDict(labels)
    return FrozenDict(clean)


def _labels(wanted: Any) -> tuple[Label | None, ...]:
    several = isinstance(wanted, Iterable) and not isinstance(wanted, (str, bytes))
    return tuple(dict.fromkeys(as_label(one) for one in (wanted if several else [wanted])))


def _check_part_name(key: str, name: Any) -> None:
    if not isinstance(name, str):
        raise wrong_type(key, name, "names of parts as strings")
    if not name.isidentifier() or name.startswith("_"):
        raise RecipeError(
            f"names a part {name!r}",
            key=key,
            remedy="Use a name of letters and digits, such as 'test'.",
        )


def seed_of(value: Any) -> int:
    """Return a seed."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise wrong_type("split_seed", value, "a whole number")
    if value < 0:
        raise RecipeError(f"is {value}", key="split_seed", remedy="Use a number from 0 upwards.")
    return int(value)


def fraction_of(value: Any) -> float:
    """Return the share of the rows for validation."""
    fraction = number_of("split_fraction", value)
    if not 0 < fraction < 1:
        raise RecipeError(
            f"is {fraction}",
            key="split_fraction",
            remedy="Give the share of the rows for validation: more than 0, less than 1.",
        )
    return fraction
