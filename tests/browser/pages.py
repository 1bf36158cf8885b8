"""Pages as Python sends them: trees of nodes, flat, with the numbers of a collection."""

from __future__ import annotations

import math
import random
from typing import Any

COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999"]
TABS = [
    ("shapes", "Stores", None),
    ("coverage", "Genes", None),
    ("categories", "Labels", None),
    ("cells", "Cells", None),
    ("weights", "Weights", None),
    ("checks", "Checks", "3"),
    ("history", "History", None),
    ("handoff", "Hand-off", None),
]
LABELS = [
    "T cell", "B cell", "natural killer cell", "CD14-positive monocyte", "dendritic cell",
    "CD4-positive, alpha-beta T cell", "CD8-positive, alpha-beta T cell", "plasmablast",
    "megakaryocyte", "erythrocyte", "hematopoietic stem cell", "innate lymphoid cell",
]  # fmt: skip
STORES = ["pbmc3k", "pbmc68k", "lung_atlas", "breast_immune", "tabula_sapiens_blood"]
Nodes = dict[str, dict[str, Any]]


def page(tab: str, children: list[str], **props: Any) -> Nodes:
    """Return the root and the status line."""
    tabs = [
        {"id": name, "title": title, **({"badge": badge} if badge else {})}
        for name, title, badge in TABS
    ]
    return {
        "page": {
            "kind": "page",
            "tabs": tabs,
            "tab": tab,
            "children": ["status", *children],
            **props,
        },
        "status": {
            "kind": "status",
            "text": "5 stores, 158,412 cells, 13,722 genes: 2 warnings to look at",
            "mood": "ok",
            "can_undo": True,
            "can_redo": False,
        },
    }


def series(n: int = 5) -> list[dict[str, Any]]:
    """Return stores with their colours."""
    names = [*STORES, *(f"store_{i:02}" for i in range(len(STORES), n))]
    return [
        {"name": names[i], "colour": COLOURS[i % 7], "hatch": i >= 7} for i in range(min(n, 14))
    ]


def bars(n: int = 12, n_series: int = 5, **props: Any) -> dict[str, Any]:
    """Return labels by store."""
    rng = random.Random(1)
    rows = []
    for i in range(n):
        values = [int(40_000 / (i + 1) ** 1.2 * rng.random()) for _ in range(n_series)]
        label = LABELS[i] if i < len(LABELS) else f"cell type number {i}"
        rows.append({"id": f"r{i}", "label": label, "values": values, "text": f"{sum(values):,}"})
    below = [
        {"id": "other", "label": "288 others", "values": [90_000] * n_series, "text": "450,000", "mood": "hint"},
        {"id": "missing", "label": "(missing)", "values": [800] + [0] * (n_series - 1), "text": "800", "mood": "hint"},
    ]  # fmt: skip
    return {
        "kind": "bars", "title": "Cells by label and store", "rows": rows, "series": series(n_series),
        "mode": "stacked", "unit": "cells", "selectable": "many", "selected": ["r2"], "below": below,
        "copies": ["png", "svg", "csv", "code"], **props,
    }  # fmt: skip


