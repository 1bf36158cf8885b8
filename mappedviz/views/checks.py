"""The findings: what is wrong, where, what to do, and a button that does it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from mappedviz.report.html import findings_html
from mappedviz.views.base import View, handler
from mappedviz.views.models import checks as model
from mappedviz.views.outcome import Outcome, outcome_of
from mappedviz.views.work import Report, Work

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.findings import Finding
    from mappedviz.audits.result import Audit
    from mappedviz.views.nodes import Node


class ChecksView(View):
    """The findings of the audit by check, the worst first; the change of the recipe that puts one right.

    Parameters
    ----------
    source, label, renderer, bare, active
        As for :class:`~mappedviz.views.base.View`.

    Attributes
    ----------
    selected
        Position of the selected finding, -1 for none.
    reviewing
        Whether all safe fixes are shown together, with what they change.

    Examples
    --------
    >>> import mappedviz as mv
    >>> view = mv.ChecksView(mv.audit(mv.datasets.demo()))
    >>> view.table()["severity"].iloc[0]
    'fatal'
    >>> view.select("join-one-store")
    >>> view.apply()
    >>> len(view.session.recipe.paths)
    4
    """

    title = "Checks"
    decides = "Decide what is put right before training."
    sections: ClassVar = ()
    actions: ClassVar = ("apply", "apply_all", "apply_safe", "review", "show_me")
    events: ClassVar = {
        ("grid", "selected"): "_group_clicked",
        ("members", "selected"): "_member_clicked",
    }

    selected = traitlets.Int(-1)
    reviewing = traitlets.Bool(False)

    def _start(self) -> None:
        #: Opens another tab, where there is one.
        self.go: Callable[[str], None] | None = None
        self._work = Work(self.session.lock)
        self._outcome: Outcome | None = None

    def _body(self, audit: Audit) -> list[Node]:
        state = model.State(
            outcome=self._outcome,
            looking=self._work.running,
            linked=self.go is not None,
            selected=self.selected,
            reviewing=self.reviewing,
            groups=self.arranged("grid"),
            members=self.arranged("members"),
        )
        return model.body(audit, state)

    def _audit_changed(self, change: Any) -> None:
        # The finding that was selected is another one now, or solved.
        with self.setting():
            self.selected = -1
            self.reviewing = False
        self._work.cancel()
        self._outcome = None
        super()._audit_changed(change)

    def _look_ahead(self) -> None:
        """See what the fix of the selected finding, or all safe ones, would change, on a thread."""
        audit, finding = self.audit, self.finding
        if self.reviewing:
            fix = audit.recipe_with(audit.safe_fixes())
        elif finding is not None and finding.fix is not None:
            fix = audit.recipe_with(finding)
        else:
            return

        def look(report: Report, cancel: threading.Event) -> Outcome:
            return outcome_of(audit, self.session.audit_of(fix, report, cancel))

        def done(found: Outcome) -> None:
            self._outcome = found
            self.changed()

        self._work.start(look, done, lambda _: self.changed())

    def _forget(self) -> None:
        super()._forget()
        self._work.cancel()

    @traitlets.observe("selected")
    @handler
    def _selected(self, change: Any) -> None:
        self._work.cancel()
        self._outcome = None
        if change["new"] >= 0:
            self.reviewing = False
        if self.session.audit is not None and self.finding is not None:
            self.session.stores = self.finding.stores

    @traitlets.observe("reviewing")
    @handler
    def _reviewed(self, change: Any) -> None:
        self._work.cancel()
        self._outcome = None
        if change["new"]:
            self.selected = -1
            self._look_ahead()

    def _group_clicked(self, value: Any) -> None:
        audit = self.audit
        some = model.members(audit, value[0]) if value else []
        self.arrange("members", page=0)
        self.selected = self._first(some) if some else -1
        self._look_ahead()

    def _member_clicked(self, value: Any) -> None:
        chosen = model.member_ids(model.group_of(self.audit, self.selected)).values(value)
        if chosen:
            self.selected = chosen[0]
            self._look_ahead()

    def _code(self, name: str = "") -> str:
        if name == "change":
            return model.code_of_change(self.audit, self.selected)
        return super()._code(name)

    def _first(self, some: list[int]) -> int:
        """The first finding of some that has a fix, if there is any."""
        fixable = [i for i in some if self.audit.findings[i].fix is not None]
        return (fixable or some)[0]

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
        self.selected = self._first(named)

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
            self._apply([self.finding])

    def apply_all(self) -> None:
        """Change the recipe as all findings of the selected one's check say that can be put right."""
        audit = self.audit
        some = model.fixable(audit, model.group_of(audit, self.selected))
        if some:
            self._apply(some)

    def review(self) -> None:
        """Show what all safe fixes together change, before they are made."""
        self.reviewing = not self.reviewing

    def apply_safe(self) -> None:
        """Change the recipe as all fixes say that lose nothing, as one step.

        See :meth:`mappedviz.Audit.safe_fixes`: no store, cell, gene or label is left out.
        """
        some = self.audit.safe_fixes()
        if some:
            self._apply(some)

    def _apply(self, some: list[Finding]) -> None:
        self.session.recipe = self.audit.recipe_with(some)

    def show_me(self) -> None:
        """Open the tab that shows what the selected finding is about."""
        if self.finding is not None and self.go is not None:
            self.go(model.tab_of(self.finding))

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
        if audit is None:
            return super()._repr_html_()
        return self._with_warning(findings_html(audit), self.code())
