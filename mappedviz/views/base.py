"""The base of all views: follow a session, edit its recipe, draw only while somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

import ipywidgets as widgets
import traitlets

from mappedviz.errors import MappedvizError
from mappedviz.report.html import fragment
from mappedviz.report.sections.audit import sections_of
from mappedviz.report.values import Content
from mappedviz.text.display import shown
from mappedviz.views.controls import Guard, Picture, Status, sentence
from mappedviz.views.state import Session, Source

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.result import Audit

# How long a cell waits for the stores before it is shown: what is ready by then is also shown
# where there is no kernel.
_PATIENCE = 2.0
_WIDE = {"description_width": "initial"}


def handler(method: Callable[[Any, Any], object]) -> Callable[[Any, Any], None]:
    """Mark the callback of a control: one at a time, silent while controls are set from the recipe.

    Errors go into the status line: those of a callback end in a log that nobody sees.
    """

    @wraps(method)
    def guarded(self: View, change: Any = None) -> None:
        with self.session.lock:
            if self._setting:
                return
            try:
                method(self, change)
            except MappedvizError as error:
                self.session.tell(str(error), "error")
            except Exception as error:
                self.session.tell(f"{type(error).__name__}: {error}", "error")

    return guarded


class View(widgets.VBox):  # type: ignore[misc]
    """A widget that shows one side of a collection.

    Parameters
    ----------
    source
        A :class:`Session` that is shared with other views, an :class:`~mappedviz.Audit`, a
        :class:`~mappedviz.MappedCollection`, a :class:`~mappedviz.Recipe`, or paths.
    label
        Obs key of the class.
    renderer
        ``"widget"``: charts that can be clicked; ``"mpl"``: the figures of
        :mod:`mappedviz.plots`. Both have the same traits.
    bare
        Without the status line, as a part of something that has one.
    **options
        Traits of the view, such as ``top_n=40``; all others are for :func:`mappedviz.audit`.

    Attributes
    ----------
    session
        Recipe, audit and focus; see :class:`~mappedviz.views.state.Session`.
    active
        True if it is drawn; a view behind a closed tab waits until the tab is opened.
    message
        Text in place of a picture, if there is none.
    """

    title: ClassVar[str] = ""
    #: Sections of the static report that say the same without a kernel.
    sections: ClassVar[tuple[str, ...]] = ()

    renderer = traitlets.Enum(("widget", "mpl"), "widget")
    active = traitlets.Bool(True)

    def __init__(
        self,
        source: Source,
        label: str | None = None,
        *,
        renderer: str = "widget",
        bare: bool = False,
        active: bool = True,
        **options: Any,
    ) -> None:
        chosen = {name: options.pop(name) for name in list(options) if self.has_trait(name)}
        self.session = Session.of(source, label, **options)
        self.alone = False  # shown by itself, whatever tab it is in as well
        self._setting = True
        self._stale = True
        self._note = sentence()
        self._note.layout.display = "none"
        self._pictures: list[Picture] = []
        super().__init__(renderer=renderer, active=active)
        body = self._build()
        around = [Guard(), *([] if bare else [Status(self.session)])]
        self.children = [*around, self._note, *body]
        self.session.observe(self._recipe_changed, "recipe")
        self.session.observe(self._audit_changed, "audit")
        self.session.observe(self._focus_changed, ["stores", "classes"])
        self._setting = False
        self.follow()
        self.draw()
        for name, value in chosen.items():
            setattr(self, name, value)

    # --- for each view to say -------------------------------------------------------------

    def _build(self) -> list[widgets.Widget]:
        """Make the controls and charts, once."""
        raise NotImplementedError

    def _follow(self) -> None:
        """Set the controls to what the recipe says."""

    def _draw(self, audit: Audit) -> None:
        """Put what is known into the charts."""
        raise NotImplementedError

    def _focus(self) -> None:
        """Mark what is in focus."""

    def table(self) -> pd.DataFrame:
        """Return what is shown as a DataFrame."""
        raise NotImplementedError

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what is shown as a matplotlib figure."""
        raise NotImplementedError

    def code(self) -> str:
        """Return code that makes this table in a script."""
        raise NotImplementedError

    def audit_code(self, expression: str) -> str:
        """Return code for an expression of ``audit``, the audit of this recipe."""
        return (
            "import mappedviz as mv\n\n"
            f"audit = mv.audit(recipe=mv.{self.session.recipe!r})\n{expression}"
        )

    # --- following the session ------------------------------------------------------------

    def follow(self) -> None:
        """Set the controls to what the recipe says; no callback takes this for a decision."""
        with self.setting():
            self._follow()

    @contextmanager
    def setting(self) -> Iterator[None]:
        """Controls are set by us, not by a person."""
        with self.session.lock:
            before, self._setting = self._setting, True
            try:
                yield
            finally:
                self._setting = before

    def _recipe_changed(self, _: Any) -> None:
        self.follow()

    def _audit_changed(self, _: Any) -> None:
        self.follow()
        self.draw()

    def _focus_changed(self, _: Any) -> None:
        with self.setting():
            self._focus()

    @traitlets.observe("active", "renderer")
    def _shown_again(self, change: Any) -> None:
        if change["old"] is traitlets.Undefined or not hasattr(self, "_pictures"):
            return
        if change["name"] == "renderer":
            self._stale = True
        if self.active and self._stale:
            self.draw()

    def draw(self) -> None:
        """Show what is known now."""
        with self.session.lock:
            if not self.active or self._setting:
                self._stale = True
                return
            self._stale = False
            audit = self.session.audit
            if audit is None:
                self.message = "Reading the stores …" if self.session.busy else ""
                return
            try:
                with self.setting():
                    self.message = ""
                    self._draw(audit)
                    for picture in self._pictures:
                        picture.draw(self.renderer)
                    self._focus()
            except MappedvizError as error:
                self.message = str(error)
            except Exception as error:  # one view that cannot be drawn does not stop the others
                self.message = f"{type(error).__name__}: {error}"

    @property
    def message(self) -> str:
        """Text in place of a picture."""
        return str(self._note.value)

    @message.setter
    def message(self, text: str) -> None:
        self._note.value = shown(text, 600) if text else ""
        self._note.layout.display = None if text else "none"

    @property
    def audit(self) -> Audit:
        """The audit that is shown; waits for the first one.

        Raises
        ------
        MappedvizError
            There is none, for the reason that the status line tells.
        """
        found: Audit | None = self.session.audit
        return self.session.known() if found is None else found

    def bind(self, control: widgets.Widget, trait: str) -> None:
        """Let a control set a trait of this view."""
        guarded = handler(lambda self, change: setattr(self, trait, change["new"]))
        control.observe(guarded.__get__(self), "value")

    def press(self, button: widgets.Button, action: Callable[[], object]) -> None:
        """Let a button do something that may fail."""
        button.on_click(handler(lambda self, _: action()).__get__(self))

    def picture(self, chart: widgets.Widget, plot: Callable[[], Axes]) -> Picture:
        """Return a chart with the figure that is shown in its place with ``renderer="mpl"``."""
        made = Picture(chart, plot)
        self._pictures.append(made)
        return made

    # --- showing --------------------------------------------------------------------------

    def __repr__(self) -> str:
        said = self.session.status or "nothing was read"
        return f"{type(self).__name__}: {said}"

    def _repr_html_(self) -> str:
        """Return the same tables as static HTML, which is shown where there is no kernel."""
        self.session.wait(_PATIENCE)
        audit = self.session.audit
        if audit is None:
            return fragment(Content(verdict=self.session.status))
        chosen = [one for one in sections_of(audit) if one.id in self.sections]
        return fragment(Content(sections=chosen, code=self.code()))

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        self.alone = self.active = True
        html = self._repr_html_()
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        return {**bundle, "text/html": html, "text/plain": repr(self)}
