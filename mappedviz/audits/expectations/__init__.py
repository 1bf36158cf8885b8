"""What a collection has to be, as a value and as TOML, and whether it is.

It may import tables, findings and evidence; audits that are made are above it. A new expectation is
a field in `values`, a function in `checks`, and what holds now in `holding`.
"""

from __future__ import annotations

from mappedviz.audits.expectations.checks import judged
from mappedviz.audits.expectations.holding import holding
from mappedviz.audits.expectations.parts import (
    ExpectedColumn,
    ExpectedGenes,
    ExpectedMatrix,
    ExpectedStores,
)
from mappedviz.audits.expectations.values import Expectations

__all__ = [
    "Expectations",
    "ExpectedColumn",
    "ExpectedGenes",
    "ExpectedMatrix",
    "ExpectedStores",
    "holding",
    "judged",
]