def table(n: int = 5, **props: Any) -> dict[str, Any]:
    """Return stores as a table."""
    rng = random.Random(2)
    columns = [
        {"id": "store", "label": "store", "sticky": True},
        {"id": "status", "label": "status"},
        {"id": "cells", "label": "cells", "align": "right", "bar": True},
        {"id": "genes", "label": "genes", "align": "right"},
        {"id": "x", "label": "X"},
        {"id": "density", "label": "non-zero", "align": "right", "bar": True},
        {"id": "size", "label": "size", "align": "right"},
        {"id": "also", "label": "also holds"},
    ]
    rows = []
    for i in range(n):
        name = (
            STORES[i]
            if i < len(STORES)
            else f"GSE{150000 + 37 * i}_donor_{i:03}_lung_parenchyma_processed"
        )
        cells, density = rng.randrange(500, 90_000), rng.random() * 0.3
        mood = (
            {"text": "cannot be read", "mood": "error"} if i == 3 else {"text": "ok", "mood": "ok"}
        )
        if i == 1:
            mood = {"text": "2 warnings", "mood": "warning"}
        broken = i == 3
        rows.append(
            {
                "id": f"s{i}",
                "cells": [
                    {"text": name, "colour": COLOURS[i % 8]},
                    mood,
                    {"text": "–" if broken else f"{cells:,}", **({} if broken else {"bar": cells / 90_000})},
                    {"text": "–" if broken else f"{rng.randrange(2000, 36_000):,}"},
                    {"text": "" if broken else "float32 CSR"},
                    {"text": "" if broken else f"{100 * density:.1f} %", **({} if broken else {"bar": density})},
                    {"text": f"{rng.random() * 900:.0f} MB"},
                    {"text": "truncated file: 4,096 of 91,113 bytes" if broken else "layers: counts · obsm: X_umap, X_pca"},
                ],
                **({"mood": "error"} if broken else {}),
            }
        )  # fmt: skip
    return {
        "kind": "table", "title": "Stores", "columns": columns, "rows": rows, "sort": ["cells", "descending"],
        "selectable": "many", "selected": ["s2"], "page": 0, "pages": 1, "total": n,
        "copies": ["csv", "code"], **props,
    }  # fmt: skip


def curve() -> dict[str, Any]:
    """Return genes kept against k."""
    points = [[1, 42_310], [2, 28_114], [3, 19_722], [4, 13_722], [5, 1_838]]
    return {
        "kind": "curve", "title": "Genes in at least k stores", "points": points, "xlabel": "in at least k stores",
        "ylabel": "genes", "selected": ["3"], "selectable": "one", "copies": ["png", "svg"],
    }  # fmt: skip


def matrix(n_rows: int = 8, n_columns: int = 5, texts: bool = True) -> dict[str, Any]:
    """Return labels by donor."""
    rng = random.Random(3)
    values = [
        [None if rng.random() < 0.1 else round(rng.random() ** 2, 3) for _ in range(n_columns)]
        for _ in range(n_rows)
    ]
    rows = [
        {"id": f"m{i}", "label": LABELS[i] if i < len(LABELS) else f"label {i}"}
        for i in range(n_rows)
    ]
    columns = [
        {"id": f"c{i}", "label": STORES[i] if i < 5 else f"donor {i:02}"} for i in range(n_columns)
    ]
    shown = [["–" if v is None else f"{100 * v:.0f} %" for v in row] for row in values]
    return {
        "kind": "matrix", "title": "Share of each label by store", "rows": rows, "columns": columns, "values": values,
        **({"texts": shown} if texts else {}), "selectable": "many", "selected": ["m1"],
        "scale": "share of the store's cells", "copies": ["png", "csv"],
    }  # fmt: skip


def upset(n: int = 8) -> dict[str, Any]:
    """Return which stores share which genes."""
    rng = random.Random(4)
    sets = [
        {"id": f"u{i}", "label": STORES[i] if i < 5 else f"store_{i:02}", "size": rng.randrange(9_000, 36_000)}
        for i in range(n)
    ]  # fmt: skip
    members = [[one["id"] for one in sets]]
    members += [[one["id"] for one in sets if rng.random() < 0.5] or ["u0"] for _ in range(17)]
    columns = [
        {"id": f"k{i}", "size": int(12_000 / (i + 1) ** 1.1), "members": some} for i, some in enumerate(members)
    ]  # fmt: skip
    return {
        "kind": "upset", "title": "Genes by the stores that have them", "sets": sets, "columns": columns,
        "selectable": "one", "selected": ["k1"], "unit": "genes", "copies": ["png", "svg", "csv"],
    }  # fmt: skip


