"""Joins of names that a table of genes maps: what stores would share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from mappedviz._types import Array, lazy
from mappedviz.audits.tables.identifiers import species_of_list
from mappedviz.collection.harmonise import LEAST_KNOWN, Harmoniser
from mappedviz.errors import RecipeError
from mappedviz.genes import PACKAGED, packaged
from mappedviz.recipe.joins import strip_versions
from mappedviz.recipe.names import Names

if TYPE_CHECKING:
    from mappedviz.audits.vocabulary import Vocabulary
    from mappedviz.recipe.recipe import Recipe


def maps_of(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the maps that may bring lists of names of these kinds together.

    Examples
    --------
    >>> maps_of(["symbol", "ensembl.version"]), maps_of(["symbol", "symbol"]), maps_of(["number"])
    (('symbol->ensembl', 'ensembl->symbol'), ('symbol->symbol',), ())
    """
    every = {kind.partition(".")[0] for kind in kinds}
    if every == {"symbol", "ensembl"}:
        return "symbol->ensembl", "ensembl->symbol"
    if every == {"symbol"}:
        return ("symbol->symbol",)
    return ("ensembl->ensembl",) if every == {"ensembl"} else ()


def species_with_table(lists: Sequence[Names]) -> str | None:
    """Return the species of all lists, if it is one and there is a table of it."""
    every = {species_of_list(names) for names in lists} - {None}
    species = every.pop() if len(every) == 1 else None
    return species if species in PACKAGED else None


def mapped_codes(
    vocabulary: Vocabulary, names: Array, lists: Sequence[Array], species: str, how: str
) -> list[Array] | None:
    """Return lists of numbers of names after a map; None if a list is not of the species.

    Parameters
    ----------
    vocabulary
        Numbers the names, and keeps what they become.
    names
        Its first names, of which the lists are.
    lists
        The numbers of the names of each list.
    species
        Of a packaged table.
    how
        The map.
    """
    become = partial(_mapped, species=species, how=how)
    new, known = vocabulary.derived((species, how), names, become)
    if any(known[codes].mean() < LEAST_KNOWN for codes in lists if len(codes)):
        return None
    some = [new[codes] for codes in lists]
    return [codes[codes >= 0] for codes in some]


def _mapped(names: Array, species: str, how: str) -> tuple[Array, Array]:
    """The new number of each name, -1 where it is left out, and whether the table knows it."""
    import pandas as pd

    table = packaged(species)
    plain = strip_versions(names)
    places = table.places(plain)
    values = table.map_known(plain, places, how).values
    values[values == ""] = None  # which has no number
    codes, _ = pd.factorize(values)
    return codes, places >= 0


class AsJoined:
    """Makes names what they are joined by: each list once, however many stores have it.

    Parameters
    ----------
    recipe
        Says ``strip_version``, ``var_map`` and ``var_alias``.

    Examples
    --------
    >>> import numpy as np
    >>> from mappedviz.recipe.recipe import Recipe
    >>> names = Names.of(np.array(["TP53", "CD4"], dtype=object))
    >>> AsJoined(Recipe(var_alias={"TP53": "p53"}))(names).values.tolist()
    ['p53', 'CD4']
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._made: dict[bytes, Names] = {}

    def __call__(self, names: Names) -> Names:
        """Return names as the recipe's map and new names make them; as they are if it is refused."""
        if self._recipe.var_map is None and not self._recipe.var_alias:
            return names
        if names.key not in self._made:
            self._made[names.key] = self._make(names)
        return self._made[names.key]

    @lazy
    def _harmonise(self) -> Harmoniser:
        return Harmoniser(self._recipe)

    def _make(self, names: Names) -> Names:
        try:
            joined = self._harmonise(names)
        except RecipeError:  # the plan says what is wrong
            return names
        left = joined.values[joined.values != ""]
        return joined if len(left) == len(joined) else Names.of(left)
