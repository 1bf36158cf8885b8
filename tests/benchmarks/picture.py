"""One picture of the benchmark: bars with ranges, the ratio to each peer, the limit as a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mappedviz.text.colours import DARK, LIGHT, Theme

from .report import number, ratio

Record = dict[str, Any]


#: Processors that others may use while a case is measured that is drawn.
DISTURBED = 0.5
#: A peer's best contender stands for it.
PEERS = (
    ("scDataset", "scdataset"),
    ("annbatch, same files", "annbatch, same stores"),
    ("annbatch, own copy", "annbatch, own copy"),
    ("AnnLoader", "annloader"),
    ("lamindb", "lamindb"),
)


@dataclass(frozen=True)
class Panel:
    """One group of bars.

    Attributes
    ----------
    case
        The case that it shows.
    title
        Over the bars.
    measure
        ``rate``, or ``spent``: seconds, of which fewer are better.
    ours
        Contenders of ours, by the name that each gets here.
    limit
        The contender that is the limit; empty where there is none.
    peers
        Name here, and contender: the best of those whose names begin so, or with a = before it
        this one alone.
    against
        By contender, the one of ours that it is compared with, where that is not the first.
    """

    case: str
    title: str
    measure: str = "rate"
    ours: tuple[tuple[str, str], ...] = (("mappedviz", "mappedviz"),)
    limit: str = "limit, decoder, 2 threads"
    peers: tuple[tuple[str, str], ...] = PEERS
    against: dict[str, str] = field(default_factory=dict)


SMALL = ("mappedviz, 256 MB cache", "mappedviz, 256 MB cache")
BOTH = (("mappedviz", "mappedviz"), SMALL)
PLAIN = (("mappedviz.dataloader", "mappedviz"),)
PANELS = (
    Panel("random-plain", "True random order, plain .h5ad", ours=PLAIN, limit="limit, 2 threads"),
    Panel("weighted-plain", "Weighted sampling, plain .h5ad", ours=PLAIN, limit=""),
    Panel("random-gzip", "True random order, gzip .h5ad", ours=BOTH),
    Panel("random-v3", "True random order, zarr v3", ours=BOTH),
    Panel(
        "block-plain-csr", "Block shuffle, sparse batches, plain .h5ad", limit="limit, 2 threads"
    ),
    Panel(
        "block-sharded-csr",
        "Block shuffle, sparse batches, sharded zarr",
        ours=(("mappedviz", "mappedviz"), ("mappedviz, 512 in 4,096", "mappedviz, blocks of 512")),
        limit="",
        peers=(
            ("scDataset", "scdataset"),
            ("annbatch", "=annbatch, same stores"),
            ("annbatch, blocks of 512", "=annbatch, same stores, 512 in 4,096"),
        ),
        against={"annbatch, same stores, 512 in 4,096": "mappedviz, 512 in 4,096"},
    ),
    Panel("start-gzip", "Start of an epoch: ten batches, gzip .h5ad", "spent", BOTH, ""),
    Panel("start-v3", "Start of an epoch: ten batches, zarr v3", "spent", BOTH, ""),
)


def bars(panel: Panel, records: Sequence[Record]) -> list[tuple[str, Record]]:
    """Return what a panel shows: ours first, then the best contender of each peer; nothing that was disturbed."""
    there = [r for r in records if r["case"] == panel.case and panel.measure in r]
    if any(record.get("others", 0) > DISTURBED for record in there):
        return []
    by_name = {record["contender"]: record for record in there}
    found = [(shown, by_name[name]) for name, shown in panel.ours if name in by_name]
    for shown, begins in panel.peers:
        if begins.startswith("="):
            mine = [by_name[begins[1:]]] if begins[1:] in by_name else []
        else:
            mine = [r for r in there if r["contender"].startswith(begins)]
        if mine:
            best = max if panel.measure == "rate" else min
            found.append((shown, best(mine, key=lambda r: r[panel.measure])))
    return found


def _factor(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.2g}"


def _draw_panel(ax: Any, panel: Panel, records: Sequence[Record], look: Theme, high: int) -> None:
    shown = bars(panel, records)
    times = panel.measure == "spent"
    by_name = {record["contender"]: record for _, record in shown}
    top = max(r[f"{panel.measure}_range"][1] for _, r in shown)
    limit = next(
        (r for r in records if (r["case"], r["contender"]) == (panel.case, panel.limit)), None
    )
    if limit is not None and "rate" in limit:
        top = max(top, limit["rate"])
        ax.axvline(limit["rate"], color=look.second, linewidth=1.4, linestyle=(0, (4, 2)))
        ax.annotate(
            f"limit {number(limit['rate'])}",
            (limit["rate"], -0.78),
            xytext=(-3, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=7.5,
            color=look.muted,
            annotation_clip=False,
        )
    for y, (_, record) in enumerate(shown):
        value, (low, most) = record[panel.measure], record[f"{panel.measure}_range"]
        ours = record["peer"] == "mappedviz"
        ax.barh(y, value, height=0.66, color=look.accent if ours else look.nothing, linewidth=0)
        ax.plot([low, most], [y, y], color=look.ink, linewidth=1, solid_capstyle="butt")
        for end in (low, most):
            ax.plot([end, end], [y - 0.14, y + 0.14], color=look.ink, linewidth=1)
        text = f"{number(value)} s" if times else number(value)
        if not ours:
            one = by_name.get(panel.against.get(record["contender"], ""), shown[0][1])
            text += f"   {_factor(ratio(one, record, panel.measure)[0])} ×"
        ax.annotate(
            text,
            (max(value, most), y),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=look.ink,
        )
    ax.set_yticks(range(len(shown)), [name for name, _ in shown], fontsize=8, color=look.ink)
    ax.set_ylim(high - 0.4, -1.05)  # bars are as thick in each panel
    ax.set_xlim(0, top * 1.42)
    ax.set_xticks([])
    ax.tick_params(length=0)
    for side in ("top", "right", "bottom"):
        ax.spines[side].set_visible(False)
    ax.spines["left"].set_color(look.grid)
    ax.set_facecolor(look.paper)
    unit = "seconds" if times else "cells a second"
    ax.set_title(panel.title, fontsize=9, fontweight="bold", color=look.ink, loc="left", pad=13)
    ax.annotate(
        unit,
        (0, 1),
        xytext=(0, 3),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=7.5,
        color=look.muted,
    )


def draw(records: Sequence[Record], words: str, folder: Path) -> list[Path]:
    """Write ``bench-light.png`` and ``bench-dark.png`` to a folder; return their paths.

    Parameters
    ----------
    records
        What was measured.
    words
        The machine, the commit and the versions, below the bars.
    folder
        Where to.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [panel for panel in PANELS if len(bars(panel, records)) > 1]
    pairs = [panels[i : i + 2] for i in range(0, len(panels), 2)]
    heights = [0.85 + 0.24 * max(len(bars(panel, records)) for panel in pair) for pair in pairs]
    foot, total = 0.7, sum(heights) + 0.7
    written = []
    for name, look in (("light", LIGHT), ("dark", DARK)):
        figure = Figure(figsize=(10, total), facecolor=look.paper, dpi=160)
        FigureCanvasAgg(figure)
        top = total
        for pair, height in zip(pairs, heights, strict=True):
            for column, panel in enumerate(pair):
                # Inches: the heading above, room for names before.
                left, bottom = 1.75 + 5.0 * column, top - height + 0.12
                inside = height - 0.12 - 0.42
                ax = figure.add_axes(
                    (left / 10, bottom / total, 3.15 / 10, inside / total), facecolor=look.paper
                )
                most = max(len(bars(one, records)) for one in pair)
                _draw_panel(ax, panel, records, look, most)
            top -= height
        figure.text(
            0.012,
            (foot - 0.08) / total,
            "Medians; thin lines span all runs. ×: how many times as fast mappedviz is, in the same run. "
            "Dashed: what this machine can do with the files, without a loader.\n" + words,
            fontsize=7.5,
            color=look.muted,
            va="top",
            linespacing=1.35,
        )
        path = folder / f"bench-{name}.png"
        figure.savefig(path, facecolor=look.paper, metadata={"Software": None})
        written.append(path)
    return written
