"""The audit, collections and batches as static HTML.

Tables are first made into plain values (:class:`~mappedviz.report.markup.Section`), which the command
line shows as well, and :mod:`mappedviz.report.markup` makes HTML of them.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from mappedviz._types import SEVERITIES, PathLike
from mappedviz.errors import MappedvizError
from mappedviz.report.markup import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    Cell,
    Picture,
    Section,
    Table,
    fragment,
    page,
)
from mappedviz.text.display import (
    MISSING,
    cut,
    is_missing,
    listed,
    names,
    pattern_words,
    quantity,
    share,
    shown,
    size,
    visible,
)
from mappedviz.text.files import write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mappedviz.audits.findings import Finding
    from mappedviz.audits.result import Audit
    from mappedviz.audits.tables.stores import Coverage, LabelTable, WeightTable
    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.collection.row_batch import RowBatch

Figures: TypeAlias = Mapping[str, Sequence[Picture]]

# Rows of a table: in a notebook, and on a page.
REPR_ROWS, PAGE_ROWS = 100, 2000
# Okabe and Ito's colours, and grey for all other stores.
STORE_COLOURS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#f0e442",
    "#999999",
)


# ------------------------------------------------------------------------ the audit


@dataclass(frozen=True)
class _FindingText:
    id: str
    severity: str
    message: str
    stores: str
    remedy: str
    code: str


def audit_html(audit: Audit, figures: Figures | None = None) -> str:
    """The audit for a notebook: findings first, then the views.

    Parameters
    ----------
    audit
        What to show.
    figures
        Section (``"coverage"``, ``"labels"``, …) -> pictures. Default: none, the tables have
        bars of their own.

    Returns
    -------
    str
        HTML that an untrusted notebook shows as well: no scripts, no style block.
    """
    return fragment(**_content(audit, REPR_ROWS, figures or {}))


def page_html(audit: Audit, figures: Figures | None = None, *, title: str = "Audit") -> str:
    """The audit as a whole page: dark and light, printable, without scripts or a network.

    Parameters
    ----------
    audit
        What to show.
    figures
        As for :func:`audit_html`. Default: all figures of the audit.
    title
        Title of the page.

    Returns
    -------
    str
        A complete HTML document.
    """
    from importlib.metadata import version

    chosen = figures_of(audit) if figures is None else figures
    return page(title, version("mappedviz"), **_content(audit, PAGE_ROWS, chosen))


def write_html(audit: Audit, path: PathLike, *, figures: Figures | None = None) -> Path:
    """Write the page to a file; an existing file stays whole until the new one is.

    Parameters
    ----------
    audit
        What to show.
    path
        The file to write.
    figures
        As for :func:`page_html`.

    Returns
    -------
    Path
        Where it lies.

    Raises
    ------
    OSError
        The file cannot be written (no such folder, no space, no permission). What was there
        before is still there.
    """
    return write_text(path, page_html(audit, figures, title="Audit of a collection"))


def findings_html(audit: Audit) -> str:
    """The verdict and the findings of an audit, without the views."""
    content = _content(audit, REPR_ROWS, {}, views=False)
    return fragment(**content)


def _content(audit: Audit, most: int, figures: Figures, *, views: bool = True) -> dict[str, Any]:
    findings = [_finding_text(finding) for finding in audit.findings]
    few = 30 if most == REPR_ROWS else 500
    return {
        "verdict": audit.verdict,
        "summary": summary_line(audit),
        "findings": findings[:few],
        "more_findings": findings[few:],
        "not_applicable": [_not_applicable_text(one) for one in audit.not_applicable],
        "sections": sections_of(audit, most, figures) if views else [],
        "code": repr(audit.recipe),
    }


def sections_of(
    audit: Audit, most: int = REPR_ROWS, figures: Figures | None = None
) -> list[Section]:
    """The views of an audit as plain values, for whatever shows them.

    Parameters
    ----------
    audit
        What to show.
    most
        Stores to show.
    figures
        Section -> pictures.

    Returns
    -------
    list of Section
        Shapes, genes, labels and weights (where there is a key), columns of obs.
    """
    figures = figures or {}
    sections = [
        _shapes(audit.stores, most, figures),
        _coverage(audit.coverage, most, figures),
        *_labels_and_weights(audit, most, figures),
        _depth(audit.library_sizes(), most, figures),
        _schema(audit.obs_schema, most),
    ]
    return [section for section in sections if section is not None]


def summary_line(audit: Audit) -> str:
    """How much there is, in one line: stores, cells, genes, findings."""
    stores = audit.stores
    parts = [
        f"{len(stores):,} {'store' if len(stores) == 1 else 'stores'}",
        f"{quantity(stores['n_obs'].sum())} cells",
        f"{quantity(audit.coverage.inner)} genes in all of them",
        f"{quantity(audit.coverage.outer)} in any",
    ]
    severities: list[str] = [finding.severity for finding in audit.findings]
    counted = [
        f"{n} {severity}{'s' if n > 1 and severity != 'fatal' else ''}"
        for severity in SEVERITIES
        if (n := severities.count(severity))
    ]
    parts.append("findings: " + (", ".join(counted) if counted else "none"))
    return " · ".join(parts)


def _finding_text(finding: Finding) -> _FindingText:
    stores = list(finding.stores or ())
    return _FindingText(
        finding.id,
        finding.severity,
        cut(str(finding.message), 600),
        listed(stores, most=4) if stores else "",
        str(finding.remedy or ""),
        str(finding.code or ""),
    )


def _not_applicable_text(one: Any) -> str:
    message = getattr(one, "message", None)
    return str(one) if message is None else f"{one.id}: {message}"


# ------------------------------------------------------------------------- the views


def _text(value: Any, limit: int = 60, title: str = "") -> Cell:
    return Cell(shown(value, limit), title=title)


def _number(n: Any, top: float = 0.0, colour: str = BLUE, text: str | None = None) -> Cell:
    bar = None if is_missing(n) or not top else float(n) / top
    return Cell(quantity(n) if text is None else text, bar=bar, colour=colour, number=True)


def _top(values: Any) -> float:
    numbers = pd.to_numeric(pd.Series(values), errors="coerce")
    return float(numbers.max()) if numbers.notna().any() else 0.0


def _left_out(n: int, most: int, what: str, where: str) -> str:
    return f"The first {most:,} of {n:,} {what}; {where} has all." if n > most else ""


def _shapes(stores: pd.DataFrame, most: int, figures: Figures) -> Section:
    some = stores.iloc[:most]
    tops = {name: _top(stores[name]) for name in ("n_obs", "n_vars", "nbytes")}
    rows = []
    for name, path, store in zip(
        names(some.index, 48), some["path"], some.to_dict("records"), strict=True
    ):
        rows.append(
            [
                Cell(name, title=cut(visible(str(path)), 200) if most > REPR_ROWS else ""),
                _status(store["status"]),
                _number(store["n_obs"], tops["n_obs"]),
                _number(store["n_vars"], tops["n_vars"], ORANGE),
                _known(store["X"]),
                _known(store["x_scale"]),
                Cell(share(store["density"]), number=True),
                _number(store["nbytes"], tops["nbytes"], GREY, text=size(store["nbytes"])),
                Cell(_also(store), wrap=True),
            ]
        )
    table = Table(
        ("store", "status", "cells", "genes", "X", "values", "density", "size", "also"),
        rows,
        note=_left_out(len(stores), most, "stores", "audit.stores"),
    )
    return Section("shapes", "Shapes", tables=[table], pictures=figures.get("shapes", ()))


def _known(value: Any) -> Cell:
    return Cell("–") if is_missing(value) else Cell(shown(value, 40))


def _status(status: str) -> Cell:
    # The whole sentence of an error is among the findings.
    return Cell(shown(status, 90), title=shown(status, 300) if len(status) > 90 else "", wrap=True)


def _also(store: Mapping[Any, Any]) -> str:
    parts = []
    if store["raw"]:
        parts.append(f"raw ({quantity(store['raw_n_vars'])})")
    parts += [
        f"{what}: {listed(store[what], most=3, limit=24)}"
        for what in ("layers", "obsm")
        if store[what]
    ]
    return "; ".join(parts)


def _coverage(coverage: Coverage, most: int, figures: Figures) -> Section:
    frame = coverage.table
    tops = {
        name: _top(frame[name])
        for name in ("kept", "lost", "zero_filled", "private", "gain_without")
    }
    # In a notebook half as many as there: those without which the inner join grows most.
    most = most // 2 if most == REPR_ROWS else most
    some = frame
    if len(frame) > most:
        gains = pd.to_numeric(frame["gain_without"], errors="coerce").fillna(-1).to_numpy()
        some = frame.iloc[np.sort(np.argsort(-gains, kind="stable")[:most])]
    rows = []
    for name, store in zip(names(some.index, 48), some.to_dict("records"), strict=True):
        gain = store["gain_without"]
        without = quantity(store["inner_without"])
        if not is_missing(gain) and gain > 0:
            without += f" (+{quantity(gain)})"
        rows.append(
            [
                Cell(name),
                _number(store["n_vars"]),
                _number(store["kept"], tops["kept"], GREEN),
                _number(store["lost"], tops["lost"], ORANGE),
                _number(store["zero_filled"], tops["zero_filled"], GREY),
                _number(store["private"], tops["private"], BLUE),
                _number(gain, tops["gain_without"], BLUE, text=without),
                _text(store["id_kind"], 40),
            ]
        )
    per_store = Table(
        (
            "store",
            "genes",
            "kept (inner)",
            "lost (inner)",
            "zero-filled (outer)",
            "only here",
            "inner without it",
            "identifiers",
        ),
        rows,
        note=f"The {most:,} of {len(frame):,} stores that cost the inner join most; "
        "audit.coverage.table has all."
        if len(frame) > most
        else "",
    )
    tables = [per_store, _patterns_table(coverage)]
    if len(coverage.what_if):
        tables.append(_what_if_table(coverage.what_if))
    curve = coverage.at_least
    numbers = [(quantity(coverage.inner), "genes in all stores (inner)")]
    if len(curve) > 2:
        half = int(curve.index[(len(curve) - 1) // 2])
        numbers.append((quantity(curve.loc[half]), f"in at least {half:,} stores"))
    numbers.append((quantity(coverage.outer), "in any store (outer)"))
    return Section(
        "coverage",
        "Genes",
        numbers=numbers,
        tables=tables,
        pictures=figures.get("coverage", ()),
    )


def _patterns_table(coverage: Coverage) -> Table:
    patterns = coverage.patterns
    stores = list(coverage.table.index)
    some = patterns.iloc[:15]
    top = _top(patterns["n_genes"])
    rows = [
        [Cell(pattern_words(tuple(pattern), stores)), _number(n, top)]
        for pattern, n in zip(some["pattern"], some["n_genes"], strict=True)
    ]
    rest = patterns.iloc[15:]
    if len(rest):
        rows.append(
            [
                Cell(f"other ({len(rest):,} more patterns)"),
                _number(rest["n_genes"].sum(), top, GREY),
            ]
        )
    return Table(("genes that are in", "genes"), rows, title="Which genes are where", folded=True)


def _what_if_table(what_if: pd.DataFrame) -> Table:
    top = _top(what_if["inner"])
    some = what_if.iloc[:30]
    rows = [
        [
            _text(row["identifier"]),
            Cell("yes" if row["strip_version"] else "no"),
            Cell("yes" if row["upper_case"] else "no"),
            _number(row["inner"], top, GREEN),
            _number(row["outer"]),
            _number(row["n_stores"]),
        ]
        for row in some.to_dict("records")
    ]
    return Table(
        ("join by", "versions stripped", "upper case", "inner", "outer", "stores that have it"),
        rows,
        title="What if the stores were joined by …",
        folded=True,
    )


def _labels_and_weights(audit: Audit, most: int, figures: Figures) -> list[Section | None]:
    labels, weights = label_table(audit), weight_table(audit)
    return [
        None if labels is None else _labels(labels, most, figures),
        None if weights is None else _weights(weights, most, figures),
    ]


def label_table(audit: Audit) -> LabelTable | None:
    """Labels of the audit's own key; None where there is no key, or no store has it."""
    with suppress(MappedvizError):
        return audit.labels()
    return None


