"""An audit as custom content of MultiQC: columns of its general statistics, and a table of findings.

MultiQC takes what it is given for HTML, so whatever comes from a file is escaped here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mappedviz._types import SEVERITIES, PathLike
from mappedviz.errors import RecipeError
from mappedviz.report.html import escape
from mappedviz.text.display import is_missing, listed, shown
from mappedviz.text.files import write_text

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit

SUFFIX = "_mqc.json"
"""Names of files that MultiQC reads by itself end so."""

_ABOUT = "mappedviz: what is in AnnData stores, and whether one may train on them"
_COLUMNS: dict[str, dict[str, Any]] = {
    "cells": {"title": "Cells", "description": "Cells of the store", "format": "{:,.0f}",
              "scale": "Blues", "min": 0},
    "genes": {"title": "Genes", "description": "Genes of the store", "format": "{:,.0f}",
              "scale": "Greens", "min": 0},
    "shared": {"title": "Shared genes", "description": "Share of its genes that all stores have",
               "suffix": "%", "min": 0, "max": 100, "scale": "Greens"},
    "scale": {"title": "X", "description": "Scale of the values of X, by sampled rows"},
    "bad": {"title": "Errors", "description": "Findings about the store: fatal and errors",
            "format": "{:,.0f}", "scale": "Reds", "min": 0},
    "warnings": {"title": "Warnings", "description": "Findings about the store: warnings",
                 "format": "{:,.0f}", "scale": "Oranges", "min": 0},
}  # fmt: skip
_FINDINGS: dict[str, dict[str, Any]] = {
    "severity": {"title": "Severity", "description": "The worst come first"},
    "message": {"title": "Found", "description": "What was found"},
    "stores": {"title": "Stores", "description": "Stores that it is about"},
    "remedy": {"title": "Remedy", "description": "What to do about it"},
}


def multiqc_content(audit: Audit) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two contents for MultiQC: general statistics, and the table of findings.

    Parameters
    ----------
    audit
        The audit to show.
    """
    statistics = {
        "id": "mappedviz",
        "plot_type": "generalstats",
        "headers": {name: {**about, "namespace": "mappedviz"} for name, about in _COLUMNS.items()},
        "data": _statistics(audit),
    }
    findings = {
        "id": "mappedviz_findings",
        "section_name": "Findings of the audit",
        "parent_id": "mappedviz",
        "parent_name": "mappedviz",
        "parent_description": str(escape(_ABOUT)),
        "description": str(escape(audit.verdict)),
        "plot_type": "table",
        "pconfig": {
            "id": "mappedviz_findings_table",
            "title": "mappedviz: findings of the audit",
            "col1_header": "Finding",
            "no_violin": True,
            "sort_rows": False,
        },
        "headers": _FINDINGS,
        "data": _findings(audit),
    }
    return statistics, findings


def _statistics(audit: Audit) -> dict[str, dict[str, Any]]:
    counts = {severity: _per_store(audit, severity) for severity in SEVERITIES}
    table = audit.coverage.table
    genes = zip(table.index, table["kept"].tolist(), table["lost"].tolist(), strict=True)
    shared = {name: round(100 * kept / max(kept + lost, 1), 2) for name, kept, lost in genes}
    found: dict[str, dict[str, Any]] = {}
    for name, row in audit.stores.iterrows():
        store = str(name)
        values: dict[str, Any] = {
            "bad": counts["fatal"].get(store, 0) + counts["error"].get(store, 0),
            "warnings": counts["warning"].get(store, 0),
        }
        for key, column in (("cells", "n_obs"), ("genes", "n_vars")):
            if not is_missing(row[column]):
                values[key] = int(row[column])
        if store in shared:
            values["shared"] = shared[store]
        if not is_missing(row["x_scale"]):
            values["scale"] = str(escape(row["x_scale"]))
        found[str(escape(shown(store, None)))] = values
    return found


def _per_store(audit: Audit, severity: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for finding in audit.findings:
        for store in finding.stores if finding.severity == severity else ():
            counts[store] = counts.get(store, 0) + 1
    return counts


def _findings(audit: Audit) -> dict[str, dict[str, str]]:
    """Finding -> its texts; a row that says so where there is none, so that no old table stays."""
    rows: dict[str, dict[str, str]] = {}
    for i, finding in enumerate(audit.findings, start=1):
        rows[f"{i:03}. {escape(finding.id)}"] = {
            "severity": finding.severity,
            "message": str(escape(finding.message)),
            "stores": str(escape(listed(list(finding.stores), most=4))),
            "remedy": str(escape(finding.remedy)),
        }
    return rows or {
        "none": {"severity": "", "message": "Nothing was found.", "stores": "", "remedy": ""}
    }


def write_multiqc(audit: Audit, path: PathLike) -> tuple[Path, Path]:
    """Write an audit for MultiQC: general statistics, and beside them a table of findings.

    MultiQC takes one section per file, so there are two: ``audit_mqc.json`` and
    ``audit_findings_mqc.json``.

    Parameters
    ----------
    audit
        The audit to show.
    path
        The first file; its name has to end in ``_mqc.json``, because MultiQC reads no others.

    Returns
    -------
    tuple of Path
        Both files.

    Raises
    ------
    RecipeError
        The name ends in another way.
    OSError
        A file cannot be written; what was there before is still there.
    """
    target = Path(path)
    if not target.name.endswith(SUFFIX):
        raise RecipeError(
            f"is named {target.name!r}, which MultiQC does not read",
            store=target,
            remedy=f"Give it a name that ends in {SUFFIX!r}.",
        )
    stem = target.name.removesuffix(SUFFIX)
    other = target.with_name(f"{stem}_findings{SUFFIX}")
    texts = [json.dumps(one, allow_nan=False, indent=1) + "\n" for one in multiqc_content(audit)]
    return write_text(target, texts[0]), write_text(other, texts[1])
