"""`mappedviz audit`: say what is in stores and what stands in the way, and write it down."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mappedviz.cli.options import FAILING, FOUND, OK, audit_of, command_on_stores
from mappedviz.cli.terminal import console_of, say, show_audit
from mappedviz.text.files import csv_text, write_text

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit

_EPILOG = """\
examples:
  mappedviz audit data/*.h5ad --label cell_type
  mappedviz audit data/ --label cell_type --batch donor --html audit.html
  mappedviz audit data/ --recipe recipe.json --json audit.json --fail-on warning
  mappedviz audit data/ --expect collection.toml --fail-on error
  mappedviz audit -- -rf.h5ad

exit status:
  0  no finding is as severe as --fail-on
  1  there is such a finding
  2  wrong usage, nothing to read, or a file that cannot be written
"""


def add_audit(commands: Any) -> None:
    """Add the command to those of a parser."""
    audit = command_on_stores(
        commands, "audit", "say what is in the stores and what stands in the way", _EPILOG
    )
    audit.add_argument(
        "--expect",
        metavar="FILE",
        help="TOML that says what the collection has to be; what it is not, is a finding",
    )
    audit.add_argument(
        "--html", metavar="FILE", help="write the audit with figures as one HTML file"
    )
    audit.add_argument("--json", metavar="FILE", help="write the audit as JSON")
    audit.add_argument("--csv", metavar="FOLDER", help="write the tables as CSV files")
    audit.add_argument(
        "--multiqc",
        metavar="FILE",
        help="write FILE_mqc.json, and its findings beside it, for MultiQC",
    )
    audit.add_argument(
        "--croissant",
        metavar="FILE",
        help="write metadata of the stores as JSON-LD (Croissant 1.0)",
    )
    audit.add_argument(
        "--no-checksums",
        action="store_true",
        help="with --croissant: do not read the whole stores for their checksums",
    )
    audit.add_argument(
        "--fail-on",
        choices=(*FAILING, "never"),
        default="fatal",
        help="exit status 1 if there is a finding of this severity or worse (default: fatal)",
    )
    audit.set_defaults(run=_audit)


def _audit(options: argparse.Namespace) -> int:
    audit = audit_of(options, expect=options.expect)
    show_audit(audit, console_of(sys.stdout))
    if options.html:
        say(f"wrote {audit.to_html(options.html)}")
    if options.json:
        say(f"wrote {write_text(options.json, _json_of(audit))}")
    if options.csv:
        say(f"wrote {_write_csv(audit, Path(options.csv))}")
    if options.multiqc:
        from mappedviz.report.multiqc import write_multiqc

        say(f"wrote {' and '.join(map(str, write_multiqc(audit, options.multiqc)))}")
    if options.croissant:
        from mappedviz.report.croissant import write_croissant

        checksums = not options.no_checksums
        say(f"wrote {write_croissant(audit, options.croissant, checksums=checksums)}")
    if options.fail_on == "never":
        return OK
    bad = FAILING[: FAILING.index(options.fail_on) + 1]
    return FOUND if any(finding.severity in bad for finding in audit.findings) else OK


def _json_of(audit: Audit) -> str:
    return audit.to_json() + "\n"


def _write_csv(audit: Audit, folder: Path) -> str:
    from mappedviz.report.sections.audit import label_table, weight_table

    folder.mkdir(parents=True, exist_ok=True)
    labels, weights = label_table(audit), weight_table(audit)
    tables = {
        "stores": audit.stores,
        "genes": audit.coverage.table,
        "labels": None if labels is None else labels.counts,
        "weights": None if weights is None else weights.table,
        "obs_columns": audit.obs_schema,
    }
    written = [
        write_text(folder / f"{name}.csv", csv_text(table)).name
        for name, table in tables.items()
        if table is not None
    ]
    return f"{', '.join(written)} in {folder}"
