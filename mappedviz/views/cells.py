"""The cells: embeddings side by side, depth and genes of each store, and one gene."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

import numpy as np
import traitlets

from mappedviz.audits.cells.depths import CellStats
from mappedviz.audits.cells.embeddings import Embedding
from mappedviz.audits.cells.expression import Expression
from mappedviz.report.html import fragment
from mappedviz.report.values import REPR_ROWS, Content, Section, Table, number_cell, text_cell
from mappedviz.text.display import share
from mappedviz.views.base import View, csv_of, handler
from mappedviz.views.models import cell_points
from mappedviz.views.models import cells as model
from mappedviz.views.models.categories import keys
from mappedviz.views.models.cell_strips import IDS, MEASURES
from mappedviz.views.models.shapes import ids
from mappedviz.views.models.stores import texts_of
from mappedviz.views.shapes import without
from mappedviz.views.work import CancelledError, Report, Work

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.result import Audit
    from mappedviz.views.nodes import Node

_PATIENCE = 2.0  # seconds that a cell of a notebook waits
_MOST_KEPT = 12  # tables
_STATS_CELLS = 500  # of a store
_WORDS = {
    "embedding": "Reading the embedding",
    "stats": "Reading depth and genes of the cells",
    "expression": "Reading the gene",
}
_PLACE_OF_BY = {"embedding": 4, "stats": -1, "expression": 3}  # in the key of a part
_OF_STORES = (*IDS.values(), "expression")
_Table: TypeAlias = Embedding | CellStats | Expression
#: The part that is read, and all that its table depends on.
_Key: TypeAlias = tuple[Any, ...]


class CellsView(View):
    """Sampled cells of each store: their embedding, their depth, and the values of one gene.

    Nothing is read before it is shown, or one of its tables is asked for. What is read is read on a
    thread, and kept for each recipe.

    Parameters
    ----------
    source, label, renderer, bare, active
        As for :class:`~mappedviz.views.base.View`.

    Attributes
    ----------
    by
        Obs key that cells are coloured by, and that rows of the gene are of; ``"store"``, or "" for
        the label.
    element
        The obsm element, however a store spells it; "" for the one that most stores have.
    gene
        A gene whose values are shown; "" for none.
    colour
        ``"gene"`` or ``"by"``: what cells are coloured by once a gene is shown.
    measure
        ``"total"``, ``"genes"`` or ``"mito"``: what is shown of more than 20 stores.

    Examples
    --------
    >>> import mappedviz as mv
    >>> view = mv.CellsView(mv.datasets.demo() / "oxford.h5ad", label="batch")
    >>> view.gene = "CD8A"
    >>> view.table()["label"].value_counts().to_dict()
    {'run1': 350, 'run2': 150}
    >>> view.expression().stores["share"].round(2).tolist()
    [0.28]
    """

    title = "Cells"
    decides = "Decide whether these stores belong together; leave out what is shallow or damaged."
    controls: ClassVar = ("colour", "measure")
    actions: ClassVar = ("stop", "read_again", "leave_selected_out")
    events: ClassVar = {
        ("by", "value"): "_by_chosen",
        ("element", "value"): "_element_chosen",
        ("gene", "value"): "_gene_typed",
        ("matches", "value"): "_match_chosen",
        **{(name, "selected"): "_stores_clicked" for name in _OF_STORES},
    }
    drawn: ClassVar = ("embedding", *_OF_STORES)

    by = traitlets.Unicode("")
    element = traitlets.Unicode("")
    gene = traitlets.Unicode("")
    colour = traitlets.Enum(("by", "gene"), "gene")
    measure = traitlets.Enum(tuple(MEASURES), "total")

    def _start(self) -> None:
        self._typed = ""
        self._work = Work(self.session.lock)
        self._kept: dict[_Key, _Table | Exception] = {}
        self._reading: _Key | None = None
        self._progress = (0, 0)
        self._stopped = False
        self._last: dict[str, _Key] = {}  # what is shown until other colours are read

    # --- what is read ----------------------------------------------------------------------

    def _by(self, audit: Audit) -> str:
        """The obs key that cells are coloured by."""
        if self.by or audit.label is None:
            return self.by or model.STORE
        return audit.label if audit.label in dict(keys(audit)) else model.STORE

    def _parts_of(self, audit: Audit) -> dict[str, _Key]:
        """The parts that are shown, and all that each depends on."""
        recipe, stores = audit.recipe, model.chosen(audit, self.session.stores)
        if not stores:
            return {}
        wanted: dict[str, _Key] = {
            "embedding": ("embedding", recipe, stores, self.element, self._by(audit)),
            "stats": ("stats", recipe, stores),
        }
        gene = self.gene
        if gene and (model.is_gene(audit, gene) or not model.matches(audit, gene)):
            wanted["expression"] = ("expression", recipe, stores, self._by(audit), gene)
        return wanted

    def _read_on(self) -> None:
        """Read the first part that is not there; one that is not wanted any more is given up."""
        audit = self.session.audit
        if audit is None or self.closed:
            return
        wanted = self._parts_of(audit)
        missing = [key for key in wanted.values() if key not in self._kept]
        if self._reading in missing or self._stopped:
            return
        self._work.cancel()
        self._reading = missing[0] if missing else None
        if not missing:
            return
        key = missing[0]
        self._progress = (0, 0)

        def do(report: Report, cancel: threading.Event) -> _Table:
            def tell(done: int, total: int) -> None:
                if cancel.is_set():
                    raise CancelledError
                report(done, total)

            return _read(audit, key, tell)

        self._work.start(
            do,
            lambda found: self._take(key, found),
            lambda error: self._take(key, error),
            self._tell,
        )

    def _tell(self, done: int, total: int, _: float) -> None:
        self._progress = (done, total)
        self.changed()

    def _take(self, key: _Key, found: _Table | Exception) -> None:
        with self.session.together():
            self._reading = None
            self._keep(key, found)
            self.changed()
            if self.active:
                self._read_on()

    def _keep(self, key: _Key, found: _Table | Exception) -> None:
        self._kept[key] = found
        while len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]

    def _found(self, key: _Key | None) -> Any:
        """What was read, which is the last to be forgotten now."""
        if key is None or key not in self._kept:
            return None
        found = self._kept[key] = self._kept.pop(key)
        return found

    def _shown(self, part: str, key: _Key) -> Any:
        """What was read of a part; until then the same cells with other labels."""
        found = self._found(key)
        if found is not None:
            self._last[part] = key
            return found
        last = self._last.get(part, ())
        but_by = [one for i, one in enumerate(key) if i != _PLACE_OF_BY[part]]
        same = [one for i, one in enumerate(last) if i != _PLACE_OF_BY[part]] == but_by
        return self._found(last) if same else None

    def _audit_changed(self, change: Any) -> None:
        old, new = change["old"], change["new"]
        if old is not None and new is not None and old.recipe == new.recipe:
            # Read again: its stores may be others by now.
            self._kept = {key: one for key, one in self._kept.items() if key[1] != new.recipe}
        super()._audit_changed(change)

    def _ask(self, part: str) -> Any:
        """A table, which is read now if it is not there."""
        audit = self.audit
        with self.session.lock:
            key = self._parts_of(audit).get(part)
            if key is None and part == "expression":
                key = (part, audit.recipe, model.chosen(audit, ()), self._by(audit), self.gene)
            key = key or (part, audit.recipe, (), self.element, self._by(audit))
            found = self._found(key)
        if found is None:
            found = _read(audit, key, lambda *_: None)
            with self.session.lock:
                self._keep(key, found)
        if isinstance(found, Exception):
            raise found
        return found

    def wait(self, timeout: float | None = 60.0) -> bool:
        """Wait until the stores and what is shown of their cells are read; return False if that took longer."""
        if not self.session.wait(timeout):
            return False
        with self.session.lock:
            self._read_on()
        while self._work.wait(timeout):
            with self.session.lock:
                if self._reading is None:
                    return True
        return False

    def _forget(self) -> None:
        super()._forget()
        self._work.cancel()

    # --- drawing ---------------------------------------------------------------------------

    def _draw(self) -> list[Node]:
        self._read_on()
        return super()._draw()

    def _body(self, audit: Audit) -> list[Node]:
        wanted = self._parts_of(audit)
        parts = {part: self._shown(part, key) for part, key in wanted.items()}
        errors = {part: str(one) for part, one in parts.items() if isinstance(one, Exception)}
        known = {part: None if isinstance(one, Exception) else one for part, one in parts.items()}
        reading = self._reading
        state = model.State(
            by=self._by(audit),
            element=self.element,
            gene=self.gene,
            typed=self._typed,
            colour=self.colour,
            measure=self.measure,
            stores=self.session.stores,
            embedding=known.get("embedding"),
            stats=known.get("stats"),
            expression=known.get("expression"),
            errors=errors,
            reading="" if reading is None else _WORDS[reading[0]],
            done=self._progress[0],
            total=self._progress[1],
            stopped=self._stopped and any(key not in self._kept for key in wanted.values()),
            figures=self.renderer == "mpl",
        )
        return model.body(audit, state)

    # --- events ----------------------------------------------------------------------------

    @traitlets.observe("by", "element", "gene")
    @handler
    def _asked_for(self, change: Any) -> None:
        self._stopped = False
        if change["name"] == "gene" and self._typed.strip() != self.gene:
            self._typed = self.gene

    def _by_chosen(self, value: Any) -> None:
        self.by = model.key_ids(self.audit).value(value) if value else model.STORE

    def _element_chosen(self, value: Any) -> None:
        self.element = model.element_ids(self.audit).value(value) if value else ""

    def _gene_typed(self, value: Any) -> None:
        self._typed = str(value)
        self.gene = self._typed.strip()

    def _match_chosen(self, value: Any) -> None:
        if value:
            self.gene = model.match_ids(self.audit, self._typed).value(value[0])

    def _stores_clicked(self, value: Any) -> None:
        self.session.stores = tuple(ids(self.audit).values(value))

    def stop(self) -> None:
        """Stop reading; what was read stays."""
        self._work.cancel()
        self._reading, self._stopped = None, True
        self.changed()

    def read_again(self) -> None:
        """Read what was stopped, or could not be read."""
        self._stopped = False
        self._kept = {k: one for k, one in self._kept.items() if not isinstance(one, Exception)}
        self.changed()

    def leave_selected_out(self) -> None:
        """Train without the selected stores: the ``paths`` of the recipe."""
        without(self.session, self.audit, self.session.stores)

    # --- for scripts -----------------------------------------------------------------------

    def embedding(self) -> Embedding:
        """See :class:`mappedviz.audits.Embedding`; read now if it is not there yet."""
        return cast("Embedding", self._ask("embedding"))

    def cell_stats(self) -> CellStats:
        """See :class:`mappedviz.audits.CellStats`; read now if it is not there yet."""
        return cast("CellStats", self._ask("stats"))

    def expression(self) -> Expression:
        """See :class:`mappedviz.audits.Expression`, of :attr:`gene`; read now if it is not there yet.

        Raises
        ------
        MissingKeyError
            No store has the gene.
        """
        return cast("Expression", self._ask("expression"))

    def table(self) -> pd.DataFrame:
        """The cells: DataFrame store, row, x, y, label, and ``value`` of :attr:`gene`."""
        embedding = self.embedding()
        if not self.gene:
            return embedding.table
        values = self.expression().table[["store", "row", "value"]]
        return embedding.table.merge(values, how="left", on=["store", "row"])

    def plot(self, ax: Axes | None = None) -> Axes:
        """See :func:`mappedviz.plots.plot_embedding`."""
        from mappedviz.plots import plot_embedding

        embedding = self.embedding()
        if self.gene and self.colour == "gene":
            paints = cell_points.by_gene(embedding, self.expression())
            values = np.where(paints.numbers < 0, np.nan, paints.numbers / 62)
            table = embedding.table.assign(label=values)
            embedding = replace(embedding, by=self.gene, table=table)
        return plot_embedding(embedding, ax)

    def figure(self, name: str = "") -> Axes:
        """Draw a chart, by the id of its node: the embedding, the cells of stores, or the gene."""
        from mappedviz import plots

        if name in IDS.values():
            return plots.plot_cell_stats(self.cell_stats())
        if name == "expression":
            return plots.plot_expression(self.expression())
        return self.plot()

    def _repr_html_(self) -> str:
        """Return what was read of the stores as a table: medians of their cells."""
        self.wait(_PATIENCE)
        audit = self.session.audit
        if audit is None:
            return super()._repr_html_()
        found = self._found(self._parts_of(audit).get("stats"))
        sections = [_section(found, texts_of(audit))] if isinstance(found, CellStats) else []
        return fragment(Content(self._kept_warning(), sections=sections, code=self.code()))

    def _csv(self, name: str = "") -> str:
        if name in IDS.values():
            return csv_of(self.cell_stats().quantiles)
        if name == "expression":
            return csv_of(self.expression().table)
        return super()._csv(name)

    def code(self) -> str:
        """Return code that makes this table in a script."""
        return self._code()

    def _code(self, name: str = "") -> str:
        audit = self.session.audit
        by = self.by or model.STORE if audit is None else self._by(audit)
        if name in IDS.values():
            return self.audit_code("audit.cell_stats().quantiles")
        if name == "expression":
            return self.audit_code(f"audit.expression({self.gene!r}, by={by!r}).table")
        key = f"{self.element!r}, " if self.element else ""
        return self.audit_code(f"audit.embedding({key}by={by!r}).table")


def _depth(total: Any, scale: Any) -> int | None:
    """The depth of a cell; None if its values are not counts, whose sum says nothing."""
    return round(total) if scale == "counts" else None


def _section(stats: CellStats, texts: dict[str, str]) -> Section:
    """Medians of the cells of each store, for where there is no kernel."""
    middle = stats.quantiles.xs(0.5, axis=1, level="quantile")
    shown_stores = stats.stores.iloc[:REPR_ROWS]
    rows = [
        [
            text_cell(texts.get(store, store)),
            number_cell(facts["cells"]),
            text_cell(facts["scale"]),
            number_cell(_depth(middle.loc[store, "total"], facts["scale"])),
            number_cell(middle.loc[store, "genes"]),
            text_cell(share(middle.loc[store, "mito"])),
        ]
        for store, facts in ((str(one), some) for one, some in shown_stores.iterrows())
    ]
    head = ("store", "cells", "values", "depth", "genes per cell", "mitochondrial")
    return Section("cells", "Cells", "Medians of drawn cells.", tables=[Table(head, rows)])


def _read(audit: Audit, key: _Key, tell: Callable[[int, int], None]) -> _Table:
    """Read a part of the cells; see :meth:`CellsView._parts_of`."""
    part, _, stores, *rest = key
    n = model.cells_of_each(len(stores))
    how: dict[str, Any] = {"stores": stores, "progress": tell}
    if part == "embedding":
        element, by = rest
        return audit.embedding(element or None, n, by, **how)
    if part == "stats":
        return audit.cell_stats(min(n, _STATS_CELLS), **how)
    by, gene = rest
    return audit.expression(gene, by, n, **how)
