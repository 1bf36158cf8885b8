"""What every view does: follow a session, edit its recipe, draw only while somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

import ipywidgets as widgets
import traitlets

from mappedviz.errors import MappedvizError
from mappedviz.report.html import fragment
from mappedviz.report.sections.audit import sections_of
from mappedviz.report.values import Content
from mappedviz.text.colours import OKABE_ITO
from mappedviz.text.display import names, shown
from mappedviz.views.charts import KeyGuard
from mappedviz.views.state import Session, Source

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.result import Audit

# How long a cell waits for the stores before it is shown: what is ready by then is also shown
# where there is no kernel.
_PATIENCE = 2.0
_WIDE = {"description_width": "initial"}


def handler(method: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
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


class Guard(KeyGuard):
    """The guard of the keys, and the style that lets long sentences take several lines."""

    _css = """
    .mv-sentence.widget-label {
      height: auto; white-space: normal; overflow-wrap: anywhere; line-height: 1.35;
      padding: 3px 0; min-width: 0;
    }
    """


class Status(widgets.HBox):  # type: ignore[misc]  # ipywidgets has no types
    """One line: what happens, how far it is, and the buttons that stop it or take it back."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.text = sentence(flex="1 1 300px")
        self.bar = widgets.IntProgress(
            layout={"width": "120px"}, description="", tooltip="Stores that were read"
        )
        self.cancel = button("Cancel", "stop reading", icon="stop")
        self.again = button("Read again", "look at the files again", icon="refresh")
        self.undo = button("Undo", "take the last change back", icon="undo")
        self.redo = button("Redo", "make that change again", icon="repeat")
        self.cancel.on_click(lambda _: session.cancel())
        self.again.on_click(lambda _: session.refresh())
        self.undo.on_click(lambda _: session.undo())
        self.redo.on_click(lambda _: session.redo())
        super().__init__(
            [self.text, self.bar, self.cancel, self.again, self.undo, self.redo],
            layout={"align_items": "center", "width": "100%", "flex_flow": "row wrap"},
        )
        session.observe(
            lambda _: self._show(),
            ["status", "status_kind", "busy", "done", "total", "can_undo", "can_redo"],
        )
        self._show()

    def _show(self) -> None:
        session = self.session
        word = {"ok": "", "busy": "", "error": "⚠ "}[session.status_kind]
        self.text.value = word + session.status
        self.text.tooltip = session.status
        self.bar.max, self.bar.value = max(session.total, 1), session.done
        self.bar.layout.display = None if session.busy else "none"
        self.cancel.layout.display = None if session.busy else "none"
        self.again.layout.display = "none" if session.busy else None
        self.undo.disabled, self.redo.disabled = not session.can_undo, not session.can_redo


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
        Whether it is drawn. What is behind a closed tab waits until it is opened.
    message
        What is said instead of a picture, where there is none.
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
        """What is shown, as a DataFrame."""
        raise NotImplementedError

    def plot(self, ax: Axes | None = None) -> Axes:
        """What is shown, as a matplotlib figure."""
        raise NotImplementedError

    def code(self) -> str:
        """Code that makes this table in a script."""
        raise NotImplementedError

    def audit_code(self, expression: str) -> str:
        """Code for an expression of ``audit``, the audit of this recipe."""
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
        """What is said instead of a picture."""
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

    def picture(self, chart: widgets.Widget, plot: Callable[[], Axes]) -> Picture:
        """A chart, and the figure that stands in its place with ``renderer="mpl"``."""
        made = Picture(chart, plot)
        self._pictures.append(made)
        return made

    # --- showing --------------------------------------------------------------------------

    def __repr__(self) -> str:
        said = self.session.status or "nothing was read"
        return f"{type(self).__name__}: {said}"

    def _repr_html_(self) -> str:
        """What is shown where there is no kernel: the same tables as static HTML."""
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


class Picture(widgets.VBox):  # type: ignore[misc]
    """A chart, or the same as a matplotlib figure."""

    def __init__(self, chart: widgets.Widget, plot: Callable[[], Axes]) -> None:
        self.chart, self.plot = chart, plot
        self.image = widgets.Image(
            format="svg+xml", layout={"display": "none", "max_width": "100%"}
        )
        super().__init__([chart, self.image])

    def draw(self, renderer: str) -> None:
        """Show the one or the other; a chart that is not there is not drawn."""
        as_image = renderer == "mpl" and self.layout.display != "none"
        self.chart.layout.display = "none" if as_image else None
        self.image.layout.display = None if as_image else "none"
        if as_image:
            from mappedviz import plots

            self.image.value = plots.render(self.plot(), "svg")


