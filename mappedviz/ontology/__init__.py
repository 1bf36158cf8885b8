"""The Cell Ontology: what labels may mean, what they may be called, and what is above them.

It may import errors only: it knows no recipe and no store, and suggests names that a person
may take. The terms are packaged (`data/`, made by `scripts/cell_ontology.py`, CC BY 4.0) and read when
they are first asked for. A new abbreviation goes to `spelling`, a new way of recognising to `matching`.
"""

from __future__ import annotations

from mappedviz.ontology.matching import HOWS
from mappedviz.ontology.tables import SURE, ancestors, relabel, roll_up, suggest
from mappedviz.ontology.terms import Term, Terms, terms

__all__ = ["HOWS", "SURE", "Term", "Terms", "ancestors", "relabel", "roll_up", "suggest", "terms"]
