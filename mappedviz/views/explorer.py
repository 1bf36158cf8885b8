"""The Explorer: all views of one session, and what they decided."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import traitlets

from mappedviz.audits.result import Audit
from mappedviz.errors import RecipeError
from mappedviz.recipe.recipe import Recipe
from mappedviz.report.html import audit_html, fragment
from mappedviz.report.values import Content
from mappedviz.views.categories import CategoriesView
from mappedviz.views.cells import CellsView
from mappedviz.views.checks import ChecksView
from mappedviz.views.coverage import CoverageView
from mappedviz.views.handoff import HandoffView
from mappedviz.views.history import HistoryView
from mappedviz.views.models.memory import of_audit
from mappedviz.views.nodes import Node, page
from mappedviz.views.page import Page
from mappedviz.views.shapes import ShapesView
from mappedviz.views.state import Session, Source
from mappedviz.views.tree import Flat, flat
from mappedviz.views.weights import WeightsView

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.collection.split import Parts
    from mappedviz.scvi import DataModule
    from mappedviz.views.base import View

SCHEMA = 1
_VIEWS: dict[str, type[View]] = {
    "shapes": ShapesView,
    "coverage": CoverageView,
    "categories": CategoriesView,
    "cells": CellsView,
    "weights": WeightsView,
    "checks": ChecksView,
    "history": HistoryView,
    "handoff": HandoffView,
}
# What a person set in a view that is no part of the recipe.
_KEPT = {
    "shapes": ("top_n",),
    "coverage": ("show", "genes", "top_n"),
    "categories": ("top_n", "sort", "by", "search", "shares", "logarithmic"),
    "cells": ("by", "element", "gene", "colour", "measure"),
    "weights": ("scheme", "scaler", "top_n"),
    "checks": (),
    "history": (),
    "handoff": ("batch_size", "shuffle", "validate", "script", "batch_key"),
}


# Asked for after every click, and 0.1 s of work for 1,000 stores.
_html_of = of_audit(audit_html)


class Explorer(Page):
    """Look at a collection, decide, and take what was decided to training.

    Made by :func:`explore`. Each tab is a view; all edit one recipe.

    Parameters
    ----------
    source
        Paths, patterns and directories, AnnData objects, a :class:`~mappedviz.Recipe`, an
        :class:`~mappedviz.Audit`, or a :class:`~mappedviz.MappedCollection`.
    label
        Obs key of the class.
    renderer
        ``"widget"`` for charts that can be clicked, ``"mpl"`` for matplotlib's figures.
    **options
        For :func:`mappedviz.audit`: ``batch``, ``group``, ``workers``, …; and fields of the
        recipe, such as ``obs_alias``.

    Attributes
    ----------
    recipe
        The recipe that is edited. Assign another one, and all controls follow.
    audit
        The audit of that recipe; None until the stores were read.
    tab
        Name of the view in front: ``"shapes"``, ``"coverage"``, ``"categories"``, ``"cells"``,
        ``"weights"``, ``"checks"``, ``"history"`` or ``"handoff"``.
    shapes, coverage, categories, cells, weights, checks, history, handoff
        The views.
    session
        The session that they share; see :class:`~mappedviz.views.state.Session`.

    Examples
    --------
    >>> import mappedviz as mv
    >>> ui = mv.explore(mv.datasets.demo() / "berlin.h5ad", label="cell_type")
    >>> ui.wait()
    True
    >>> ui.weights.use = True
    >>> ui.recipe.weights_keys
    ('cell_type',)
    >>> ui.dataset().shape, len(ui.dataloader(batch_size=100))
    ((700, 640), 7)
    """

    recipe = traitlets.Instance(Recipe)
    audit = traitlets.Instance(Audit, allow_none=True)
    renderer = traitlets.Enum(("widget", "mpl"), "widget")
    tab = traitlets.Enum(tuple(_VIEWS), "shapes")

    shapes: ShapesView
    coverage: CoverageView
    categories: CategoriesView
    cells: CellsView
    weights: WeightsView
    checks: ChecksView
    history: HistoryView
    handoff: HandoffView

    def __init__(
        self,
        source: Source,
        label: str | None = None,
        *,
        renderer: str = "widget",
        **options: Any,
    ) -> None:
        session = Session.of(source, label, **options)
        self.views: dict[str, View] = {}
        self._own_session = session is not source
        super().__init__(session, renderer=renderer, recipe=session.recipe, audit=session.audit)
        for name, kind in _VIEWS.items():
            view = kind(session, renderer=renderer, bare=True, active=name == self.tab)
            self.views[name] = view
            setattr(self, name, view)
        self._links = (
            traitlets.link((session, "recipe"), (self, "recipe")),
            traitlets.dlink((session, "audit"), (self, "audit")),
        )
        for view in self.views.values():
            view.above = self
        self.checks.go = self._go

    # --- drawing --------------------------------------------------------------------------

    def flat(self) -> Flat:
        """Return the nodes of the page as they are now, by their ids.

        Ids of nodes in a tab begin with the name of the tab and a dot.
        """
        with self.session.lock:
            inner = self.views[self.tab].nodes()
            made = flat(page(self._tabs(), self.tab, [self._status()]))
            for one in inner:
                made.update(flat(one, f"{self.tab}."))
            made["page"]["children"] += [f"{self.tab}.{one['id']}" for one in inner]
            return made

    def _tabs(self) -> list[Node]:
        """Tabs say how much there is behind them."""
        tabs: list[Node] = [
            {"id": name, "title": view.title, "title_text": view.decides}
            for name, view in self.views.items()
        ]
        if self.session.audit is not None:
            bad = [one for one in self.session.audit.findings if one.severity != "info"]
            place = list(_VIEWS).index("checks")
            tabs[place]["badge"] = f"{len(bad):,}"
            tabs[place]["title_text"] = f"{len(bad):,} findings that are no mere information"
        return tabs

    def node(self, name: str) -> Node:
        """Return a node of the tab in front.

        Raises
        ------
        KeyError
            It is not there now.
        """
        return self.views[self.tab].node(name)

    def _go(self, tab: str) -> None:
        self.tab = tab

    def _dispatch(self, name: str, event: str, value: Any) -> None:
        if (name, event) == ("page", "value"):
            self.tab = value
            return
        tab, _, inner = name.partition(".")
        if tab not in self.views:
            raise KeyError(f"{event} of {name}")
        if event == "copy":
            self.clip(name, str(value), self.views[tab].copied(str(value), inner))
        else:
            self.views[tab].event(inner, event, value)

    @traitlets.observe("tab")
    def _tab_changed(self, _: Any) -> None:
        for name, view in self.views.items():
            view.active = view.alone or name == self.tab
        if self.views:
            self.refresh()

    @traitlets.observe("renderer")
    def _renderer_changed(self, change: Any) -> None:
        for view in self.views.values():
            view.renderer = change["new"]

    def close(self) -> None:
        """Take the widget and its views out of the browser; nothing observes the session any more."""
        if not self.__dict__.get("closed", True):
            for view in self.views.values():
                view.close()
        super().close()

    def _forget(self) -> None:
        super()._forget()
        if "checks" in self.__dict__:
            self.checks.go = None
        for link in self.__dict__.get("_links", ()):
            link.unlink()
        if self._own_session:
            self.session.work.cancel()

    # --- what was decided -----------------------------------------------------------------

    def dataset(self) -> MappedCollection:
        """The collection that the recipe describes, from what was read already.

        Raises
        ------
        MappedvizError
            The engine refuses the recipe: what the audit said.
        """
        return self.handoff.dataset()

    def dataloader(
        self, batch_size: int | None = None, *, of: MappedCollection | None = None, **options: Any
    ) -> DataLoader[dict[str, Any]]:
        """A DataLoader as it was decided: see :meth:`HandoffView.dataloader`."""
        return self.handoff.dataloader(batch_size, of=of, **options)

    def split(self, **options: Any) -> Parts[MappedCollection]:
        """Train and validation without a group on both sides: see :meth:`HandoffView.split`."""
        return self.handoff.split(**options)

    def scvi(self, **options: Any) -> DataModule:
        """The data module for models of scvi-tools: see :meth:`HandoffView.scvi`."""
        return self.handoff.scvi(**options)

    def undo(self) -> bool:
        """Take the last change of the recipe back; return False if there is none."""
        return self.session.undo()

    def redo(self) -> bool:
        """Make the last undone change again; return False if there is none."""
        return self.session.redo()

    def wait(self, timeout: float | None = 60.0) -> bool:
        """Wait until the stores are read; return False if that took longer."""
        return self.session.wait(timeout)

    # --- keeping --------------------------------------------------------------------------

    def to_json(self) -> str:
        """The recipe, the tab in front and how the views are set, as JSON."""
        views = {
            name: {trait: getattr(self.views[name], trait) for trait in kept}
            for name, kept in _KEPT.items()
        }
        content = {
            "schema": SCHEMA,
            "recipe": json.loads(self.recipe.to_json()),
            "tab": self.tab,
            "renderer": self.renderer,
            "views": views,
            "named": {
                name: json.loads(recipe.to_json()) for name, recipe in self.session.named.items()
            },
        }
        return json.dumps(content, indent=1)

    @classmethod
    def from_json(cls, text: str, **options: Any) -> Self:
        """The explorer that :meth:`to_json` wrote.

        Raises
        ------
        RecipeError
            The text is no such JSON.
        """
        try:
            content = json.loads(text)
            if content["schema"] != SCHEMA:
                raise ValueError(f"schema {content['schema']}")
            recipe = Recipe.from_json(json.dumps(content["recipe"]))
            named = {
                name: Recipe.from_json(json.dumps(one))
                for name, one in content.get("named", {}).items()
            }
            made = cls(recipe, renderer=content["renderer"], **options)
            for name, kept in content["views"].items():
                for trait, value in kept.items():
                    if trait in _KEPT[name]:
                        setattr(made.views[name], trait, value)
            made.session.named = named
            made.tab = content["tab"]
        except (ValueError, TypeError, KeyError, traitlets.TraitError) as error:
            raise RecipeError(
                f"is no state of an explorer ({error})",
                key="explorer",
                remedy="Write it with Explorer.to_json() of this version.",
            ) from error
        return made

    # --- showing --------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"Explorer: {self.session.status or 'nothing was read'}"

    def _repr_html_(self) -> str:
        self.session.wait(2.0)
        audit = self.session.audit
        if audit is None:
            return fragment(Content(verdict=self._kept_status(), code=repr(self.recipe)))
        return self._with_warning(_html_of(audit), repr(self.recipe))


def explore(source: Source, label: str | None = None, **options: Any) -> Explorer:
    """Open a collection in the notebook: look, decide, hand over.

    Parameters
    ----------
    source
        Paths of stores, or of scans of them, patterns and directories, AnnData objects; or a recipe, an
        audit, a collection.
    label
        Obs key of the class, such as ``"cell_type"``.
    **options
        ``renderer="mpl"`` for matplotlib's figures; others are for :func:`mappedviz.audit`, or
        fields of the recipe, such as ``obs_alias``.

    Returns
    -------
    Explorer

    Examples
    --------
    >>> import mappedviz as mv
    >>> ui = mv.explore(mv.datasets.demo(), label="cell_type")
    >>> ui.wait(), ui.audit.fatal  # symbols and Ensembl identifiers have nothing in common
    (True, True)
    >>> ui.coverage.k = 2
    >>> ui.recipe.min_stores
    2
    """
    return Explorer(source, label, **options)
