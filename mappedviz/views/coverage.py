"""The genes: which store has which, what joins keep, and by which identifier."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from mappedviz.views.base import View, csv_of, handler
from mappedviz.views.models import coverage as model
from mappedviz.views.models.coverage import SHOWS
from mappedviz.views.state import Several

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.result import Audit
    from mappedviz.views.nodes import Node


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
    >>> view = mv.CoverageView(mv.audit(mv.datasets.demo()))
    >>> view.join = "outer"
    >>> view.session.recipe.join
    'outer'
    >>> view.genes = ("CD4", "nowhere")
    >>> view.found().loc["nowhere"].any()
    np.False_
    """

    title = "Genes"
    decides = "Decide which genes are kept, and by which identifier stores are joined."
    sections: ClassVar = ("coverage",)
    controls: ClassVar = ("join", "k", "strip_version", "show")
    actions: ClassVar = ("train_on_genes", "all_genes")
    events: ClassVar = {
        ("identifier", "value"): "_identifier_chosen",
        ("search", "value"): "_searched",
        ("curve", "selected"): "_k_clicked",
        ("bars", "selected"): "_store_clicked",
        ("patterns", "selected"): "_pattern_clicked",
        ("together", "selected"): "_set_clicked",
        ("grid", "selected"): "_rows_clicked",
    }
    drawn: ClassVar = ("curve", "bars", "patterns")

    join = traitlets.Enum(("inner", "outer", "k", "panel", "none"), "inner")
    k = traitlets.Int(1, min=1)
    identifier = traitlets.Unicode("index")
    strip_version = traitlets.Bool(False)
    show = traitlets.Enum(SHOWS, SHOWS[0])
    genes = Several()
    top_n = traitlets.Int(15, min=1, max=60)

    def _start(self) -> None:
        self._field = ""  # what was typed, which may be less tidy than the genes in it

    # --- recipe -> traits ------------------------------------------------------------------

    def _follow(self) -> None:
        recipe, audit = self.session.recipe, self.session.audit
        if recipe.var_names is not None:
            self.join = "panel"
        elif recipe.min_stores is not None:
            self.join = "k"
        else:
            self.join = recipe.join or "none"
        if recipe.min_stores is not None:
            self.k = recipe.min_stores
        elif self.join in ("inner", "none"):
            self.k = max(1, len(audit.coverage.stores)) if audit is not None else 1
        elif self.join == "outer":
            self.k = 1
        self.strip_version = recipe.strip_version
        self.identifier = model.way_of(audit, recipe)

    def _ways(self) -> dict[str, dict[str, Any]]:
        """Identifiers, and the fields of a recipe that say each."""
        audit = self.session.audit
        return {} if audit is None else model.ways(audit, self.session.recipe)

    # --- traits -> recipe ------------------------------------------------------------------

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
        column = {"var_key": None if name == "index" else name, "var_map": None}
        self.session.edit(**self._ways().get(name, column))
        self.follow()

    @traitlets.observe("strip_version")
    @handler
    def _strip_changed(self, change: Any) -> None:
        self.session.edit(strip_version=bool(change["new"]))
        self.follow()

    @traitlets.observe("show", "genes")
    @handler
    def _look_changed(self, change: Any) -> None:
        self.arrange("grid", sort=())
        if change["name"] == "genes":
            if _genes_in(self._field) != self.genes:
                self._field = ", ".join(self.genes)
            if self.genes:
                self.show = "search"

    def train_on_genes(self) -> None:
        """Keep exactly :attr:`genes`, in this order: the ``var_names`` of the recipe."""
        if not self.genes:
            self.session.tell("Paste a list of genes first.", "error")
        else:
            self.session.edit(join="inner", min_stores=None, var_names=list(self.genes))

    def all_genes(self) -> None:
        """Forget the list of genes."""
        self.session.edit(var_names=None)

    # --- what is clicked -------------------------------------------------------------------

    def _identifier_chosen(self, value: Any) -> None:
        self.identifier = model.identifier_ids(self.audit, self.session.recipe).value(value)

    def _searched(self, value: Any) -> None:
        self._field = str(value)
        self.genes = _genes_in(self._field)

    def _k_clicked(self, value: Any) -> None:
        if value:
            self.k = int(float(value[0]))

    def _store_clicked(self, value: Any) -> None:
        self.session.stores = tuple(model.store_ids(self.audit).values(value))

    def _pattern_clicked(self, value: Any) -> None:
        chosen = model.pattern_ids(self.audit, self.top_n).values(value)
        self.session.stores = tuple(chosen[0]) if chosen else ()

    def _set_clicked(self, value: Any) -> None:
        chosen = model.set_ids(self.audit).values(value)
        self.session.stores = tuple(chosen[0]) if chosen else ()

    def _rows_clicked(self, value: Any) -> None:
        if self.show == "per store":
            self._store_clicked(value)

    # --- drawing ---------------------------------------------------------------------------

    def _body(self, audit: Audit) -> list[Node]:
        return model.body(
            audit,
            model.State(
                recipe=self.session.recipe,
                join=self.join,
                k=self.k,
                identifier=self.identifier,
                strip_version=self.strip_version,
                show=self.show,
                genes=self.genes,
                top_n=self.top_n,
                stores=self.session.stores,
                typed=self._field,
                arrangement=self.arranged("grid"),
            ),
        )

    # --- for scripts -----------------------------------------------------------------------

    def found(self) -> pd.DataFrame:
        """Return the stores that have the genes of :attr:`genes`: DataFrame genes × stores of bool."""
        return self.audit.coverage.find(self.genes)

    def csv(self) -> str:
        """Return :meth:`found` as CSV in which no name is a formula to a spreadsheet."""
        return csv_of(self.found().astype(int))

    def _csv(self, name: str = "") -> str:
        coverage = self.audit.coverage
        # What is drawn: a row for each pattern, or for each number of stores.
        if name == "patterns":
            if len(coverage.stores) > model.MOST_SETS:
                return csv_of(coverage.histogram(model.MOST_BINS))
            return csv_of(coverage.intersections(self.top_n).reset_index())
        if name == "curve":
            return csv_of(coverage.at_least.to_frame())
        return self.csv() if self.show == "search" else super()._csv(name)

    def _code(self, name: str = "") -> str:
        if name == "patterns":
            if len(self.audit.coverage.stores) > model.MOST_SETS:
                return self.audit_code(f"audit.coverage.histogram({model.MOST_BINS})")
            return self.audit_code(f"audit.coverage.intersections({self.top_n})")
        return self.audit_code("audit.coverage.at_least") if name == "curve" else self.code()

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
