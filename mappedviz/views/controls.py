"""Small widgets that the views share: buttons, sentences, lists, large numbers, the status line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from mappedviz.text.display import shown
from mappedviz.views.charts import KeyGuard

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mappedviz.views.state import Session

_WIDE = {"description_width": "initial"}


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
