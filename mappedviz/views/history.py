"""The history: every decision of the session, recipes that were given a name, and going back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from mappedviz.errors import MappedvizError
from mappedviz.report.html import fragment
from mappedviz.report.values import Content
from mappedviz.text.display import listed, shown
from mappedviz.views.base import View
from mappedviz.views.models import history as model
from mappedviz.views.outcome import cells_of, genes_of
from mappedviz.views.state import Several

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.result import Audit
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.views.nodes import Node


class HistoryView(View):
    """The decisions of a session, what each changed, and recipes that were kept under a name.

    Parameters
    ----------
    source, label, renderer, bare, active
        As for :class:`~mappedviz.views.base.View`.

    Attributes
    ----------
    selected
        Ids of the selected rows: ``"h0"`` is the first recipe of the session.

    Examples
    --------
    >>> import mappedviz as mv
    >>> view = mv.HistoryView(mv.audit(mv.datasets.demo()))
    >>> view.session.edit(join="outer")
    True
    >>> view.table()["change"].tolist()
    ['', "join='outer'"]
    >>> view.keep("all genes")
    >>> view.session.named["all genes"].join
    'outer'
    >>> view.selected = ("h0",)
    >>> view.go_back()
    >>> view.session.recipe.join
    'inner'
    """

    title = "History"
    decides = "Go back to what was decided before, or keep it under a name."
    sections: ClassVar = ()
    actions: ClassVar = ("go_back", "keep", "forget")
    events: ClassVar = {("grid", "selected"): "_rows_clicked", ("name", "value"): "_name_typed"}

    selected = Several()

    def _start(self) -> None:
        self._name = ""
        self._numbers: dict[Recipe, tuple[int, int, int]] = {}
        self.session.observe(self._named_changed, "named")
        self._remember()

    def _forget(self) -> None:
        super()._forget()
        self.session.unobserve(self._named_changed, "named")

    def _named_changed(self, _: Any) -> None:
        self.changed()

    def _audit_changed(self, change: Any) -> None:
        self._remember()
        super()._audit_changed(change)

    def _remember(self) -> None:
        """Keep the numbers of the audit, for its recipe will be one of many."""
        audit = self.session.audit
        if audit is None:
            return
        try:
            bad = sum(one.severity != "info" for one in audit.findings)
            self._numbers[audit.recipe] = cells_of(audit), genes_of(audit), bad
        except MappedvizError:
            return  # a label that is nowhere: the numbers are not known

    def _state(self) -> model.State:
        session = self.session
        steps, at = session.steps
        return model.State(
            steps=steps,
            at=at,
            named=session.named,
            numbers=self._numbers,
            selected=self.selected,
            name=self._name,
            arrangement=self.arranged("grid"),
        )

    def _body(self, audit: Audit) -> list[Node]:
        return model.body(self._state())

    def _rows_clicked(self, value: Any) -> None:
        known = model.recipes(self._state())
        # In the order in which they were clicked: the difference is from the first to the second.
        old = [one for one in self.selected if one in value]
        self.selected = (*old, *(one for one in value if one in known and one not in old))

    def _name_typed(self, value: Any) -> None:
        self._name = str(value)

    def _one(self) -> Recipe | None:
        """The selected recipe, if it is a single one."""
        known = model.recipes(self._state())
        chosen = [known[name] for name in self.selected if name in known]
        return chosen[0] if len(chosen) == 1 else None

    @traitlets.observe("selected")
    def _selected(self, _: Any) -> None:
        if "_name" in self.__dict__:
            self._name = ""

    def go_back(self) -> None:
        """Edit the selected recipe again; this is a step of its own, which can be undone."""
        recipe = self._one()
        if recipe is None:
            self.session.tell("Select one recipe first.", "error")
        else:
            self.session.recipe = recipe
            self.selected = ()

    def keep(self, name: str | None = None) -> None:
        """Keep the selected recipe, or the present one, under a name.

        Parameters
        ----------
        name
            Default: what is in the field.
        """
        name = self._name.strip() if name is None else name
        if not name:
            self.session.tell("Type a name for the recipe first.", "error")
            return
        recipe = self._one() or self.session.recipe
        self.session.named = {**self.session.named, name: recipe}
        self._name = ""
        self.toast(f"Kept as {shown(name, 40)}.", "ok")

    def forget(self) -> None:
        """Forget the selected name; the recipe stays a step of the session, if it is one."""
        known = model.recipes(self._state())
        ids = [name for name in known if name.startswith("name ")]
        gone = {
            name for row, name in zip(ids, self.session.named, strict=True) if row in self.selected
        }
        self.session.named = {
            name: recipe for name, recipe in self.session.named.items() if name not in gone
        }
        if gone:
            self.toast(f"Forgot {listed(sorted(gone), most=4)}.", "ok")
        self.selected = ()

    def table(self) -> pd.DataFrame:
        """Return one row per step: step, change, cells, genes, findings, name, now."""
        import pandas as pd

        return pd.DataFrame(model.rows(self._state()))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Refuse: a history has no figure.

        Raises
        ------
        MappedvizError
            Always.
        """
        raise MappedvizError("a history has no figure; table() has its numbers")

    def code(self) -> str:
        """Return code that makes the present recipe."""
        return f"import mappedviz as mv\n\nrecipe = mv.{self.session.recipe!r}"

    def _repr_html_(self) -> str:
        self.session.wait(2.0)
        return fragment(Content(verdict=self._kept_status(), code=self.code()))
