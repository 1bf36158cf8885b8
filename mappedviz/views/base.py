"""The base of all views: follow a session, edit its recipe, draw only while somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from mappedviz.errors import MappedvizError
from mappedviz.report.html import fragment
from mappedviz.report.sections.audit import sections_of
from mappedviz.report.values import Content
from mappedviz.text.display import csv_cell, shown
from mappedviz.views import nodes
from mappedviz.views.models.history import change_words
from mappedviz.views.models.memory import of_audit
from mappedviz.views.models.tables import Arrangement
from mappedviz.views.page import Page
from mappedviz.views.state import Session, Source
from mappedviz.views.tree import Flat, flat

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.result import Audit
    from mappedviz.views.nodes import Node

# How long a cell waits for the stores before it is shown: what is ready by then is also shown
# where there is no kernel.
_PATIENCE = 2.0
# Traits on which nothing depends that is drawn.
_NOT_OURS = frozenset(Page.class_trait_names()) | {"active"}


# Asked for after every click.
_sections_of = of_audit(sections_of)


def handler(method: Callable[[Any, Any], object]) -> Callable[[Any, Any], None]:
    """Mark what follows from a trait: silent while traits are set from the recipe.

    Errors go into the status line: whoever sets a trait does not expect them there.
    """

    @wraps(method)
    def guarded(self: View, change: Any = None) -> None:
        with self.session.together():
            if self._setting:
                return
            try:
                method(self, change)
            except MappedvizError as error:
                self.session.tell(str(error), "error")
            except Exception as error:
                self.session.tell(f"{type(error).__name__}: {error}", "error")

    return guarded


class View(Page):
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
    #: One line: what there is to decide.
    decides: ClassVar[str] = ""
    #: Sections of the static report that say the same without a kernel.
    sections: ClassVar[tuple[str, ...]] = ()
    #: Traits that controls of the same id set.
    controls: ClassVar[tuple[str, ...]] = ()
    #: Methods that buttons of the same id call.
    actions: ClassVar[tuple[str, ...]] = ()
    #: (id of a node, event) -> the method that answers it.
    events: ClassVar[Mapping[tuple[str, str], str]] = {}
    #: Ids of the charts that ``renderer="mpl"`` replaces by the figure of :meth:`plot`.
    drawn: ClassVar[tuple[str, ...]] = ()

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
        session = Session.of(source, label, **options)
        self.alone = False  # shown by itself, whatever tab it is in as well
        self.bare = bare
        self.above: Page | None = None  # what this is a part of
        self._own_session = session is not source
        self._setting = True
        self._ours = frozenset(type(self).class_trait_names()) - _NOT_OURS
        self._nodes: list[Node] | None = None
        self._opened = frozenset[str]()
        self._arrangements: dict[str, Arrangement] = {}
        super().__init__(session, part=bare, renderer=renderer, active=active)
        self._start()
        session.observe(self._recipe_changed, "recipe")
        session.observe(self._audit_changed, "audit")
        session.observe(self._focus_changed, ["stores", "classes"])
        session.observe(self._busy_changed, "busy")
        self._setting = False
        with session.together():
            self.follow()
            for name, value in chosen.items():
                setattr(self, name, value)

    # --- for each view to say -------------------------------------------------------------

    def _start(self) -> None:
        """Set what is no trait, once."""

    def _follow(self) -> None:
        """Set the traits to what the recipe says."""

    def _body(self, audit: Audit) -> list[Node]:
        """Return the nodes that show what is known: a pure function of the audit and the state."""
        raise NotImplementedError

    def table(self) -> pd.DataFrame:
        """Return what is shown as a DataFrame."""
        raise NotImplementedError

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what is shown as a matplotlib figure."""
        raise NotImplementedError

    def figure(self, name: str = "") -> Axes:
        """Draw a chart, by the id of its node, as a matplotlib figure."""
        return self.plot()

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
        """Set the traits to what the recipe says, without a decision being made."""
        with self.setting():
            self._follow()

    @contextmanager
    def setting(self) -> Iterator[None]:
        """Traits are set by us, not by a person."""
        with self.session.together():
            before, self._setting = self._setting, True
            try:
                yield
            finally:
                self._setting = before

    def _recipe_changed(self, _: Any) -> None:
        self.follow()
        self.changed()

    def _audit_changed(self, _: Any) -> None:
        self.follow()
        self.changed()

    def _focus_changed(self, _: Any) -> None:
        with self.setting():
            self._focus()
        self.changed()

    def _focus(self) -> None:
        """Set the traits that say what is in focus."""

    def _busy_changed(self, _: Any) -> None:
        if self.session.audit is None:
            self.changed()

    def changed(self) -> None:
        """Forget the nodes, which are made again when they are needed."""
        self._nodes = None
        self.refresh()
        if self.above is not None:
            self.above.refresh()

    def toast(self, text: str, mood: str = "plain") -> None:
        """Show a line that passes, here and in what this is a part of."""
        super().toast(text, mood)
        if self.above is not None:
            self.above.toast(text, mood)

    def notify_change(self, change: Any) -> None:
        """Draw what depends on a trait again."""
        super().notify_change(change)
        if "_nodes" in self.__dict__ and change["name"] in self._ours:
            self.changed()

    def wait(self, timeout: float | None = 60.0) -> bool:
        """Wait until the stores are read; return False if that took longer."""
        return self.session.wait(timeout)

    @property
    def message(self) -> str:
        """Text in place of a picture."""
        for one in self.nodes():
            if one["id"] == "message":
                return str(one["text"])
        return ""

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

    # --- drawing --------------------------------------------------------------------------

    def nodes(self) -> list[Node]:
        """Return what is in the tab as it is now; made once, until something changes."""
        with self.session.lock:
            if self._nodes is None:
                self._nodes = self._draw()
            return self._nodes

    def node(self, name: str) -> Node:
        """Return a node of what is shown.

        Raises
        ------
        KeyError
            It is not there now.
        """
        todo = list(self.nodes())
        for one in todo:
            if one["id"] == name:
                return one
            todo += one.get("children", ())
        raise KeyError(name)

    def _draw(self) -> list[Node]:
        audit = self.session.audit
        if audit is None:
            text = "Reading the stores …" if self.session.busy else ""
            return [nodes.note("message", text, "hint")] if text else []
        try:
            body = self._body(audit)
            if self.decides:
                body = [nodes.note("decides", self.decides, "hint"), *body]
            if self.renderer == "mpl":
                body = [self._with_figure(one) for one in body]
            flat({"id": "page", "kind": "page", "children": body})  # ids differ
            return body
        except MappedvizError as error:
            return [nodes.note("message", shown(str(error), 600), "error")]
        except Exception as error:  # one view that cannot be drawn does not stop the others
            text = shown(f"{type(error).__name__}: {error}", 600)
            return [nodes.note("message", text, "error")]

    def _with_figure(self, one: Node) -> Node:
        """The node with matplotlib's figure in place of a chart."""
        if "children" in one:
            return {**one, "children": [self._with_figure(child) for child in one["children"]]}
        if one["id"] not in self.drawn:
            return one
        from mappedviz import plots

        svg = plots.render(self.figure(one["id"]), "svg").decode("utf-8")
        return nodes.image(one["id"], svg, one["title"])

    def flat(self) -> Flat:
        """Return the nodes of the page as they are now, by their ids."""
        above = [] if self.bare and not self.alone else [self._status()]
        tabs = [{"id": "view", "title": self.title}]
        return flat(nodes.page(tabs, "view", [*above, *self.nodes()]))

    def _wanted(self) -> bool:
        return bool(self.active)

    @traitlets.observe("active")
    def _shown_again(self, _: Any) -> None:
        if "_nodes" in self.__dict__:
            self.refresh()

    # --- events ---------------------------------------------------------------------------

    def _dispatch(self, name: str, event: str, value: Any) -> None:
        if self.session.audit is None:
            raise KeyError(name)  # nothing is shown yet, and waiting here would stop the audit
        if (name, event) in self.events:
            getattr(self, self.events[name, event])(value)
        elif event == "value" and name in self.controls:
            setattr(self, name, value)
        elif event == "press" and name in self.actions:
            before = self.session.recipe
            getattr(self, name)()
            if self.session.recipe != before:
                self.toast(f"Done: {change_words(before, self.session.recipe)}", "ok")
        elif event in ("sort", "page"):
            self.arrange(name, **{event: value})
        elif event == "open":
            self._opened = self._opened | {name} if value else self._opened - {name}
        elif event == "copy":
            self.clip(name, str(value), self.copied(str(value), name))
            return
        else:
            raise KeyError(f"{event} of {name}")
        self._nodes = None

    def arranged(self, name: str) -> Arrangement:
        """The order and the page of a table."""
        return self._arrangements.get(name, Arrangement())

    def arrange(self, name: str, **how: Any) -> None:
        """Sort a table, or turn to a page of it."""
        self._arrangements[name] = self.arranged(name).but(**how)

    def copied(self, kind: str, name: str = "") -> str | bytes:
        """Return what is copied: a picture, the table or the code.

        Parameters
        ----------
        kind
            ``"svg"``, ``"png"``, ``"csv"`` or ``"code"``.
        name
            Id of the node that is copied.

        Raises
        ------
        KeyError
            There is no such kind.
        """
        from mappedviz import plots

        if kind == "svg":
            return plots.render(self.figure(name), "svg").decode("utf-8")
        if kind == "png":
            return plots.render(self.figure(name), "png")
        if kind == "csv":
            return self._csv(name)
        if kind == "code":
            return self._code(name)
        raise KeyError(f"copy of {kind}")

    def _code(self, name: str = "") -> str:
        """The code that is copied from a node."""
        return self.code()

    def _csv(self, name: str = "") -> str:
        """The CSV that is copied from a table or a picture."""
        return csv_of(self.table())

    def _forget(self) -> None:
        super()._forget()
        session = self.session
        session.unobserve(self._recipe_changed, "recipe")
        session.unobserve(self._audit_changed, "audit")
        session.unobserve(self._focus_changed, ["stores", "classes"])
        session.unobserve(self._busy_changed, "busy")
        if self._own_session:
            session.work.cancel()

    # --- showing --------------------------------------------------------------------------

    def __repr__(self) -> str:
        said = self.session.status or "nothing was read"
        return f"{type(self).__name__}: {said}"

    def _repr_html_(self) -> str:
        self.session.wait(_PATIENCE)
        audit = self.session.audit
        if audit is None:
            return fragment(Content(verdict=self._kept_status()))
        chosen = [one for one in _sections_of(audit) if one.id in self.sections]
        return fragment(Content(self._kept_warning(), sections=chosen, code=self.code()))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.alone = self.active = True
        return super()._repr_mimebundle_(**kwargs)


def csv_of(table: pd.DataFrame) -> str:
    """Return a table as CSV in which no name is a formula to a spreadsheet."""
    safe = table.rename(index=csv_cell, columns=csv_cell)
    for name, dtype in safe.dtypes.items():
        if dtype.kind == "O":  # objects, categories, and the text of pandas 3
            safe[name] = safe[name].map(csv_cell)
    return str(safe.to_csv())
