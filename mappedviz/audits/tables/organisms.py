"""The species of each store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mappedviz.audits.tables.identifiers import species_of_list

if TYPE_CHECKING:
    from mappedviz.audits.scan import Scan

_COLUMNS = ("organism", "species")
_SAME = {"homo sapiens": "human", "mus musculus": "mouse", "rattus norvegicus": "rat"}


def plain_species(name: str) -> str:
    """Return the everyday name of a species, in lower case.

    Examples
    --------
    >>> plain_species("Homo sapiens"), plain_species("Axolotl")
    ('human', 'axolotl')
    """
    return _SAME.get(name.lower(), name.lower())


def organisms(stores: Iterable[tuple[str, Scan]]) -> dict[str, set[str]]:
    """Store -> its species, by an obs column that says so, else by the names of the genes.

    Stores that do not tell are left out.

    Parameters
    ----------
    stores
        Display names and scans.

    Examples
    --------
    >>> from mappedviz.audits.reading import scan_store
    >>> from mappedviz.datasets import demo
    >>> organisms([("a", scan_store(demo() / "berlin.h5ad"))])
    {'a': {'human'}}
    """
    found: dict[str, set[str]] = {}
    for name, scan in stores:
        facts = next((scan.obs[key] for key in _COLUMNS if key in scan.obs), None)
        if facts is not None and facts.labels is not None and facts.counts is not None:
            some = zip(facts.labels, facts.counts.tolist(), strict=True)
            found[name] = {plain_species(str(label)) for label, n in some if n}
        else:
            named = next(filter(None, map(species_of_list, scan.names.values())), None)
            if named is not None:
                found[name] = {named}
    return found
