"""A table of genes, and what it makes of names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array, PathLike, lazy
from mappedviz.errors import RecipeError
from mappedviz.genes.lookup import (
    AMBIGUOUS,
    HOW,
    MAPS,
    SAME,
    UNKNOWN,
    Lookup,
    candidates,
    ensembl_to_ensembl,
    ensembl_to_symbols,
    symbols_to_ensembl,
    symbols_to_genes,
    symbols_to_symbols,
)

if TYPE_CHECKING:
    import pandas as pd

_IDENTIFIER = re.compile(r"ENS[A-Z]*G\d{11}")
_NEEDED = ("ensembl", "symbol")
_LISTS = ("retired", "earlier", "synonyms", "releases")
_FLAGS = {"named": False, "current": True}


@dataclass(frozen=True, eq=False)
class MappedNames:
    """Names as a map makes them.

    Attributes
    ----------
    values
        Objects (n,): the new names, ``""`` where a name is left out.
    codes
        int8 (n,): how each was found, as positions in :data:`HOW`.
    """

    values: Array
    codes: Array

    @property
    def how(self) -> list[str]:
        """The way in which each name was found.

        ``"same"`` stays as it is. ``"current"`` is the name of today, ``"retired"`` one that HGNC withdrew,
        ``"earlier"`` one in an earlier release, ``"former"`` that of a gene in earlier releases only,
        ``"synonym"`` a synonym. ``"ambiguous"`` and ``"unknown"`` are left out.
        """
        return [HOW[code] for code in self.codes.tolist()]


@dataclass(frozen=True, eq=False)
class GeneTable:
    """Genes of one species: identifiers, symbols, earlier names and synonyms.

    Attributes
    ----------
    name
        The species of a packaged table, the path of another one.
    release
        Which release of the table this is: recipes name it.
    frame
        One row per gene: ``ensembl``, ``symbol`` (``""`` if it has none), ``retired`` (symbols that HGNC
        withdrew), ``earlier`` (names in earlier releases), ``synonyms`` (each separated by ``"|"``),
        ``releases`` (of Ensembl that have the identifier), ``named`` (HGNC or MGI give this identifier for
        the symbol), ``current`` (it is in the newest release).

    Examples
    --------
    >>> from mappedviz.genes import packaged
    >>> table = packaged("human")
    >>> names = ["TP53", "SEPT2", "ENSG00000141510", "Y_RNA", "nonsense"]
    >>> mapped = table.map(names, "symbol->ensembl")
    >>> mapped.values.tolist()
    ['ENSG00000141510', 'ENSG00000168385', 'ENSG00000141510', '', '']
    >>> mapped.how
    ['current', 'retired', 'same', 'ambiguous', 'unknown']
    >>> table.map(["MARCH1", "TP53"], "symbol->symbol").values.tolist()
    ['MARCHF1', 'TP53']
    """

    name: str
    release: str
    frame: pd.DataFrame = field(repr=False)

    @classmethod
    def from_csv(cls, path: PathLike) -> GeneTable:
        """Read a table of another species or release.

        Parameters
        ----------
        path
            A CSV file with columns ``ensembl`` and ``symbol``, and those of the others of
            :attr:`frame` that there are; may be compressed, as pandas reads it. Without ``current``,
            every gene is.

        Raises
        ------
        OSError
            The file cannot be read.
        RecipeError
            It is no such table.
        """
        where = os.fspath(path)
        return cls(where, digest_of(where), read_frame(where))

    def map(self, names: Iterable[str] | Array, how: str) -> MappedNames:
        """Return names as a map makes them; a name of several genes is left out, never guessed.

        Names that are of the wanted kind stay. Where a map changes the kind, a name that the table does
        not know is left out, too.

        Parameters
        ----------
        names
            Symbols and Ensembl identifiers without versions, mixed freely.
        how
            One of ``"symbol->ensembl"``, ``"ensembl->symbol"``, ``"symbol->symbol"`` (earlier names
            become today's) and ``"ensembl->ensembl"``.

        Raises
        ------
        RecipeError
            There is no such map.
        """
        check_map(how)
        kept = names if isinstance(names, np.ndarray) else np.array(list(names), dtype=object)
        source, target = how.split("->")
        identifier = _are_identifiers(kept)
        at = np.flatnonzero(identifier if source == "ensembl" else ~identifier)
        values = kept.astype(object)  # a copy
        codes = np.full(len(kept), SAME, dtype=np.int8)
        found, codes_found = self._lookup(how).find(kept[at])
        if source == target:  # a name that is not known is of the wanted kind already
            stays = codes_found == UNKNOWN
            found[stays], codes_found[stays] = kept[at][stays], SAME
        values[at], codes[at] = found, codes_found
        return MappedNames(values, codes)

    def knows(self, names: Array) -> Array:
        """Boolean (n,): which names are identifiers, symbols, earlier names or synonyms of the table."""
        known: Array = self._ensembl.has(names) | self._symbols.has(names)
        return known

    def candidates(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Return the identifiers of all genes that have, or had, one of the names, per name.

        Examples
        --------
        >>> from mappedviz.genes import packaged
        >>> packaged("human").candidates(["TBCE"])
        {'TBCE': ['ENSG00000116957', 'ENSG00000284770', 'ENSG00000285053']}
        """
        return candidates(self.frame, list(dict.fromkeys(names)))

    @lazy
    def _genes(self) -> Lookup:
        return symbols_to_genes(self.frame)

    @lazy
    def _ensembl(self) -> Lookup:
        return symbols_to_ensembl(self.frame, self._genes)

    @lazy
    def _symbols(self) -> Lookup:
        return ensembl_to_symbols(self.frame, self._genes)

    @lazy
    def _identifiers(self) -> Lookup:
        return ensembl_to_ensembl(self.frame, self._ensembl)

    def _lookup(self, how: str) -> Lookup:
        if how == "symbol->symbol":
            return symbols_to_symbols(self._genes)
        if how == "symbol->ensembl":
            return self._ensembl
        return self._symbols if how == "ensembl->symbol" else self._identifiers


def check_map(how: str) -> None:
    """Raise RecipeError where there is no such map."""
    if how not in MAPS:
        raise RecipeError(
            f"is {how!r}", key="var_map", remedy=f"Use one of {', '.join(map(repr, MAPS))}."
        )


def left_out(codes: Array) -> Array:
    """Boolean: which names are left out, by how they were found."""
    out: Array = (codes == AMBIGUOUS) | (codes == UNKNOWN)
    return out


def _are_identifiers(names: Array) -> Array:
    match = _IDENTIFIER.fullmatch
    return np.array(
        [one.startswith("ENS") and match(one) is not None for one in names.tolist()], dtype=bool
    )


def digest_of(path: PathLike) -> str:
    """Return a checksum of the bytes of a file, by which a recipe knows a table of the user's."""
    return blake2b(Path(path).read_bytes(), digest_size=8).hexdigest()


def read_frame(path: PathLike) -> pd.DataFrame:
    """Read the rows of a table; see :attr:`GeneTable.frame`."""
    import pandas as pd

    try:
        read = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, EOFError) as error:
        raise _no_table(path, f"is no CSV file ({error})") from error
    lacking = [name for name in _NEEDED if name not in read.columns]
    if lacking:
        raise _no_table(path, f"has no column {lacking[0]!r}, but {list(read.columns)[:8]}")
    if read["ensembl"].duplicated().any() or (read["ensembl"] == "").any():
        raise _no_table(path, "has identifiers that are empty or there twice")
    frame = read[list(_NEEDED)].copy()
    for name in _LISTS:
        frame[name] = read[name] if name in read.columns else ""
    for name, default in _FLAGS.items():
        given = read[name].str.lower().isin(["1", "true"]) if name in read.columns else default
        frame[name] = given
    return frame.astype(dict.fromkeys((*_NEEDED, *_LISTS), object))


def _no_table(path: PathLike, what: str) -> RecipeError:
    return RecipeError(
        what,
        key="var_map",
        store=os.fspath(path),
        remedy="Give a CSV file with a header and the columns ensembl and symbol, one row per gene.",
    )
