"""Two audits side by side: stores, cells, genes, labels and findings that came, went or changed.

It may import the tables of audits, and knows nothing of stores and files: an audit that was read from
JSON is as good as one of stores. A new thing to compare is a function in `compare`.
"""

from __future__ import annotations

from mappedviz.audits.diff.compare import compared
from mappedviz.audits.diff.values import AuditDiff, Change, Side

__all__ = ["AuditDiff", "Change", "Side", "compared"]