def weight_table(audit: Audit) -> WeightTable | None:
    """Weights for the audit's own key; None where there is no key, or no store has it."""
    with suppress(MappedvizError):
        return audit.weights()
    return None


def _labels(labels: LabelTable, most: int, figures: Figures) -> Section:
    counts, rest, more = labels.top(25 if most == REPR_ROWS else 200)
    values = counts.to_numpy(dtype=np.float64)
    extra = [(f"other ({more:,} more)", rest)] if more else []
    extra += [(MISSING, labels.missing), ("(no such column)", labels.absent)]
    by_store = sum((column.to_numpy(np.float64) for _, column in extra), values.sum(axis=0))
    order = np.argsort(-by_store, kind="stable")
    # With as many stores as colours the last colour is a store's, else that of all others.
    own = order if len(order) <= len(STORE_COLOURS) else order[: len(STORE_COLOURS) - 1]
    own = np.sort(own)  # in the order of the table: the same colours as in every other view
    stores = names(counts.columns[own], 40)
    top = float(values.sum(axis=1).max(initial=0.0)) or 1.0

    def row(name: Cell, of_stores: Any) -> list[Cell]:
        total = float(of_stores.sum())
        parts = [
            (float(of_stores[store]) / top, STORE_COLOURS[place])
            for place, store in enumerate(own)
            if of_stores[store]
        ]
        others = total - float(of_stores[own].sum())
        if others > 0:
            parts.append((others / top, STORE_COLOURS[-1]))
        said = [f"{stores[place]}: {quantity(of_stores[one])}" for place, one in enumerate(own)]
        return [
            name,
            Cell(quantity(total), number=True),
            Cell(quantity((of_stores > 0).sum()), number=True),
            Cell(parts=_shortened(parts), title="; ".join(said) if most == PAGE_ROWS else ""),
        ]

    rows = [
        row(Cell(name), of_stores)
        for name, of_stores in zip(names(counts.index, 60), values, strict=True)
    ]
    rows += [
        row(Cell(words), column.to_numpy(np.float64)) for words, column in extra if column.sum()
    ]
    tables = [Table(("label", "cells", "stores", "by store"), rows)]
    if len(labels.variants):
        tables.append(_variants_table(labels.variants))
    legend = list(zip(STORE_COLOURS, stores, strict=False))
    if len(own) < len(order):
        legend.append((STORE_COLOURS[-1], f"other ({len(order) - len(own):,} stores)"))
    return Section(
        "labels",
        "Labels",
        lead=_labels_lead(labels),
        tables=tables,
        legend=legend,
        pictures=figures.get("labels", ()),
    )


