"""The findings: what is wrong, where, what to do, and a button that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import ipywidgets as widgets
import traitlets

from mappedviz.report.html import findings_html
from mappedviz.text.display import listed, quantity, shown
from mappedviz.views.base import View, handler
from mappedviz.views.charts import Code, Table
from mappedviz.views.controls import button, row, sentence
from mappedviz.views.series import Ids

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.findings import Finding
    from mappedviz.audits.result import Audit

_ORDER = {"fatal": 0, "error": 1, "warning": 2, "info": 3}
_SIGNS = {"fatal": "✕ fatal", "error": "▲ error", "warning": "△ warning", "info": "○ info"}


class ChecksView(View):
    """The findings of the audit, the worst first; the change of the recipe that puts one right.

    Parameters
    ----------
    source, label, renderer, bare, active
        As for :class:`~mappedviz.views.base.View`.

    Attributes
    ----------
    selected
        Position of the selected finding, -1 for none.

    Examples
    --------
    >>> import mappedviz as mv
    >>> view = mv.ChecksView(mv.audit("notebooks/data/*.h5ad"))
    >>> view.table()["severity"].iloc[0]
    'error'
    >>> view.select("join-one-store")
    >>> view.apply()
    >>> len(view.session.recipe.paths)
    2
    """

    title = "Checks"
    sections: ClassVar = ()

    selected = traitlets.Int(-1)

    def _build(self) -> list[Any]:
        self._ids = Ids()
        self.grid = Table(title="Findings", selectable="one")
        self.grid.columns = [
            {"id": "severity", "label": "severity", "align": "left"},
            {"id": "fix", "label": "fix", "align": "left", "title": "a recipe can put it right"},
            {"id": "message", "label": "what was found", "align": "left"},
        ]
        self.what, self.remedy, self.passed = sentence(), sentence(), sentence()
        self.what.style.font_weight = "600"
        self.change = Code(title="The change of the recipe", language="python")
        self.fix = button("Apply this fix", "change the recipe so", icon="check", style="primary")
        self.detail = widgets.VBox([self.what, self.remedy, self.change, row(self.fix)])
        self.grid.observe(self._clicked, "selected")
        self.press(self.fix, self.apply)
        return [self.grid, self.detail, self.passed]

    def _draw(self, audit: Audit) -> None:
        self._ids = Ids(range(len(audit.findings)), "f")
        self.grid.rows = [
            {
                "id": self._ids.of(i),
                "cells": [
                    {"text": _SIGNS[one.severity], "value": _ORDER[one.severity]},
                    {"text": "yes" if one.fix is not None else "–"},
                    {
                        "text": shown(one.message, 300),
                        "title": f"{one.id}: {listed(one.stores, most=8)}",
                    },
                ],
            }
            for i, one in enumerate(audit.findings[:200])
        ]
        if len(audit.findings) > 200:
            self.grid.note = f"The first 200 of {quantity(len(audit.findings))} findings."
        n, other = len(audit.passed), len(audit.not_applicable)
        self.passed.value = (
            f"{n:,} checks found nothing; {other:,} could not be made here, which is not a pass."
        )
        if self.selected >= len(audit.findings):
            self.selected = -1
        self._detail(audit)

    def _audit_changed(self, change: Any) -> None:
        # The finding that was selected is another one now, or solved.
        with self.setting():
            self.selected = -1
        super()._audit_changed(change)

    @handler
    def _clicked(self, change: Any) -> None:
        chosen = self._ids.values(change["new"])
        self.selected = chosen[0] if chosen else -1

    @traitlets.observe("selected")
    @handler
    def _selected(self, _: Any) -> None:
        audit = self.audit
        with self.setting():
            self._detail(audit)
        if 0 <= self.selected < len(audit.findings):
            self.session.stores = audit.findings[self.selected].stores

    def _detail(self, audit: Audit) -> None:
        there = 0 <= self.selected < len(audit.findings)
        self.detail.layout.display = None if there else "none"
        self.grid.selected = self._ids.known([self.selected])
        if not there:
            return
        one = audit.findings[self.selected]
        self.what.value = shown(one.message, 600)
        self.remedy.value = shown(one.remedy, 400) if one.remedy else ""
        self.change.text = one.code
        self.change.layout.display = None if one.code else "none"
        self.fix.layout.display = None if one.fix is not None else "none"

    def select(self, finding: str) -> None:
        """Select the first finding with this id, one with a fix if there is any.

        Raises
        ------
        KeyError
            There is none.
        """
        named = [i for i, one in enumerate(self.audit.findings) if one.id == finding]
        if not named:
            raise KeyError(finding)
        fixable = [i for i in named if self.audit.findings[i].fix is not None]
        self.selected = (fixable or named)[0]

    @property
    def finding(self) -> Finding | None:
        """The selected finding."""
        found = self.audit.findings
        return found[self.selected] if 0 <= self.selected < len(found) else None

    def apply(self) -> None:
        """Change the recipe as the selected finding says.

        Raises
        ------
        RecipeError
            It has no fix.
        """
        if self.finding is not None:
            self.session.recipe = self.audit.recipe_with(self.finding)

    def table(self) -> pd.DataFrame:
        """DataFrame: id, severity, message, stores, number, remedy, code."""
        import pandas as pd

        columns = ["id", "severity", "message", "stores", "number", "remedy", "code"]
        rows = [[getattr(one, name) for name in columns] for one in self.audit.findings]
        return pd.DataFrame(rows, columns=columns)

    def plot(self, ax: Axes | None = None) -> Axes:
        """The depth of the sampled cells of each store, on which several checks rest."""
        from mappedviz.plots import plot_library_sizes

        return plot_library_sizes(self.audit.library_sizes(), ax)

    def code(self) -> str:
        """Code that makes these findings in a script."""
        return self.audit_code("audit.findings")

    def _repr_html_(self) -> str:
        self.session.wait(2.0)
        audit = self.session.audit
        return super()._repr_html_() if audit is None else findings_html(audit)
