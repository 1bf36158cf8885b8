"""`mappedviz scan`: read stores where they are, one small file each, for an audit without the data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mappedviz.cli.options import FOUND, OK, add_storage_options, no_store, subcommand
from mappedviz.cli.terminal import say

_EPILOG = """\
examples:
  mappedviz scan data/*.h5ad -o scans/
  mappedviz scan a.h5ad -o a.h5ad.scan --column n_genes
  mappedviz audit scans/ --label cell_type

A scan has facts, names of genes, samples of all matrices, and of each column of obs of at most 2,000 values
its rows. The audit of scans is that of the stores.

exit status:
  0  the scans were written; that of a store that cannot be read says why
  1  there is such a store, with --strict
  2  wrong usage, no store, or a file that cannot be written
"""


def add_scan(commands: Any) -> None:
    """Add the command to those of a parser."""
    scan = subcommand(
        commands, "scan", "write what an audit needs of each store to a file", _EPILOG
    )
    scan.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help=".h5ad files, .zarr and .zarr.zip stores, patterns, or folders that hold them",
    )
    add_storage_options(scan)
    scan.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        help="a folder for the scans, or a file .scan for that of one store",
    )
    scan.add_argument(
        "--column",
        metavar="NAME",
        action="append",
        default=[],
        help="keep this column of obs even if it has many values; may be repeated",
    )
    scan.add_argument(
        "--deep", action="store_true", help="read all cells, so that the audit can compare them"
    )
    scan.add_argument(
        "--workers", metavar="N", type=int, help="processes (default: as many as are worth it)"
    )
    scan.add_argument(
        "--open-timeout",
        metavar="SECONDS",
        type=float,
        help="give a store up after so many seconds (default: 60)",
    )
    scan.add_argument(
        "--strict", action="store_true", help="exit status 1 if a store cannot be read"
    )
    scan.add_argument("-q", "--quiet", action="store_true", help="no progress")
    scan.set_defaults(run=_scan)


def _scan(options: argparse.Namespace) -> int:
    from mappedviz.audits import write_scans

    if not options.paths:
        raise no_store()
    bad: list[Exception] = []

    def written(_path: Path, error: Exception | None) -> None:
        if error is not None:
            bad.append(error)

    files = write_scans(
        options.paths,
        options.output,
        columns=options.column,
        deep=options.deep,
        workers=options.workers,
        open_timeout=options.open_timeout,
        progress=not options.quiet,
        written=written,
    )
    for error in bad:
        say(str(error))
    say(f"wrote {files[0] if len(files) == 1 else f'{len(files)} scans to {options.output}'}")
    return FOUND if bad and options.strict else OK
