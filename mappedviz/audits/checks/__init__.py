"""Checks: each a small function of the tables; its docstring is its message.

To add one, write a function in one of these modules and decorate it with
:func:`~mappedviz.audits.findings.check`. It yields :class:`~mappedviz.audits.findings.Found`, or raises
:class:`~mappedviz.audits.findings.NotApplicableError` where there is nothing to judge.
"""

from mappedviz.audits.checks import (
    batch,
    bias,
    cells,
    counts,
    files,
    genes,
    labels,
    naming,
    panel,
    references,
    selection,
    splitting,
    values,
)
from mappedviz.audits.findings import CHECKS

__all__ = [
    "CHECKS",
    "batch",
    "bias",
    "cells",
    "counts",
    "files",
    "genes",
    "labels",
    "naming",
    "panel",
    "references",
    "selection",
    "splitting",
    "values",
]
