"""The report that the documentation shows: the audit of the demo collection, as the build of the pages makes it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import mappedviz as mv

HERE = Path(__file__).resolve().parent


def write(target: Path = HERE / "_static" / "live" / "report.html") -> Path:
    """Audit the demo collection and write the page; its path."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # Its paths are shown: those of a folder for caches would be of whoever builds the pages.
    stores = mv.datasets.demo(Path(tempfile.gettempdir(), "atlas"))
    audit = mv.audit(stores, label="cell_type", batch="donor", progress=False)
    audit.to_html(target)
    return target
