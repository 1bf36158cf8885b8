"""What is shown of a finished copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mappedviz.report.values import (
    REPR_ROWS,
    Cell,
    Content,
    Section,
    Table,
    highest,
    left_out,
    number_cell,
)
from mappedviz.text.addresses import base_name
from mappedviz.text.display import cut, names, size, visible

if TYPE_CHECKING:
    from mappedviz.copies.result import Copy


def copy_content(copy: Copy) -> Content:
    """Return what is shown of a copy: its stores, their sizes, and how to read it."""
    some = copy.shards[:REPR_ROWS]
    top_rows, top_bytes = highest([s.n_obs for s in some]), highest([s.nbytes for s in some])
    rows = [
        [
            Cell(name, title=cut(visible(shard.path), 100)),
            number_cell(shard.n_obs, top_rows),
            number_cell(shard.nbytes, top_bytes, text=size(shard.nbytes)),
            Cell("before" if shard.again else f"{shard.seconds:.1f} s", number=True),
        ]
        for name, shard in zip(names([base_name(s.path) for s in some], 48), some, strict=True)
    ]
    note = left_out(len(copy.shards), REPR_ROWS, "stores", "copy.shards")
    table = Table(("store", "cells", "size", "made in"), rows, note=note)
    n = len(copy.shards)
    skipped = f", {len(copy.skipped):,} left out" if copy.skipped else ""
    return Content(
        verdict=f"Copy of {n:,} {'store' if n == 1 else 'stores'}: {copy.n_obs:,} cells",
        summary=f"{size(copy.nbytes)} of {size(copy.source_bytes)} in {cut(visible(copy.out_dir), 100)}, "
        f"{copy.seconds:.1f} s{skipped}",
        sections=[Section("stores", "Stores", tables=[table])],
        code="ds = copy.collection()",
    )