# --- small things that the views share ----------------------------------------------------


def button(text: str, tooltip: str, *, icon: str = "", style: str = "") -> widgets.Button:
    """A button as wide as its text."""
    return widgets.Button(
        description=text,
        tooltip=tooltip,
        icon=icon,
        button_style=style,
        layout={"width": "auto", "flex": "0 0 auto"},
    )


def sentence(**layout: str) -> widgets.Label:
    """A text that takes as many lines as it needs."""
    label = widgets.Label(layout=layout)
    label.add_class("mv-sentence")
    return label


def dropdown(description: str, tooltip: str, **given: Any) -> widgets.Dropdown:
    """A list to choose one from, with its whole description."""
    return widgets.Dropdown(
        description=description,
        tooltip=tooltip,
        style=_WIDE,
        layout={"width": "auto", "max_width": "340px"},
        **given,
    )


def offer(
    control: Any, options: Iterable[tuple[str, Any]], value: Any, *, several: bool = False
) -> None:
    """Give a list its options and what is chosen, in one message to the browser."""
    wanted = list(options)
    if not several and all(value != known for _, known in wanted):
        wanted.append((shown(value), value))
    if list(control.options) != wanted:
        with control.hold_sync():
            control.options = wanted
            control.value = value
    elif control.value != value:
        control.value = value


def row(*children: Any) -> widgets.HBox:
    """Controls beside each other; they wrap where there is little room."""
    return widgets.HBox(
        children, layout={"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 14px"}
    )


class Numbers(widgets.HBox):  # type: ignore[misc]
    """A few large numbers, each above its name."""

    children: tuple[Any, ...]

    def __init__(self) -> None:
        super().__init__(layout={"flex_flow": "row wrap", "grid_gap": "4px 34px"})

    def show(self, numbers: Sequence[tuple[str, str]]) -> None:
        """Show pairs of number and name."""
        while len(self.children) < len(numbers):
            value = widgets.Label(style={"font_size": "22px", "font_weight": "600"})
            name = widgets.Label(style={"font_size": "12px"}, layout={"margin": "-6px 0 0 2px"})
            self.children = (*self.children, widgets.VBox([value, name]))
        for box, (number, name) in zip(self.children, numbers, strict=False):
            box.children[0].value, box.children[1].value = number, name
        for i, box in enumerate(self.children):
            box.layout.display = None if i < len(numbers) else "none"


class Ids:
    """Short ids of the rows of a chart, and what they stand for.

    Examples
    --------
    >>> ids = Ids(["b", "a"], "s")
    >>> ids.of("a"), ids.value("s0"), ids.known(["a", "zebra"]), ids.values(["s1"])
    ('s1', 'b', ['s1'], ['a'])
    """

    def __init__(self, values: Iterable[Any] = (), prefix: str = "r") -> None:
        self._values: Mapping[str, Any] = {f"{prefix}{i}": v for i, v in enumerate(values)}
        self._ids = {value: name for name, value in self._values.items()}

    def of(self, value: Any) -> str:
        """The id of a value."""
        return self._ids[value]

    def value(self, name: str) -> Any:
        """The value of an id."""
        return self._values[name]

    def known(self, values: Iterable[Any]) -> list[str]:
        """The ids of those values that are in the chart."""
        return [self._ids[value] for value in values if value in self._ids]

    def values(self, some: Iterable[str]) -> list[Any]:
        """The values of those ids that are in the chart."""
        return [self._values[name] for name in some if name in self._values]


def series_of(stores: Sequence[str]) -> list[dict[str, Any]]:
    """Names and colours of stores: eight colours, the same eight hatched, then grey for all others."""
    n = len(OKABE_ITO) - 1  # the last is the grey of "other"
    some = [
        {"name": text, "colour": OKABE_ITO[i % n], "hatch": i >= n}
        for i, text in enumerate(names(stores[: 2 * n]))
    ]
    if len(stores) > 2 * n:
        rest = f"{len(stores) - 2 * n:,} other stores"
        some.append({"name": rest, "colour": OKABE_ITO[-1], "hatch": False})
    return some


def of_series(values: Sequence[Any], n_series: int) -> list[Any]:
    """Values per store as values per series: what has no colour of its own is summed up."""
    some = [int(value) for value in values]
    if len(some) <= n_series:
        return some
    return [*some[: n_series - 1], sum(some[n_series - 1 :])]
