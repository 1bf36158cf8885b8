"""A table of genes, and what it makes of names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import repeat
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
        return self.map_known(kept, self.places(kept), how)

    def map_known(self, names: Array, places: Array, how: str) -> MappedNames:
        """As :meth:`map`, of names whose places in the table are known."""
        source, target = how.split("->")
        targets, codes = self._answers(how)
        values, found = targets[places], codes[places]
        for i in np.flatnonzero(places < 0).tolist():
            kind = "ensembl" if _IDENTIFIER.fullmatch(names[i]) else "symbol"
            stays = kind == target or kind != source  # of the wanted kind, or not what is mapped
            values[i], found[i] = (names[i], SAME) if stays else ("", UNKNOWN)
        return MappedNames(values, found)

    def places(self, names: Array) -> Array:
        """The places of names and identifiers in the table, -1 for those that are not there: int64 (n,)."""
        found = map(self._place_of.get, names.tolist(), repeat(-1))
        return np.fromiter(found, np.int64, len(names))

    def knows(self, names: Array) -> Array:
        """Boolean (n,): which names are identifiers, symbols, earlier names or synonyms of the table."""
        known: Array = self.places(names) >= 0
        return known

    @lazy
    def release_names(self) -> list[str]:
        """The releases of Ensembl that the table knows, the oldest first."""
        longest: str = max(self.frame["releases"].unique().tolist(), key=len)
        return longest.split("|")

    def in_release(self, identifiers: Array, release: str) -> Array:
        """Boolean (n,): which identifiers a release of Ensembl has."""
        rows = self.places(identifiers) - len(self._genes.names)
        some = self.frame["releases"].unique().tolist()
        having = [one for one in some if release in one.split("|")]
        has = np.append(
            self.frame["releases"].isin(having).to_numpy(), [False]
        )  # the last one: no row
        found: Array = has[np.where(rows < 0, -1, rows)]
        return found

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
    def _place_of(self) -> dict[str, int]:
        """The place of each name, and of each identifier behind the names."""
        names = [*self._genes.names.tolist(), *self.frame["ensembl"].tolist()]
        return {name: place for place, name in enumerate(names)}

    @lazy
    def _known_answers(self) -> dict[str, tuple[Array, Array]]:
        return {}

    def _answers(self, how: str) -> tuple[Array, Array]:
        """What the name at each place becomes, and how it was found."""
        if how not in self._known_answers:
            names = self._genes.names.to_numpy(dtype=object)
            ids = self.frame["ensembl"].to_numpy(dtype=object)
            stay = Lookup(self._genes.names, names, np.full(len(names), SAME, np.int8))
            of_names, of_ids = stay, (ids, np.full(len(ids), SAME, np.int8))
            if how == "symbol->ensembl":
                of_names = symbols_to_ensembl(self.frame, self._genes)
            elif how == "symbol->symbol":
                of_names = symbols_to_symbols(self._genes)
            elif how == "ensembl->symbol":
                of_ids = ensembl_to_symbols(self.frame, self._genes)
            else:
                ensembl = symbols_to_ensembl(self.frame, self._genes)
                of_ids = ensembl_to_ensembl(self.frame, ensembl)
            self._known_answers[how] = (
                np.concatenate([of_names.targets, of_ids[0]]),
                np.concatenate([of_names.how, of_ids[1]]),
            )
        return self._known_answers[how]


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