def _shortened(parts: list[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    """Segments of a stacked bar; one that goes beyond the longest label's bar ends there."""
    total = sum(length for length, _ in parts)
    scale = 1.0 if total <= 1 else 1.0 / total
    return tuple((length * scale, colour) for length, colour in parts)


def _labels_lead(labels: LabelTable) -> str:
    parts = [
        f"{shown(labels.key)}: {len(labels.classes):,} labels",
        f"{quantity(labels.total.sum())} cells with one",
    ]
    for column, words in (
        (labels.missing, "without a label"),
        (labels.absent, "in stores without the column"),
    ):
        if column.sum():
            parts.append(f"{quantity(column.sum())} {words}")
    return ", ".join(parts) + "."


def _variants_table(variants: pd.DataFrame) -> Table:
    some = variants.iloc[:60]
    rows = [
        [
            _text(row["label"], 80),
            _number(row["n"]),
            Cell(listed(list(row["stores"]), most=3)),
            Cell(shown(row["group"], 60)),
        ]
        for row in some.to_dict("records")
    ]
    return Table(
        ("label", "cells", "in", "group"),
        rows,
        title="Spellings that may mean the same",
        note=_left_out(len(variants), 60, "spellings", "audit.labels().variants"),
        folded=True,
    )


def _weights(weights: WeightTable, most: int, figures: Figures) -> Section:
    frame = weights.table
    n_rows = 25 if most == REPR_ROWS else 200
    some = frame.iloc[:n_rows]
    top = max(_top(frame["share_before"]), _top(frame["share_after"]))
    rows = [
        [
            Cell(name),
            _number(row["n"]),
            _number(row["share_before"], top, GREY, text=share(row["share_before"])),
            _number(row["share_after"], top, BLUE, text=share(row["share_after"])),
            Cell(_draws(row["draws_per_cell"]), number=True),
        ]
        for name, row in zip(names(some.index, 60), some.to_dict("records"), strict=True)
    ]
    table = Table(
        ("class", "cells", "share in the data", "share drawn", "draws of a cell per epoch"),
        rows,
        note=_left_out(len(frame), n_rows, "classes", "audit.weights().table"),
    )
    numbers = [
        (
            f"{quantity(weights.effective_size)} ({share(weights.effective_fraction)})",
            "effective cells with these weights",
        ),
        (share(weights.distinct_fraction), "of the cells seen in an epoch"),
        (f"{_draws(weights.rarest_repeats)} ×", "a cell of the rarest class is drawn"),
    ]
    return Section(
        "weights",
        "Weighted sampling",
        numbers=numbers,
        tables=[_schemes_table(weights), table],
        pictures=figures.get("weights", ()),
    )


def _schemes_table(weights: WeightTable) -> Table:
    """The ways to weigh side by side; the one that was asked for is named."""
    from mappedviz.audits.tables.stores import compare_schemes

    words = {"uniform": "1", "inverse": "1/n", "scaled": "s/(s+n)", "sqrt": "1/√n"}
    rows = [
        [
            Cell(
                f"{scheme}: {words.get(str(scheme), '')}"
                + (" (as asked for)" if scheme == weights.scheme else "")
            ),
            _number(
                row["effective_fraction"],
                1,
                GREEN,
                f"{quantity(row['effective_size'])} ({share(row['effective_fraction'])})",
            ),
            _number(row["distinct_fraction"], 1, BLUE, share(row["distinct_fraction"])),
            Cell(_draws(row["rarest_repeats"]), number=True),
        ]
        for scheme, row in compare_schemes(weights.table["n"].to_numpy(), weights.scaler).iterrows()
    ]
    return Table(
        ("weight of a cell", "effective cells", "cells seen in an epoch", "draws of the rarest"),
        rows,
        title="Ways to weigh",
    )


def _draws(n: Any) -> str:
    if is_missing(n):
        return "–"
    return f"{float(n):,.0f}" if n >= 10 else f"{float(n):.2g}"


def _depth(depths: pd.DataFrame, most: int, figures: Figures) -> Section | None:
    """What was counted in a cell of each store, by the rows that were sampled."""
    if not len(depths):
        return None
    groups = depths.groupby("store", sort=False)
    table = groups[["total", "genes"]].median().assign(rows=groups.size())
    most = most // 4 if most == REPR_ROWS else most
    some = table.iloc[:most]
    top = _top(table["genes"])
    rows = [
        [
            Cell(name),
            Cell(
                f"{row['total']:,.4g}" if abs(row["total"]) < 1e4 else quantity(row["total"]),
                number=True,
            ),
            _number(row["genes"], top),
            _number(row["rows"]),
        ]
        for name, row in zip(names(some.index, 48), some.to_dict("records"), strict=True)
    ]
    return Section(
        "depth",
        "Depth of cells",
        lead="Sums mean the same only where the values do: see the column of values above.",
        tables=[
            Table(
                ("store", "median sum", "median of genes not 0", "cells sampled"),
                rows,
                note=_left_out(len(table), most, "stores", "audit.library_sizes()"),
            )
        ],
        pictures=figures.get("depth", ()),
    )


def _schema(schema: pd.DataFrame, most: int) -> Section | None:
    """Columns of obs over all stores: in how many, of which types, how much is missing."""
    if not len(schema):
        return None
    stores = list(dict.fromkeys(schema.columns.get_level_values(0)))
    dtypes = schema.xs("dtype", axis=1, level=1)
    missing = schema.xs("missing", axis=1, level=1)  # per cent
    n_rows = 40 if most == REPR_ROWS else 500
    present = dtypes.notna()
    order = np.argsort(-present.to_numpy().sum(axis=1), kind="stable")[:n_rows]
    rows = []
    for name, i in zip(names(schema.index[order], 48), order, strict=True):
        here = present.iloc[i].to_numpy(dtype=bool)
        kinds = dtypes.iloc[i][here].astype(str).value_counts()
        words = ", ".join(
            f"{shown(kind, 30)} ({n})" if len(kinds) > 1 else shown(kind, 30)
            for kind, n in kinds.items()
        )
        worst = missing.iloc[i][here].max()
        rows.append(
            [
                Cell(name),
                _number(here.sum(), len(stores), text=f"{here.sum():,} of {len(stores):,}"),
                Cell(cut(words, 120)),
                Cell(share(worst / 100), number=True),
            ]
        )
    table = Table(
        ("column of obs", "in stores", "types", "most that is missing"),
        rows,
        note=_left_out(len(schema), n_rows, "columns", "audit.obs_schema"),
    )
    return Section("obs", "Columns of obs", tables=[table])


# --------------------------------------------------------------------------- figures


def figures_of(audit: Audit) -> dict[str, list[Picture]]:
    """All figures of an audit, each drawn for light and for dark paper.

    Parameters
    ----------
    audit
        What to draw.

    Returns
    -------
    dict
        Section -> its pictures.
    """
    import matplotlib as mpl

    from mappedviz import plots

    coverage, labels, weights = audit.coverage, label_table(audit), weight_table(audit)
    depths = audit.library_sizes()
    drawings: list[tuple[str, str, Callable[..., Axes], Any]] = []
    if len(coverage.at_least) > 1:
        drawings += [
            ("coverage", "Genes in at least k stores", plots.plot_coverage_curve, coverage),
            ("coverage", "Inner join without one store", plots.plot_leave_one_out, coverage),
            ("coverage", "Which genes are in which stores", plots.plot_patterns, coverage),
        ]
    if labels is not None and len(labels.classes):
        drawings += [
            ("labels", "Cells of each label by store", plots.plot_categories, labels),
            ("labels", "Labels by batch", plots.plot_batch_by_label, _by_batch(audit, labels)),
        ]
    if weights is not None and len(weights.table):
        drawings.append(("weights", "Share of each class", plots.plot_weights, weights))
    if len(depths):
        drawings.append(("depth", "Sums of sampled cells", plots.plot_library_sizes, depths))
    found: dict[str, list[Picture]] = {}
    settings: Any = {"figure.figsize": (4.6, 3.0)}  # two in a row on most screens
    with mpl.rc_context(settings):
        for section, alt, draw, table in drawings:
            light, dark = (data_uri(draw(table, theme=theme)) for theme in ("light", "dark"))
            found.setdefault(section, []).append(Picture(alt, light, dark))
    return found


def _by_batch(audit: Audit, labels: LabelTable) -> pd.DataFrame:
    """Cells by label and batch; the store is the batch where none was named."""
    if audit.batch is not None and audit.label is not None:
        with suppress(MappedvizError):
            return audit.crosstab(audit.label, audit.batch)
    return labels.top(30)[0]


def data_uri(ax: Axes, most: int = 150_000) -> str:
    """A figure as the address of a picture: SVG, or PNG where the SVG is larger than `most`."""
    from mappedviz import plots

    data = plots.render(ax, "svg")
    kind = "svg+xml"
    if len(data) > most:
        data, kind = plots.render(ax, "png"), "png"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


# ----------------------------------------------------------- collections and batches


def collection_html(ds: MappedCollection) -> str:
    """A collection for a notebook: its stores, what is joined, and its labels.

    Parameters
    ----------
    ds
        What to show. Nothing is read from the files.

    Returns
    -------
    str
        HTML under the same rules as :func:`audit_html`.
    """
    counts, shapes = ds.n_obs_list, ds.original_shapes
    top_obs, top_vars = _top(counts), _top([shape[1] for shape in shapes])
    several = names([store.name for store in ds.stores[:REPR_ROWS]], 48)
    rows = [
        [
            Cell(name, title=cut(visible(store.path), 100)),
            _number(n_obs, top_obs),
            _number(n_vars, top_vars, ORANGE),
            Cell(_layer_words(store, ds.layers_keys)),
            Cell(store.kind),
        ]
        for name, store, (n_obs, n_vars) in zip(several, ds.stores, shapes, strict=False)
    ]
    tables = [
        Table(
            ("store", "cells", "genes", "read from", "kind"),
            rows,
            note=_left_out(len(ds.stores), REPR_ROWS, "stores", "ds.stores"),
        )
    ]
    tables += [_encoder_table(key, encoder) for key, encoder in ds.encoders.items()]
    joined = "each its own" if ds.n_vars is None else f"{ds.n_vars:,}"
    n = len(ds.stores)
    whole = "" if ds.part_of is None else f" of {ds.part_of:,}"
    verdict = (
        f"MappedCollection of {n:,} {'store' if n == 1 else 'stores'}: "
        f"{ds.n_obs:,}{whole} cells × {joined} genes"
    )
    return fragment(
        verdict=verdict,
        summary=f"join={ds.recipe.join!r}, layers_keys={listed(ds.layers_keys)}"
        + (f", obs_keys={listed(ds.obs_keys)}" if ds.obs_keys else ""),
        sections=[Section("stores", "Stores", tables=tables)],
        code=repr(ds.recipe),
    )


def _layer_words(store: Any, keys: Iterable[str]) -> str:
    found = []
    for key in list(keys)[:3]:
        facts = store.facts.matrices.get(key)
        words = "absent" if facts is None else f"{facts.kind} {facts.dtype} {facts.codec}"
        found.append(f"{shown(key, 24)}: {words}")
    return "; ".join(found)


def _encoder_table(key: str, encoder: Mapping[Any, int]) -> Table:
    classes = sorted(encoder.items(), key=lambda pair: pair[1])
    some = classes[:25]
    rows = [
        [Cell(str(code), number=True), Cell(name)]
        for name, (_, code) in zip(names([label for label, _ in some], 60), some, strict=True)
    ]
    return Table(
        ("code", "label"),
        rows,
        title=f"{shown(key)}: {sum(code >= 0 for _, code in classes):,} classes",
        note=_left_out(len(classes), 25, "labels", f"ds.encoders[{shown(key)!r}]"),
        folded=True,
    )


def batch_html(batch: RowBatch) -> str:
    """A batch of rows for a notebook: each column's type, shape and a few values.

    Parameters
    ----------
    batch
        What to show.

    Returns
    -------
    str
        HTML under the same rules as :func:`audit_html`.

    Examples
    --------
    >>> from mappedviz import RowBatch
    >>> "int64" in batch_html(RowBatch({"cell_type": np.array([3, -1])}, 2))
    True
    """
    rows = [
        [
            _text(key),
            Cell(_column_type(value)),
            Cell(_column_shape(value), number=True),
            Cell(_column_values(value)),
        ]
        for key, value in batch.columns.items()
    ]
    section = Section(
        "columns", "Columns", tables=[Table(("key", "type", "shape", "values"), rows)]
    )
    n = len(batch)
    return fragment(
        verdict=f"RowBatch of {n:,} {'row' if n == 1 else 'rows'}",
        summary=f"{len(rows)} {'column' if len(rows) == 1 else 'columns'}",
        sections=[section],
    )


def _column_type(value: Any) -> str:
    if isinstance(value, list):
        return "arrays of different widths"
    return f"csr {value.dtype}" if hasattr(value, "indptr") else str(value.dtype)


def _column_shape(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value):,} × …"
    return " × ".join(f"{n:,}" for n in value.shape)


def _column_values(value: Any) -> str:
    """What tells most in few words: share of non-zeros and range, or the first values."""
    if isinstance(value, list):
        widths = [len(one) for one in value]
        return f"widths {min(widths):,} … {max(widths):,}" if widths else ""
    if hasattr(value, "indptr"):
        return f"{value.nnz:,} stored values"
    if value.ndim == 1:
        more = ", …" if len(value) > 6 else ""
        return ", ".join(shown(one, 24) for one in value[:6].tolist()) + more
    if not value.size or value.dtype.kind not in "iufb":
        return ""
    some = value[:256]
    return f"{share(np.count_nonzero(some) / some.size)} not 0, {some.min():.4g} … {some.max():.4g}"
