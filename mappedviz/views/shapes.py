"""The stores: how large they are, what their X is, and whether they can be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from mappedviz.errors import RecipeError
from mappedviz.recipe.leaving_out import without_stores
from mappedviz.text.display import shown
from mappedviz.views.base import View, csv_of, handler
from mappedviz.views.models import samples, shapes
from mappedviz.views.state import Several

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.result import Audit
    from mappedviz.views.nodes import Node
    from mappedviz.views.state import Session


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
    search
        Show only stores whose name contains this text.
    filters
        Show only stores that are ``"unreadable"``, ``"unlabelled"`` (no column of the class), or
        whose values are of a kind: ``"kind:counts"``.
    top_n
        Stores on a page; ``table()`` has all.

    Examples
    --------
    >>> import mappedviz as mv
    >>> view = mv.ShapesView(mv.audit(mv.datasets.demo()))
    >>> view.table()[["n_obs", "n_vars"]].sum().tolist()
    [2236, 2703]
    >>> view.stores = ["10x_pbmc68k_reduced.h5ad"]
    >>> view.session.stores
    ('10x_pbmc68k_reduced.h5ad',)
    >>> view.leave_selected_out()
    >>> len(view.session.recipe.paths)
    1
    """

    title = "Stores"
    decides = "Decide which stores to train on."
    sections: ClassVar = ("shapes",)
    controls: ClassVar = ("search", "filters")
    actions: ClassVar = ("leave_selected_out", "keep_selected")
    events: ClassVar = {("grid", "selected"): "_selected"}
    drawn: ClassVar = ("grid",)

    stores = Several()
    search = traitlets.Unicode("")
    filters = Several()
    top_n = traitlets.Int(50, min=1, max=200)

    def _body(self, audit: Audit) -> list[Node]:
        return shapes.body(audit, self._state())

    def _state(self) -> shapes.State:
        session = self.session
        return shapes.State(
            label=session.label,
            stores=session.stores,
            search=self.search,
            filters=self.filters,
            arrangement=self.arranged("grid"),
            top_n=self.top_n,
            opened=self._opened,
            sheet=self.arranged("sheet"),
            columns=self.arranged("columns"),
        )

    def _focus(self) -> None:
        self.stores = self.session.stores

    def _selected(self, value: Any) -> None:
        """Select rows of the page; what is selected on other pages stays."""
        audit = self.audit
        ids = shapes.ids(audit)
        shown = {row["id"] for row in self.node("grid").get("rows", ())}
        elsewhere = [s for s in self.session.stores if not set(ids.known([s])) & shown]
        self.session.stores = (*elsewhere, *ids.values(value))

    @traitlets.observe("stores")
    @handler
    def _assigned(self, change: Any) -> None:
        self.session.stores = tuple(change["new"])

    @traitlets.observe("search", "filters", "top_n")
    @handler
    def _cut(self, _: Any) -> None:
        self.arrange("grid", page=0)

    def leave_selected_out(self) -> None:
        """Train without the selected stores: the ``paths`` of the recipe."""
        without(self.session, self.audit, self.session.stores)

    def keep_selected(self) -> None:
        """Train on the selected stores alone: the ``paths`` of the recipe."""
        chosen = set(self.session.stores)
        audit = self.audit
        without(self.session, audit, [one for one in audit.stores.index if one not in chosen])

    def sheet(self) -> pd.DataFrame:
        """Return the sample sheet: DataFrame store × obs key (donor, tissue, …), values as text."""
        found: pd.DataFrame = samples.sheet_frame(self.audit)
        return found

    def _csv(self, name: str = "") -> str:
        if name == "sheet":
            return csv_of(self.sheet())
        if name == "columns":
            frame = self.audit.obs_browser
            some = {key: frame[key].map(_joined) for key in ("stores", "dtypes", "examples")}
            return csv_of(frame.assign(**some))
        return super()._csv(name)

    def _code(self, name: str = "") -> str:
        known = {"sheet": "audit.sample_sheet()", "columns": "audit.obs_browser"}
        return self.audit_code(known[name]) if name in known else self.code()

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


def _joined(values: Sequence[Any]) -> str:
    return "; ".join(shown(one, None) for one in values)


def without(session: Session, audit: Audit, stores: Sequence[str]) -> None:
    """Train without some stores: the ``paths`` of the recipe; none if nothing is selected."""
    if not session.stores:
        session.tell("Select stores first.", "error")
        return
    try:
        # Its paths alone: the recipe may have gone on while it was being audited.
        kept = audit.recipe_without(stores).paths
        dropped = [str(path) for path in audit.stores.loc[list(stores), "path"]]
        session.recipe = without_stores(session.recipe, dropped, kept)
    except RecipeError as error:
        session.tell(str(error), "error")
