"""The genes: which store has which, what joins keep, and by which identifier."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import ipywidgets as widgets
import numpy as np
import traitlets

from mappedviz.text.display import csv_cell, names, pattern_words, quantity, shown
from mappedviz.views.base import View, handler
from mappedviz.views.charts import Bars, Code, Curve, Table
from mappedviz.views.controls import Numbers, button, dropdown, offer, row
from mappedviz.views.series import Ids
from mappedviz.views.state import Several

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.result import Audit

SHOWS = ("genes against k", "without one store", "patterns", "per store", "identifiers", "search")
_MOST_POINTS = 100
_MOST_GENES = 100
_BLUE, _ORANGE = "#0072b2", "#e69f00"


class CoverageView(View):
    """Genes that an inner join, an outer join or "in at least k stores" keeps; stores that cost most.

    Parameters
    ----------
    source, label, renderer, bare, active
        As for :class:`~mappedviz.views.base.View`.

    Attributes
    ----------
    join
        ``"inner"``, ``"outer"``, ``"k"`` (in at least `k` stores) or ``"panel"`` (the genes of
        the recipe's ``var_names``).
    k
        Number of stores that a gene has to be in.
    identifier
        Identifier that the stores are joined by: a name of ``audit.coverage.what_if``.
    strip_version
        Treat ``ENSG00000141510.18`` and ``ENSG00000141510`` as the same gene.
    show
        The picture that is shown: one of ``SHOWS``.
    genes
        Genes to look for.
    top_n
        Bars at most.

    Examples
    --------
    >>> import mappedviz as mv
    >>> view = mv.CoverageView(mv.audit("notebooks/data/*.h5ad"))
    >>> view.join = "outer"
    >>> view.session.recipe.join
    'outer'
    >>> view.genes = ("CD4", "nowhere")
    >>> view.found().loc["nowhere"].any()
    np.False_
    """

    title = "Genes"
    sections: ClassVar = ("coverage",)

    join = traitlets.Enum(("inner", "outer", "k", "panel", "none"), "inner")
    k = traitlets.Int(1, min=1)
    identifier = traitlets.Unicode("index")
    strip_version = traitlets.Bool(False)
    show = traitlets.Enum(SHOWS, SHOWS[0])
    genes = Several()
    top_n = traitlets.Int(15, min=1, max=60)

    def _build(self) -> list[Any]:
        self._ids = Ids()
        self._ways: dict[str, Any] = {}
        self.numbers = Numbers()
        self.join_control = widgets.ToggleButtons(
            options=[
                ("in all (inner)", "inner"),
                ("in any (outer)", "outer"),
                ("in at least k", "k"),
            ],
            description="keep genes",
            tooltips=["every store has them", "zero where a store lacks them", "choose k"],
            style={"button_width": "auto", "description_width": "initial"},
        )
        self.k_control = widgets.IntSlider(
            1, 1, 1, description="k", continuous_update=False, layout={"width": "260px"}
        )
        self.identifier_control = dropdown("identified by", "which names the stores are joined by")
        self.strip_control = widgets.Checkbox(
            description="without version (ENSG….18 is ENSG…)",
            indent=False,
            layout={"width": "auto"},
        )
        self.show_control = widgets.ToggleButtons(
            options=list(SHOWS), description="", style={"button_width": "auto"}
        )
        self.curve = Curve(
            title="Genes in at least k stores",
            xlabel="k stores",
            ylabel="genes",
            selectable="one",
        )
        self.bars = Bars(title="Genes", unit="genes", selectable="one")
        self.grid = Table(title="Genes per store", selectable="many")
        self.search_control = widgets.Textarea(
            description="genes",
            placeholder="CD3E, MS4A1, … (paste a list)",
            continuous_update=False,
            layout={"width": "100%", "height": "70px"},
        )
        self.panel_button = button(
            "Train on these genes", "keep exactly these genes, in this order", icon="check"
        )
        self.no_panel_button = button("All genes again", "forget the list of genes", icon="times")
        self.csv = Code(title="The same as CSV", language="csv")
        self.search_box = widgets.VBox(
            [self.search_control, row(self.panel_button, self.no_panel_button), self.csv]
        )
        for control, name in (
            (self.join_control, "join"),
            (self.k_control, "k"),
            (self.identifier_control, "identifier"),
            (self.strip_control, "strip_version"),
            (self.show_control, "show"),
        ):
            self.bind(control, name)
        self.search_control.observe(self._searched, "value")
        self.panel_button.on_click(self._panel)
        self.no_panel_button.on_click(self._no_panel)
        self.curve.observe(self._k_clicked, "selected")
        self.bars.observe(self._bar_clicked, "selected")
        self.grid.observe(self._row_clicked, "selected")
        self._curve = self.picture(self.curve, self.plot)
        self._bars = self.picture(self.bars, self.plot)
        return [
            self.numbers,
            row(self.join_control, self.k_control),
            row(self.identifier_control, self.strip_control),
            self.show_control,
            self._curve,
            self._bars,
            self.search_box,
            self.grid,
        ]

    # --- recipe -> controls ----------------------------------------------------------------

    def _follow(self) -> None:
        recipe, audit = self.session.recipe, self.session.audit
        if recipe.var_names is not None:
            self.join = "panel"
        elif recipe.min_stores is not None:
            self.join = "k"
        else:
            self.join = recipe.join or "none"
        n = max(1, len(audit.coverage.stores)) if audit is not None else 1
        self.k_control.max = max(n, recipe.min_stores or 1)
        if recipe.min_stores is not None:
            self.k = recipe.min_stores
        elif self.join in ("inner", "none"):
            self.k = self.k_control.max
        elif self.join == "outer":
            self.k = 1
        self.k_control.value = self.k
        options = list(self.join_control.options)[:3]
        if self.join == "panel":
            options.append((f"{len(recipe.var_names or ()):,} listed genes", "panel"))
        elif self.join == "none":
            options.append(("not joined", "none"))
        offer(self.join_control, options, self.join)
        self.k_control.disabled = self.join == "none"
        self.strip_version = self.strip_control.value = recipe.strip_version
        if audit is not None:
            self._ways = {}
            for way in audit.coverage.what_if.itertuples():
                if not way.upper_case and way.strip_version == recipe.strip_version:
                    self._ways[str(way.identifier)] = way.var_key
        self._ways.setdefault("index", None)
        found = [name for name, key in self._ways.items() if _same_key(key, recipe.var_key)]
        self.identifier = found[0] if found else shown(recipe.var_key)
        sizes = self._sizes(audit)
        offer(
            self.identifier_control,
            [(f"{shown(name, 40)}{sizes.get(name, '')}", name) for name in self._ways],
            self.identifier,
        )

    def _sizes(self, audit: Audit | None) -> dict[str, str]:
        if audit is None:
            return {}
        table = audit.coverage.what_if
        return {
            str(way.identifier): f" · {way.inner:,} genes in all"
            for way in table.itertuples()
            if not way.upper_case and way.strip_version == self.session.recipe.strip_version
        }

    # --- controls -> recipe ----------------------------------------------------------------

    @traitlets.observe("join")
    @handler
    def _join_changed(self, change: Any) -> None:
        self._edit_join(change["new"], self.k)

    def _edit_join(self, join: str, k: int) -> None:
        if join == "k":
            self.session.edit(join="inner", min_stores=k, var_names=None)
        elif join in ("inner", "outer"):
            self.session.edit(join=join, min_stores=None, var_names=None)
        self.follow()

    @traitlets.observe("k")
    @handler
    def _k_changed(self, change: Any) -> None:
        self._edit_join("k", int(change["new"]))

    @traitlets.observe("identifier")
    @handler
    def _identifier_changed(self, change: Any) -> None:
        name = change["new"]
        self.session.edit(var_key=self._ways.get(name, None if name == "index" else name))
        self.follow()

    @traitlets.observe("strip_version")
    @handler
    def _strip_changed(self, change: Any) -> None:
        self.session.edit(strip_version=bool(change["new"]))
        self.follow()

    @handler
    def _panel(self, _: Any) -> None:
        if not self.genes:
            self.session.tell("Paste a list of genes first.", "error")
        else:
            self.session.edit(join="inner", min_stores=None, var_names=list(self.genes))
            self.follow()

    @handler
    def _no_panel(self, _: Any) -> None:
        self.session.edit(var_names=None)
        self.follow()

    # --- what is clicked -------------------------------------------------------------------

    @handler
    def _k_clicked(self, change: Any) -> None:
        if change["new"]:
            self.k = int(float(change["new"][0]))

    @handler
    def _bar_clicked(self, change: Any) -> None:
        chosen = self._ids.values(change["new"])
        if self.show == "without one store":
            self.session.stores = tuple(chosen)
        elif self.show == "patterns":
            self.session.stores = tuple(chosen[0]) if chosen else ()

    @handler
    def _row_clicked(self, change: Any) -> None:
        if self.show == "per store":
            self.session.stores = tuple(self._ids.values(change["new"]))

    @handler
    def _searched(self, change: Any) -> None:
        self.genes = _genes_in(change["new"])

    @traitlets.observe("genes", "show", "top_n")
    @handler
    def _look_changed(self, change: Any) -> None:
        with self.setting():
            self.show_control.value = self.show
            if change["name"] == "genes":
                if self.genes:
                    self.show = self.show_control.value = "search"
                if _genes_in(self.search_control.value) != self.genes:
                    self.search_control.value = ", ".join(self.genes)
        self.draw()

    # --- drawing ---------------------------------------------------------------------------

    def _draw(self, audit: Audit) -> None:
        coverage = audit.coverage
        k = min(self.k, max(len(coverage.stores), 1))
        kept = int(coverage.at_least.loc[k]) if len(coverage.at_least) else 0
        numbers = [
            (quantity(coverage.inner), "genes in all stores"),
            (quantity(kept), f"in at least {k} of {len(coverage.stores):,}"),
            (quantity(coverage.outer), "in any store"),
        ]
        if self.session.recipe.var_names is not None:
            numbers.append((quantity(len(self.session.recipe.var_names)), "listed genes are kept"))
        self.numbers.show(numbers)
        drawings = {
            "genes against k": self._draw_curve,
            "without one store": self._draw_without,
            "patterns": self._draw_patterns,
            "per store": self._draw_stores,
            "identifiers": self._draw_identifiers,
            "search": self._draw_found,
        }
        shows = self.show
        self._curve.layout.display = None if shows == SHOWS[0] else "none"
        self._bars.layout.display = None if shows in SHOWS[1:3] else "none"
        self.grid.layout.display = None if shows in SHOWS[3:] else "none"
        self.search_box.layout.display = None if shows == "search" else "none"
        drawings[shows](audit)

    def _draw_curve(self, audit: Audit) -> None:
        genes = audit.coverage.at_least
        at = np.unique(
            np.linspace(0, max(len(genes) - 1, 0), min(len(genes), _MOST_POINTS)).astype(int)
        )
        self.curve.points = [[int(genes.index[i]), int(genes.iloc[i])] for i in at]
        self.curve.selected = [str(self.k)]

    def _draw_without(self, audit: Audit) -> None:
        coverage = audit.coverage
        table = coverage.table.sort_values("gain_without", ascending=False, kind="stable")
        some = table.iloc[: self.top_n]
        self._ids = Ids(some.index, "w")
        self.bars.series = [
            {"name": "inner join", "colour": _BLUE, "hatch": False},
            {"name": "gained without this store", "colour": _ORANGE, "hatch": False},
        ]
        self.bars.rows = [
            {
                "id": self._ids.of(store),
                "label": text,
                "values": [coverage.inner, int(facts["gain_without"])],
                "text": f"{coverage.inner:,} → {int(facts['inner_without']):,}",
            }
            for (store, facts), text in zip(some.iterrows(), names(some.index), strict=True)
        ]

    def _draw_patterns(self, audit: Audit) -> None:
        coverage = audit.coverage
        some = coverage.patterns.iloc[: self.top_n]
        found = list(zip(some["pattern"], some["n_genes"].tolist(), strict=True))
        self._ids = Ids((pattern for pattern, _ in found), "p")
        rows = [
            {
                "id": self._ids.of(pattern),
                "label": pattern_words(pattern, coverage.stores),
                "values": [n],
                "text": quantity(n),
            }
            for pattern, n in found
        ]
        rest = coverage.outer - int(some["n_genes"].sum())
        if rest:
            left = coverage.n_patterns - len(some)
            rows.append(
                {
                    "id": "rest",
                    "label": f"other ({left:,} patterns)",
                    "values": [rest],
                    "text": quantity(rest),
                }
            )
        self.bars.series = [{"name": "genes", "colour": _BLUE, "hatch": False}]
        self.bars.rows = rows

    def _draw_stores(self, audit: Audit) -> None:
        columns = ("n_vars", "kept", "lost", "zero_filled", "private", "gain_without", "id_kind")
        words = (
            "genes",
            "kept by inner",
            "lost by inner",
            "zero in outer",
            "only here",
            "gained without",
            "identifiers",
        )
        table = audit.coverage.table.iloc[:200]
        self._ids = Ids(table.index, "g")
        self.grid.selectable = "many"
        self._put(
            [("store", "store"), *zip(columns, words, strict=True)],
            [
                (self._ids.of(store), [text, *(facts[name] for name in columns)])
                for (store, facts), text in zip(table.iterrows(), names(table.index), strict=True)
            ],
            len(audit.coverage.table) - len(table),
        )

    def _draw_identifiers(self, audit: Audit) -> None:
        table = audit.coverage.what_if.iloc[:60]
        self.grid.selectable = "none"
        self._put(
            [
                ("identifier", "identified by"),
                ("strip", "version"),
                ("case", "case"),
                ("n_stores", "stores that have it"),
                ("inner", "genes in all"),
                ("outer", "genes in any"),
            ],
            [
                (
                    f"i{i}",
                    [
                        shown(way.identifier),
                        "stripped" if way.strip_version else "as it is",
                        "ignored" if way.upper_case else "as it is",
                        way.n_stores,
                        way.inner,
                        way.outer,
                    ],
                )
                for i, way in enumerate(table.itertuples())
            ],
            0,
        )

    def _draw_found(self, audit: Audit) -> None:
        found = self.found()
        stores = list(found.columns)
        some = found.iloc[:_MOST_GENES]
        self.grid.selectable = "none"
        several = len(stores) > 12
        heads = [] if several else [(f"s{i}", text) for i, text in enumerate(names(stores, 18))]
        rows: list[tuple[str, list[Any]]] = []
        for i, (gene, has) in enumerate(some.iterrows()):
            n = int(has.sum())
            cells: list[Any] = [shown(gene), f"{n:,} of {len(stores):,}" if n else "no store"]
            if not several:
                cells += ["✓" if there else "–" for there in has]
            rows.append((f"q{i}", cells))
        self._put([("gene", "gene"), ("n", "in stores"), *heads], rows, len(found) - len(some))
        # For a spreadsheet: what one store calls a gene may be a formula there.
        self.csv.text = _csv(some.astype(int)) if len(some) else ""
        self.csv.layout.display = None if len(some) else "none"
        self.panel_button.disabled = not self.genes
        self.no_panel_button.disabled = self.session.recipe.var_names is None

    def _put(
        self, columns: list[tuple[str, str]], rows: list[tuple[str, list[Any]]], left: int
    ) -> None:
        numeric = {
            i
            for i in range(len(columns))
            if rows and all(not isinstance(cells[i], str) for _, cells in rows)
        }
        with self.grid.hold_sync():
            self.grid.columns = [
                {"id": name, "label": label, "align": "right" if i in numeric else "left"}
                for i, (name, label) in enumerate(columns)
            ]
            self.grid.rows = [
                {
                    "id": name,
                    "cells": [
                        {"text": quantity(cell), "value": int(cell)}
                        if i in numeric
                        else {"text": shown(cell), "value": shown(cell)}
                        for i, cell in enumerate(cells)
                    ],
                }
                for name, cells in rows
            ]
            self.grid.note = f"{left:,} more are not shown." if left else ""

    def _focus(self) -> None:
        stores = self.session.stores
        if self.show == "without one store":
            self.bars.selected = self._ids.known(stores[:1])
        elif self.show == "patterns":
            self.bars.selected = self._ids.known([tuple(stores)])
        elif self.show == "per store":
            self.grid.selected = self._ids.known(stores)

    # --- for scripts -----------------------------------------------------------------------

    def found(self) -> pd.DataFrame:
        """Return the stores that have the genes of :attr:`genes`: DataFrame genes × stores of bool."""
        return self.audit.coverage.find(self.genes)

    def table(self) -> pd.DataFrame:
        """The table of :class:`mappedviz.audits.Coverage`."""
        return self.audit.coverage.table

    def plot(self, ax: Axes | None = None) -> Axes:
        """The picture of :attr:`show`: the curve, leave-one-out or patterns."""
        from mappedviz import plots

        coverage = self.audit.coverage
        if self.show == "without one store":
            return plots.plot_leave_one_out(coverage, ax, top_n=self.top_n)
        if self.show == "patterns":
            return plots.plot_patterns(coverage, ax, top_n=self.top_n)
        return plots.plot_coverage_curve(coverage, ax)

    def code(self) -> str:
        """Return code that makes this table in a script."""
        return self.audit_code("audit.coverage.table")


def _genes_in(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(gene for gene in re.split(r"[\s,;]+", text) if gene))


def _same_key(one: Any, other: Any) -> bool:
    return (dict(one) if isinstance(one, dict) else one) == (
        dict(other) if isinstance(other, dict) else other
    )


def _csv(table: pd.DataFrame) -> str:
    safe = table.rename(index=csv_cell, columns=csv_cell)
    safe.index.name = "gene"
    return str(safe.to_csv())
