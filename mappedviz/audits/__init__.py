"""Audits: scans of stores, tables, checks, and a verdict on whether one may train on them.

It may import collection and everything below it; loaders are its sibling and unknown to it. A new
check is a function in `checks`, a new table a module in `tables`.
"""

from __future__ import annotations

from mappedviz.audits.cache import ScanCache, forget_scans
from mappedviz.audits.cells.depths import CellStats
from mappedviz.audits.cells.embeddings import Embedding
from mappedviz.audits.cells.expression import Expression
from mappedviz.audits.diff import AuditDiff, Change
from mappedviz.audits.expectations import (
    Expectations,
    ExpectedColumn,
    ExpectedGenes,
    ExpectedMatrix,
    ExpectedStores,
)
from mappedviz.audits.findings import Finding, Found, NotApplicableError, check
from mappedviz.audits.result import Audit
from mappedviz.audits.run import audit
from mappedviz.audits.scan import ScanCancelledError
from mappedviz.audits.tables.genes import Coverage
from mappedviz.audits.tables.labels import LabelTable
from mappedviz.audits.tables.stores import obs_schema, stores_table
from mappedviz.audits.tables.weights import WeightTable, compare_schemes
from mappedviz.audits.thresholds import Thresholds
from mappedviz.audits.workers import scan_stores
from mappedviz.audits.write_scans import write_scans

__all__ = [
    "Audit",
    "AuditDiff",
    "CellStats",
    "Change",
    "Coverage",
    "Embedding",
    "Expectations",
    "ExpectedColumn",
    "ExpectedGenes",
    "ExpectedMatrix",
    "ExpectedStores",
    "Expression",
    "Finding",
    "Found",
    "LabelTable",
    "NotApplicableError",
    "ScanCache",
    "ScanCancelledError",
    "Thresholds",
    "WeightTable",
    "audit",
    "check",
    "compare_schemes",
    "forget_scans",
    "obs_schema",
    "scan_stores",
    "stores_table",
    "write_scans",
]
