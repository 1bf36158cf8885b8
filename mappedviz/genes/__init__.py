"""Tables of genes: Ensembl identifiers, symbols, the names that genes had before, synonyms.

It may import errors and types only. The tables of human and mouse are files beside this one, made by
`scripts/gene_tables.py`; README.md says what is in them, and whose they are. Another map between kinds of
names is a line of `MAPS` and a function in `lookup`.
"""

from __future__ import annotations

from mappedviz.genes.gene_table import GeneTable, MappedNames
from mappedviz.genes.lookup import MAPS
from mappedviz.genes.packaged import PACKAGED, packaged, release_of, table

__all__ = ["MAPS", "PACKAGED", "GeneTable", "MappedNames", "packaged", "release_of", "table"]
