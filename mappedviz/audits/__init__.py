"""Whether one may train on these stores: scans, tables, checks, and the verdict.

It may import collection and everything below it; loaders are its sibling and unknown to it. A new
check is a function in `checks`, a new table a module in `tables`.
"""

from __future__ import annotations

from mappedviz.audits.findings import Finding, Found, check
from mappedviz.audits.result import Audit, audit
from mappedviz.audits.tables.genes import Coverage
from mappedviz.audits.tables.labels import LabelTable
from mappedviz.audits.tables.stores import obs_schema, stores_table
from mappedviz.audits.tables.weights import WeightTable, compare_schemes
from mappedviz.audits.workers import forget_scans, scan_stores

__all__ = [
    "Audit",
    "Coverage",
    "Finding",
    "Found",
    "LabelTable",
    "WeightTable",
    "audit",
    "check",
    "compare_schemes",
    "forget_scans",
    "obs_schema",
    "scan_stores",
    "stores_table",
]
