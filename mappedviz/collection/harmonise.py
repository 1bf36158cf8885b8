"""Names of variables as they are joined: without versions, mapped by a table of genes, single ones renamed.

The order is fixed: the column that ``var_key`` names, ``strip_version``, ``var_map``, ``var_alias``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import JoinError, RecipeError
from mappedviz.genes import PACKAGED, GeneTable, packaged
from mappedviz.genes.gene_table import left_out
from mappedviz.genes.lookup import AMBIGUOUS, HOW, SAME, among
from mappedviz.recipe.joins import strip_versions
from mappedviz.recipe.var_maps import ANY, is_path, release_now

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.recipe.names import Names
    from mappedviz.recipe.recipe import Recipe

#: A table is of the species of names of which it knows at least this share.
LEAST_KNOWN = 0.1
#: Lists that were mapped, by their key and what was asked: the audit asks for the same ones again and again.
_mapped: dict[tuple[Hashable, ...], Names] = {}
_MOST_NAMES = 10_000_000  # pointers to texts of the tables: 80 MB
UNMAPPED = ("name", "why", "candidates", "n_stores")


class Harmoniser:
    """What a recipe makes of names of variables.

    Parameters
    ----------
    recipe
        Says ``strip_version``, ``var_map`` and ``var_alias``.

    Raises
    ------
    RecipeError
        The table of ``var_map`` is not there, or is of another release.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._alias = recipe.var_alias
        self._how = "" if recipe.var_map is None else recipe.var_map["map"]
        self._strip = recipe.strip_version or bool(self._how)
        self._key = (self._strip, tuple(self._alias.items()), recipe.var_map)
        self._own: GeneTable | None = None
        self._species: tuple[str, ...] = ()
        if recipe.var_map is not None:
            table, release = recipe.var_map["table"], recipe.var_map["release"]
            _check_release(table, release)
            if is_path(table):
                self._own = _own_table(table, release)
            else:
                self._species = PACKAGED if table == ANY else (table,)

    def __call__(self, names: Names, store: str | None = None) -> Names:
        """Return names as they are joined; ``""`` for one that is left out.

        Parameters
        ----------
        names
            Names of one store, of the column that identifies its variables.
        store
            Its path, for the message of an error.

        Raises
        ------
        RecipeError
            No table is of the species of the names.
        """
        if not (self._strip or self._alias):
            return names
        if not self._how:
            return names.of(self.found(names.values)[0])
        key = (names.key, *self._key)
        mapped = _mapped.get(key)  # asked once: another thread may clear it meanwhile
        if mapped is None:
            if sum(map(len, list(_mapped.values()))) + len(names) > _MOST_NAMES:
                _mapped.clear()
            mapped = _mapped[key] = names.of(self.found(names.values, store)[0])
        return mapped

    def found(
        self, names: Array, store: str | None = None
    ) -> tuple[Array, Array, GeneTable | None]:
        """Names as they are joined, how each was found, and the table that says so, if one was asked.

        How are codes of :data:`~mappedviz.genes.lookup.HOW`.
        """
        values = strip_versions(names) if self._strip else names
        codes = np.full(len(values), SAME, dtype=np.int8)
        table = None
        if self._how:
            asked = np.flatnonzero(~among(values, self._alias) & (values != ""))
            if len(asked):
                some = values[asked]
                table, places = self._table_of(some, store)
                mapped = table.map_known(some, places, self._how)
                values = values.copy()
                values[asked], codes[asked] = mapped.values, mapped.codes
        if self._alias:
            get = self._alias.get
            values = np.array([get(name, name) for name in values.tolist()], dtype=object)
        return values, codes, table

    def _table_of(self, names: Array, store: str | None) -> tuple[GeneTable, Array]:
        """The table of the species that names are of, and where they are in it."""
        found: dict[str, tuple[GeneTable, Array]] = {}
        shares: dict[str, float] = {}
        for name in self._species or ("own",):
            table = packaged(name) if self._own is None else self._own
            places = table.places(names)
            found[table.name], shares[table.name] = (table, places), float((places >= 0).mean())
            if shares[table.name] > 0.5:  # of no two tables
                return table, places
        *others, share = sorted(shares.values())
        if share < LEAST_KNOWN or (others and share < 2 * others[-1]):
            raise _other_species(names, list(shares), store)
        return found[max(shares, key=lambda name: shares[name])]


@lru_cache(maxsize=2)
def _own_table(path: str, release: str) -> GeneTable:
    """A table of the user's, read once in a process: an audit asks per store and gene. Another release is read anew."""
    return GeneTable.from_csv(path)


def _check_release(table: str, release: str) -> None:
    now = release_now(table)
    if now == release:
        return
    raise RecipeError(
        f"names the release {release!r} of the table {table!r}, which is {now!r} here",
        key="var_map",
        remedy="Use the table that the recipe was made with, or leave the release out to take this one.",
    )


def _other_species(names: Array, tables: list[str], store: str | None) -> RecipeError:
    some = ", ".join(repr(name) for name in names[:3].tolist())
    known = "the table" if len(tables) == 1 else "the tables"
    return RecipeError(
        f"has {len(names):,} names such as {some}, of a species that {known} "
        f"{' and '.join(map(repr, tables))} {'does' if len(tables) == 1 else 'do'} not know",
        store=store,
        key="var_map",
        remedy="Leave this store out, name another table, or give one as a CSV file of ensembl and symbol.",
    )


def of_maps(error: JoinError, recipe: Recipe) -> JoinError:
    """Return the refusal of repeated names, which says so where the files have them once."""
    makers = [name for name in ("var_map", "var_alias") if getattr(recipe, name)]
    if not makers or not error.message.startswith("repeats"):
        return error
    message = f"{error.message}, as {' and '.join(makers)} make{'s' * (len(makers) == 1)} them"
    return JoinError(message, store=error.store, key=error.key, remedy=error.remedy)


def unmapped(recipe: Recipe, named: Iterable[tuple[str, Names]]) -> pd.DataFrame:
    """Return the names that a recipe's map leaves out of the join.

    Parameters
    ----------
    recipe
        Says ``var_map``.
    named
        Per store its path and its names, before any step.

    Returns
    -------
    DataFrame
        One row per name (and species): ``name``, ``why`` (``"ambiguous"`` or ``"unknown"``), ``candidates`` (the genes that it
        may mean, separated by ``"|"``), ``n_stores`` that have it; names of most stores first.
    """
    import pandas as pd

    lists: dict[bytes, tuple[str, Names, int]] = {}
    for path, names in named:
        first, _, n = lists.get(names.key, (path, names, 0))
        lists[names.key] = first, names, n + 1
    harmonise = Harmoniser(recipe)
    counts: dict[tuple[str, str, str], int] = {}
    several: dict[GeneTable, list[str]] = {}
    for path, names, n in lists.values() if recipe.var_map is not None else ():
        values, codes, table = harmonise.found(names.values, path)
        out = left_out(codes) & (values == "")
        if table is None or not out.any():
            continue
        found = zip(names.values[out].tolist(), codes[out].tolist(), strict=True)
        for name, code in dict.fromkeys(found):
            key = table.name, name, HOW[code]
            counts[key] = counts.get(key, 0) + n
            if code == AMBIGUOUS:
                several.setdefault(table, []).append(name)
    genes = {table.name: table.candidates(some) for table, some in several.items()}
    rows = sorted((-n, name, why, table) for (table, name, why), n in counts.items())
    listed = [
        (name, why, "|".join(genes.get(table, {}).get(name, ())), -n)
        for n, name, why, table in rows
    ]
    return pd.DataFrame(listed, columns=list(UNMAPPED))