def histogram() -> dict[str, Any]:
    """Return genes by the number of stores that have them."""
    counts = [int(9_000 * math.exp(-i / 6) + (4_000 if i > 55 else 120)) for i in range(60)]
    bins = [
        {"id": f"h{i}", "low": i + 1, "high": i + 1, "count": count}
        for i, count in enumerate(counts)
    ]
    return {
        "kind": "histogram", "title": "Genes by number of stores", "bins": bins, "xlabel": "stores", "ylabel": "genes",
        "copies": ["png", "csv"],
    }  # fmt: skip


def scatter(n: int = 5, value: bool = False) -> dict[str, Any]:
    """Return embeddings, a panel for each store."""
    rng = random.Random(5)
    centres = [(rng.randrange(120, 880), rng.randrange(120, 880)) for _ in range(8)]
    panels = []
    for i in range(n):
        x, y, colour = [], [], []
        for _ in range(600):
            k = min(7, int(rng.expovariate(0.5)))
            x.append(max(0, min(1000, int(rng.gauss(centres[k][0], 45)))))
            y.append(max(0, min(1000, int(rng.gauss(centres[k][1], 45)))))
            colour.append(k)
        shade = (
            {"value": [round(rng.random() ** (1 + c), 2) for c in colour]}
            if value
            else {"colour": colour}
        )
        panels.append(
            {"id": f"p{i}", "title": STORES[i] if i < 5 else f"store_{i:02}", "x": x, "y": y, "n": 5000, **shade}
        )  # fmt: skip
    legend = [{"name": LABELS[i], "colour": COLOURS[i]} for i in range(8)]
    return {
        "kind": "scatter", "title": "UMAP by label", "panels": panels, "square": True, "copies": ["png"],
        **({"scale": "CD3D, log1p"} if value else {"legend": legend}),
    }  # fmt: skip


def strips() -> dict[str, Any]:
    """Return depth per store."""
    rng = random.Random(6)
    rows = []
    for i, name in enumerate(STORES):
        values = sorted(min(1, max(0, rng.gauss(0.3 + 0.09 * i, 0.11))) for _ in range(160))
        quantiles = [values[int(q * 159)] for q in (0.05, 0.25, 0.5, 0.75, 0.95)]
        rows.append(
            {
                "id": f"d{i}", "label": name, "values": [round(v, 3) for v in values],
                "quantiles": [round(q, 3) for q in quantiles], "text": f"median {int(10 ** (2.6 + 2 * quantiles[2])):,}",
                "colour": COLOURS[i],
            }
        )  # fmt: skip
    axis = {
        "ticks": [
            {"at": i / 4, "text": f"{10 ** (2 + i // 2) * (1 if i % 2 == 0 else 3):,}"}
            for i in range(5)
        ],
        "label": "counts",
    }
    return {
        "kind": "strips",
        "title": "Depth: counts per cell",
        "rows": rows,
        "axis": axis,
        "copies": ["png"],
    }


CODE = """import mappedviz as mv

recipe = mv.Recipe(
    ["data/*.h5ad"],
    join="inner",
    min_stores=3,  # 19,722 genes
    obs_alias={"cell_type": ("celltype", "CellType")},
)
ds = mv.collection(recipe)
loader = ds.dataloader(batch_size=1024, shuffle=True)
"""


