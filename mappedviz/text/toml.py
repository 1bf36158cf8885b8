"""TOML out of plain values: tables of texts, numbers, booleans, and lists of them.

Python reads TOML and does not write it. What is written here is small enough to be tested whole
against that reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mappedviz.errors import RecipeError

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WIDTH = 100


def toml_value(value: Any) -> str:
    r"""Return a text, a number, a boolean, or a list of them, as TOML.

    Raises
    ------
    RecipeError
        The text holds half a surrogate pair, or there is no such value in TOML.

    Examples
    --------
    >>> toml_value(["T cell", 1, 0.5, True])
    '["T cell", 1, 0.5, true]'
    >>> print(toml_value('a "b"\n'), toml_value(float("inf")))
    "a \"b\"\n" inf
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        check_text(value)
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (list, tuple)):
        items = [toml_value(one) for one in value]
        line = f"[{', '.join(items)}]"
        if len(line) <= _WIDTH:
            return line
        return "[\n" + "".join(f"    {one},\n" for one in items) + "]"
    raise RecipeError(
        f"{value!r} of type {type(value).__name__} is no value of TOML",
        remedy="Use texts, numbers, booleans and lists.",
    )


def check_text(text: str) -> None:
    """Raise RecipeError where a text cannot be written as UTF-8, hence not as TOML."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RecipeError(
            f"{text!r} holds half a surrogate pair, which TOML has no way to write",
            remedy="Rename it, or leave it out.",
        ) from error


def dotted(*names: str) -> str:
    """Return names as one key of TOML; what is not plain is in quotes.

    Examples
    --------
    >>> print(dotted("obs", "cell type"), dotted("obs", "donor"))
    obs."cell type" obs.donor
    """
    return ".".join(
        name if _BARE.fullmatch(name) else json.dumps(name).replace("\x7f", "\\u007f")
        for name in names
    )


def toml_table(content: Mapping[str, Any], name: Sequence[str] = ()) -> str:
    """Return a table of TOML: its values first, then the tables in it.

    Examples
    --------
    >>> print(toml_table({"severity": "error", "obs": {"donor": {"required": True}}}), end="")
    severity = "error"
    <BLANKLINE>
    [obs.donor]
    required = true
    """
    inner = {key: value for key, value in content.items() if isinstance(value, Mapping)}
    lines = [
        f"{_key(key)} = {toml_value(value)}\n" for key, value in content.items() if key not in inner
    ]
    head = f"[{_keys(name)}]\n" if name and (lines or not inner) else ""
    parts = [head + "".join(lines)] if head or lines else []
    parts += [toml_table(value, (*name, key)) for key, value in inner.items()]
    return "\n".join(part for part in parts if part)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else toml_value(name)


def _keys(names: Sequence[str]) -> str:
    return ".".join(_key(name) for name in names)
