"""The cells: where they are in an embedding, how deep they are, and the values of one gene."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from mappedviz.errors import MappedvizError
from mappedviz.report.html import fragment
from mappedviz.report.values import Content
from mappedviz.views.base import View, csv_of
from mappedviz.views.models import cells as model
from mappedviz.views.work import Report, Work

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.result import Audit
    from mappedviz.views.nodes import Node

#: What is read: the kind, the element, the key and the gene.
_Job = tuple[str, str, str, str]


class CellsView(View):
    """Some cells of each store: their embedding, their depth, and the values of one gene.

    They are read when they are shown, on a thread; nothing here changes the recipe.

    Parameters
    ----------
    source, label, renderer, bare, active
        As for :class:`~mappedviz.views.base.View`.

    Attributes
    ----------
    show
        ``"embedding"``, ``"depth"`` or ``"gene"``.
    element
        The obsm element of the embedding; "" for the one that most stores have.
    by
        The obs key of the colours, ``"store"``, or "" for the label.
    gene
        A gene, by the identifiers that the recipe joins by.

    Examples
    --------
    >>> import mappedviz as mv
    >>> view = mv.CellsView(mv.audit("notebooks/data/*.h5ad", progress=False), gene="CD8A")
    >>> view.show = "gene"
    >>> view.table()["value"].gt(0).any()
    np.True_
    """

    title = "Cells"
    decides = "See whether the cells of a label are alike in all stores; nothing is decided here."
    sections: ClassVar = ()
    controls: ClassVar = ("show",)
    events: ClassVar = {
        ("element", "value"): "_element_chosen",
        ("by", "value"): "_by_chosen",
        ("gene", "value"): "_gene_typed",
    }
    drawn: ClassVar = ("scatter", "total", "values")

    show = traitlets.Enum(tuple(model.SHOWS), "embedding")
    element = traitlets.Unicode("")
    by = traitlets.Unicode("")
    gene = traitlets.Unicode("")

    def _start(self) -> None:
        self._work = Work(self.session.lock)
        self._results: dict[_Job, Any] = {}
        self._running: _Job | None = None

    def _forget(self) -> None:
        super()._forget()
        self._work.cancel()

    def _audit_changed(self, change: Any) -> None:
        self._work.cancel()
        self._results, self._running = {}, None
        super()._audit_changed(change)

    # --- reading ---------------------------------------------------------------------------

    def _job(self) -> _Job | None:
        """What is to be read for what is shown."""
        if self.show == "depth":
            return "depth", "", "", ""
        if self.show == "gene":
            return ("gene", self.element, self.by, self.gene) if self.gene else None
        return "embedding", self.element, self.by, ""

    def _read(self, audit: Audit, job: _Job) -> Any:
        """Read some cells; takes its time."""
        show, element, by, gene = job
        n = model.points_of(audit)
        if show == "depth":
            return audit.cell_stats(min(n, 500))
        if show == "embedding":
            return audit.embedding(element or None, n, by or None)
        values = audit.expression(gene, by or None, n)
        try:
            return values, audit.embedding(element or None, n)
        except MappedvizError:  # the gene is what was asked for
            return values, None

    def _begin(self, audit: Audit, job: _Job) -> None:
        """Read on a thread, and draw when it is there."""
        if self._running == job:
            return
        self._running = job

        def do(_: Report, __: threading.Event) -> Any:
            return self._read(audit, job)

        def done(found: Any) -> None:
            self._running = None
            self._results[job] = found
            self.changed()

        self._work.start(do, done, done)

    def wait(self, timeout: float | None = 60.0) -> bool:
        """Wait until the stores and the cells that are shown are read; return False if that took longer."""
        if not self.session.wait(timeout):
            return False
        self.nodes()
        return self._work.wait(timeout)

    def _found(self) -> Any:
        """What is shown, read now if need be."""
        job, audit = self._job(), self.audit
        if job is None:
            raise MappedvizError("choose a gene first")
        found = self._results.get(job)
        if found is None:
            found = self._results[job] = self._read(audit, job)
        if isinstance(found, Exception):
            raise found
        return found

    # --- drawing ---------------------------------------------------------------------------

    def _body(self, audit: Audit) -> list[Node]:
        job = self._job()
        if job is not None and job not in self._results:
            self._begin(audit, job)
        state = model.State(
            show=self.show,
            element=self.element,
            by=self.by,
            gene=self.gene,
            stores=self.session.stores,
            found=None if job is None else self._results.get(job),
        )
        return model.body(audit, state)

    def _element_chosen(self, value: Any) -> None:
        self.element = model.element_ids(self.audit).value(value) if value else ""

    def _by_chosen(self, value: Any) -> None:
        if value in ("", "k-store"):
            self.by = "store" if value else ""
        else:
            self.by = model.key_ids(self.audit).value(value)

    def _gene_typed(self, value: Any) -> None:
        self.gene = str(value).strip()

    # --- for scripts -----------------------------------------------------------------------

    def table(self) -> pd.DataFrame:
        """Return the cells that are shown: DataFrame store, row, and what is shown of them."""
        found = self._found()
        table: pd.DataFrame = (found[0] if self.show == "gene" else found).table
        return table

    def plot(self, ax: Axes | None = None) -> Axes:
        """The embedding, the depth or the gene: see :mod:`mappedviz.plots`."""
        from mappedviz import plots

        found = self._found()
        if self.show == "depth":
            return plots.plot_cell_stats(found, ax)
        if self.show == "gene":
            return plots.plot_expression(found[0], ax)
        return plots.plot_embedding(found, ax)

    def code(self) -> str:
        """Return code that makes this table in a script."""
        n = 500 if self.session.audit is None else model.points_of(self.session.audit)
        if self.show == "depth":
            return self.audit_code(f"audit.cell_stats({min(n, 500)}).table")
        by = f", by={self.by!r}" if self.by else ""
        if self.show == "gene":
            return self.audit_code(f"audit.expression({self.gene!r}, n={n}{by}).table")
        key = f"{self.element!r}, " if self.element else ""
        return self.audit_code(f"audit.embedding({key}n={n}{by}).table")

    def _csv(self, name: str = "") -> str:
        return csv_of(self.table())

    def _repr_html_(self) -> str:
        self.session.wait(2.0)
        return fragment(Content(verdict=self._kept_status(), code=self.code()))