def stores_page() -> Nodes:
    """Return the tab of stores."""
    nodes = page("shapes", ["top", "numbers", "filters", "table", "side"])
    nodes |= {
        "top": {"kind": "note", "mood": "hint", "text": "Leave out what cannot be read, and look at stores that differ from the others."},
        "numbers": {"kind": "numbers", "items": [
            {"value": "5", "label": "stores"}, {"value": "158,412", "label": "cells"},
            {"value": "13,722", "label": "genes kept"}, {"value": "12", "label": "labels"},
            {"value": "1", "label": "cannot be read", "mood": "error"}, {"value": "2.4 GB", "label": "on disk"}]},
        "filters": {"kind": "row", "children": ["filter", "chips"]},
        "filter": {"kind": "text", "label": "Filter", "value": "", "placeholder": "Name of a store", "search": True},
        "chips": {"kind": "chips", "label": "Show only", "value": ["bad"], "several": True, "options": [
            {"id": "bad", "text": "cannot be read", "count": 1, "mood": "error"},
            {"id": "warn", "text": "with warnings", "count": 2, "mood": "warning"},
            {"id": "nolabel", "text": "no cell_type", "count": 0}]},
        "table": table(5, note="Sizes are those of the files."),
        "side": {"kind": "panel", "title": "lung_atlas", "hint": "/data/lung/lung_atlas.h5ad", "aside": True, "children": ["facts", "leave", "read"]},
        "facts": {"kind": "table", "title": "obs columns", "columns": [{"id": "k", "label": "column"}, {"id": "n", "label": "values", "align": "right"}],
            "rows": [{"id": f"o{i}", "cells": [{"text": name}, {"text": n}]} for i, (name, n) in enumerate(
                [("cell_type", "42"), ("donor_id", "18"), ("assay", "2"), ("tissue", "3"), ("n_counts", "numbers")])]},
        "leave": {"kind": "button", "text": "Leave this store out", "mood": "danger"},
        "read": {"kind": "button", "text": "Show its cells"},
    }  # fmt: skip
    return nodes


def genes_page() -> Nodes:
    """Return the tab of genes."""
    nodes = page("coverage", ["controls", "numbers", "two", "upset", "histogram"])
    nodes |= {
        "controls": {"kind": "row", "children": ["keep", "k", "identifier", "search"]},
        "keep": {"kind": "segments", "label": "Keep", "value": "k", "options": [
            {"id": "inner", "text": "in all stores"}, {"id": "k", "text": "in at least k"}, {"id": "outer", "text": "in any"}, {"id": "panel", "text": "a panel"}]},
        "k": {"kind": "slider", "label": "k", "value": 3, "min": 1, "max": 5, "step": 1, "text": "3 of 5"},
        "identifier": {"kind": "select", "label": "Identifier", "value": "symbol", "options": [
            {"id": "symbol", "text": "symbols", "note": "4 stores"}, {"id": "ensembl", "text": "Ensembl ids", "note": "1 store"}]},
        "search": {"kind": "text", "label": "Find a gene", "value": "", "placeholder": "CD3D", "search": True},
        "numbers": {"kind": "numbers", "items": [{"value": "19,722", "label": "genes kept"}, {"value": "+6,000", "label": "against all stores", "mood": "ok"}, {"value": "22,588", "label": "left out"}]},
        "two": {"kind": "row", "children": ["curve", "one"]},
        "curve": curve(),
        "one": bars(5, 1, title="Genes without one store", unit="genes", below=[], series=[{"name": "", "colour": "#0072b2"}],
            rows=[{"id": f"l{i}", "label": name, "values": [13_722 + 900 * i], "text": f"+{900 * i:,}", "marks": [13_722]} for i, name in enumerate(STORES)], marks_label="now"),
        "upset": upset(),
        "histogram": histogram(),
    }  # fmt: skip
    return nodes


def labels_page() -> Nodes:
    """Return the tab of labels."""
    nodes = page("categories", ["controls", "bars", "matrix", "group"])
    nodes |= {
        "controls": {"kind": "row", "children": ["key", "by", "mode", "log"]},
        "key": {"kind": "select", "label": "Label", "value": "cell_type", "options": [{"id": "cell_type", "text": "cell_type"}, {"id": "cluster", "text": "leiden"}]},
        "by": {"kind": "select", "label": "Colour by", "value": "o3", "search": True, "options": [{"id": f"o{i}", "text": f"obs column {i}", "note": f"{i} values"} for i in range(40)]},
        "mode": {"kind": "segments", "label": "Bars", "value": "stacked", "options": [{"id": "stacked", "text": "cells"}, {"id": "share", "text": "shares"}]},
        "log": {"kind": "check", "label": "logarithmic", "value": False},
        "bars": bars(),
        "matrix": matrix(),
        "group": {"kind": "panel", "title": "Merge labels", "hint": "The chosen labels become one.", "children": ["pick", "target", "merge", "more"]},
        "pick": {"kind": "checks", "label": "Labels", "value": ["g1", "g4"], "options": [{"id": f"g{i}", "text": label, "note": f"{4000 - 300 * i:,} cells"} for i, label in enumerate(LABELS)]},
        "target": {"kind": "text", "label": "New name", "value": "T cell"},
        "merge": {"kind": "row", "children": ["merge.do", "merge.file"]},
        "merge.do": {"kind": "button", "text": "Merge 2 labels", "mood": "primary"},
        "merge.file": {"kind": "file", "label": "Mapping from a file", "accept": ".csv"},
        "more": {"kind": "disclosure", "title": "Suggestions of the Cell Ontology", "badge": "4", "open": False, "children": ["suggest"]},
        "suggest": {"kind": "note", "text": "CD4-positive, alpha-beta T cell is a T cell."},
    }  # fmt: skip
    return nodes


