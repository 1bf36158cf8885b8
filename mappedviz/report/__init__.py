"""Audits, collections and batches as static HTML, in a notebook and as one page; audits for other tools.

It may import plots, audits, collections and what is below them; jinja2 is at home here. A new
section is a function in `sections`, and its look is a macro or block in `templates`.
"""

from __future__ import annotations

from mappedviz.audits.diff import AuditDiff
from mappedviz.audits.result import Audit
from mappedviz.collection.mapped_collection import MappedCollection
from mappedviz.collection.row_batch import RowBatch
from mappedviz.copies.result import Copy
from mappedviz.report.croissant import croissant_content, write_croissant
from mappedviz.report.html import (
    audit_html,
    batch_html,
    collection_html,
    copy_html,
    diff_html,
    page_html,
    write_diff,
    write_html,
)
from mappedviz.report.multiqc import multiqc_content, write_multiqc
from mappedviz.text.rendering import Renderer, register

__all__ = [
    "audit_html",
    "batch_html",
    "collection_html",
    "copy_html",
    "croissant_content",
    "diff_html",
    "multiqc_content",
    "page_html",
    "write_croissant",
    "write_diff",
    "write_html",
    "write_multiqc",
]

register(Audit, Renderer(audit_html, write_html))
register(AuditDiff, Renderer(diff_html, write_diff))
register(Copy, Renderer(copy_html))
register(MappedCollection, Renderer(collection_html))
register(RowBatch, Renderer(batch_html))
