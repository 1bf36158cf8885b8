"""The stores: how large they are, what their X is, and whether they can be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from mappedviz.errors import RecipeError
from mappedviz.text.display import names, quantity, share, shown, size
from mappedviz.views.base import View, handler
from mappedviz.views.charts import Table
from mappedviz.views.controls import Numbers, button, row
from mappedviz.views.series import Ids
from mappedviz.views.state import Several

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.result import Audit

_BARS = ("n_obs", "n_vars")
_COLUMNS = [
    {"id": "store", "label": "store", "align": "left"},
    {"id": "cells", "label": "cells", "align": "right", "bar": True},
    {"id": "genes", "label": "genes", "align": "right", "bar": True},
    {"id": "X", "label": "X", "align": "left", "title": "layout, dtype, compression"},
    {"id": "scale", "label": "values", "align": "left", "title": "judged by sampled rows"},
    {"id": "density", "label": "non-zero", "align": "right"},
    {"id": "size", "label": "on disk", "align": "right"},
    {"id": "also", "label": "also holds", "align": "left"},
    {"id": "status", "label": "status", "align": "left"},
]


class ShapesView(View):
    """One row per store: cells, genes, X, size on disk, layers, status.

    Selecting stores puts them in focus in every view of the session.

    Parameters
    ----------
    source, label, renderer, bare, active
        As for :class:`~mappedviz.views.base.View`.

    Attributes
    ----------
    stores
        Display names of the selected stores; assign to select others.
    top_n
        Stores to show; ``table()`` has all.

    Examples
    --------
    >>> import mappedviz as mv
    >>> view = mv.ShapesView(mv.audit("notebooks/data/*.h5ad"))
    >>> view.table()[["n_obs", "n_vars"]].sum().tolist()
    [2200, 9162]
    >>> view.stores = ["10x_pbmc68k_reduced.h5ad"]
    >>> view.session.stores
    ('10x_pbmc68k_reduced.h5ad',)
    >>> view.leave_selected_out()
    >>> len(view.session.recipe.paths)
    2
    """

    title = "Stores"
    sections: ClassVar = ("shapes",)

    stores = Several()
    top_n = traitlets.Int(100, min=1, max=200)

    def _build(self) -> list[Any]:
        self._ids = Ids()
        self.numbers = Numbers()
        self.chart = Table(title="Stores", columns=_COLUMNS, selectable="many")
        self.drop = button(
            "Leave selected out", "train without the selected stores", icon="minus-circle"
        )
        self.only = button("Keep only selected", "train on the selected stores", icon="filter")
        self.chart.observe(self._selected, "selected")
        self.press(self.drop, self.leave_selected_out)
        self.press(self.only, self.keep_selected)
        return [
            self.numbers,
            self.picture(self.chart, self.plot),
            row(self.drop, self.only),
        ]

    def _draw(self, audit: Audit) -> None:
        table = audit.stores
        some = table.iloc[: self.top_n]
        self._ids = Ids(some.index, "s")
        bad = int((table["status"] != "ok").sum())
        self.numbers.show(
            [
                (quantity(len(table)), "stores" if len(table) != 1 else "store"),
                (quantity(table["n_obs"].sum()), "cells"),
                (quantity(audit.coverage.inner), "genes in all stores"),
                (quantity(audit.coverage.outer), "genes in any store"),
                (size(int(table["nbytes"].sum())), "on disk"),
                *([(quantity(bad), "cannot be read")] if bad else []),
            ]
        )
        tops = {name: max(int(table[name].sum()) and int(table[name].max()), 1) for name in _BARS}
        plain = some.astype(object).where(some.notna(), None)
        self.chart.rows = [
            {"id": self._ids.of(store), "cells": _cells(facts, text, tops)}
            for store, facts, text in zip(
                some.index, plain.to_dict("records"), names(some.index), strict=True
            )
        ]
        left = len(table) - len(some)
        self.chart.note = f"The first {len(some):,} of {len(table):,} stores." if left else ""

    def _focus(self) -> None:
        self.chart.selected = self._ids.known(self.session.stores)
        self.stores = self.session.stores
        self.drop.disabled = self.only.disabled = not self.session.stores

    @handler
    def _selected(self, change: Any) -> None:
        self.session.stores = tuple(self._ids.values(change["new"]))

    @traitlets.observe("stores")
    @handler
    def _assigned(self, change: Any) -> None:
        self.session.stores = tuple(change["new"])

    @traitlets.observe("top_n")
    @handler
    def _cut(self, _: Any) -> None:
        self.draw()

    def leave_selected_out(self) -> None:
        """Train without the selected stores: the ``paths`` of the recipe."""
        self._without(self.session.stores)

    def keep_selected(self) -> None:
        """Train on the selected stores alone: the ``paths`` of the recipe."""
        chosen = set(self.session.stores)
        self._without([name for name in self.audit.stores.index if name not in chosen])

    def _without(self, stores: Sequence[str]) -> None:
        if not self.session.stores:
            self.session.tell("Select stores first.", "error")
            return
        try:
            # Its paths alone: the recipe may have gone on while it was being audited.
            self.session.edit(paths=self.audit.recipe_without(stores).paths)
        except RecipeError as error:
            self.session.tell(str(error), "error")

    def table(self) -> pd.DataFrame:
        """See :func:`mappedviz.audits.stores_table`."""
        return self.audit.stores

    def plot(self, ax: Axes | None = None) -> Axes:
        """See :func:`mappedviz.plots.plot_shapes`."""
        from mappedviz.plots import plot_shapes

        return plot_shapes(self.audit.stores, ax, top_n=min(self.top_n, 40))

    def code(self) -> str:
        """Return code that makes this table in a script."""
        return self.audit_code("audit.stores")


def _cells(facts: dict[Any, Any], text: str, tops: dict[str, int]) -> list[dict[str, Any]]:
    """Return the cells of one row; None for what is unknown about a store that cannot be read."""
    parts = [
        "layers " + ", ".join(shown(name, 20) for name in facts["layers"][:4])
        if facts["layers"]
        else "",
        "raw" if facts["raw"] else "",
        "obsm " + ", ".join(shown(name, 20) for name in facts["obsm"][:4]) if facts["obsm"] else "",
    ]
    also = "; ".join(part for part in parts if part)

    def number(name: str) -> dict[str, Any]:
        n = facts[name]
        if n is None:
            return {"text": "–", "value": None}
        return {"text": quantity(n), "value": int(n), "bar": int(n) / tops[name]}

    def words(value: Any, limit: int) -> dict[str, Any]:
        return {"text": shown(value, limit) if value else "–", "title": shown(value or "", 400)}

    density, nbytes = facts["density"], facts["nbytes"]
    return [
        {"text": text, "title": shown(facts["path"], 300)},
        number("n_obs"),
        number("n_vars"),
        words(facts["X"], 40),
        words(facts["x_scale"], 24),
        {"text": share(density), "value": None if density is None else float(density)},
        {"text": size(nbytes), "value": None if nbytes is None else int(nbytes)},
        words(also, 60),
        words(facts["status"], 160),
    ]