def cells_page() -> Nodes:
    """Return the tab of cells."""
    nodes = page("cells", ["controls", "scatter", "genes", "strips"])
    nodes |= {
        "controls": {"kind": "row", "children": ["emb", "colour", "gene"]},
        "emb": {"kind": "select", "label": "Embedding", "value": "umap", "options": [{"id": "umap", "text": "X_umap"}]},
        "colour": {"kind": "segments", "label": "Colour by", "value": "label", "options": [{"id": "label", "text": "cell_type"}, {"id": "store", "text": "store"}, {"id": "gene", "text": "a gene"}]},
        "gene": {"kind": "text", "label": "Gene", "value": "CD3D"},
        "scatter": scatter(),
        "genes": scatter(3, value=True) | {"title": "CD3D"},
        "strips": strips(),
    }  # fmt: skip
    return nodes


def checks_page() -> Nodes:
    """Return the tab of checks, and code."""
    nodes = page("checks", ["warn", "error", "ok", "group", "code", "busy"])
    nodes["status"] |= {"mood": "busy", "text": "Reading stores: 3 of 5", "done": 3, "total": 5}
    nodes |= {
        "warn": {"kind": "note", "mood": "warning", "text": "2 stores hold logarithms where the others hold counts."},
        "error": {"kind": "note", "mood": "error", "text": "breast_immune cannot be read: truncated file."},
        "ok": {"kind": "note", "mood": "ok", "text": "No cell is in two stores."},
        "group": {"kind": "panel", "title": "Not counts", "children": ["group.text", "group.row"]},
        "group.text": {"kind": "note", "text": "lung_atlas and tabula_sapiens_blood have values with fractions in X; counts are in layers['counts']."},
        "group.row": {"kind": "row", "children": ["apply", "show", "never"]},
        "apply": {"kind": "button", "text": "Read layers['counts'] instead", "mood": "primary"},
        "show": {"kind": "button", "text": "Show me"},
        "never": {"kind": "button", "text": "Not possible", "disabled": True},
        "code": {"kind": "code", "title": "The recipe as code", "text": CODE, "language": "python"},
        "busy": {"kind": "progress", "done": 30, "total": 100, "text": "30 of 100 stores"},
    }  # fmt: skip
    return nodes


def many_page() -> Nodes:
    """Return sixty stores and three hundred labels."""
    nodes = page("categories", ["chips", "table", "bars", "matrix", "upset", "scatter"])
    nodes["status"] |= {
        "text": "60 stores, 3,158,412 cells; 5 stores cannot be read",
        "mood": "error",
    }
    nodes |= {
        "chips": {"kind": "chips", "label": "Labels", "value": ["x1"], "several": True, "options": [{"id": f"x{i}", "text": f"label number {i}", "count": 100 * i} for i in range(24)]},
        "table": table(40, page=0, pages=2, total=60),
        "bars": bars(40, 14),
        "matrix": matrix(40, 60, texts=False),
        "upset": upset(20),
        "scatter": scatter(24),
    }  # fmt: skip
    return nodes


PAGES = {
    "stores": stores_page,
    "genes": genes_page,
    "labels": labels_page,
    "cells": cells_page,
    "checks": checks_page,
    "many": many_page,
}
