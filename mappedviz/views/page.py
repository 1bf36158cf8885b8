"""One widget in the browser for a page: it sends what changed, and takes events.

Python is the only truth. A page is a tree of nodes, made of the session and the state of the
view; what differs from what was sent last travels down. Up come events, which name a node; the
page knows which of them it takes.
"""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from mappedviz.errors import MappedvizError
from mappedviz.report.html import fragment
from mappedviz.report.values import Content
from mappedviz.text.display import shown
from mappedviz.views import front
from mappedviz.views.models.history import change_words
from mappedviz.views.models.stores import without_paths
from mappedviz.views.nodes import Node, status
from mappedviz.views.saved import Saved
from mappedviz.views.tree import Flat, diff

if TYPE_CHECKING:
    from mappedviz.views.state import Session

# The property of a node that an event is about: it is sent again, for the browser may show another.
_PROPS = {"selected": "selected", "sort": "sort", "page": "page", "open": "open"}
_STATUS = ("status", "status_kind", "busy", "done", "total", "can_undo", "can_redo")


class Page(anywidget.AnyWidget):
    """A widget that draws a tree of nodes.

    Parameters
    ----------
    session
        What is shown; its lock is held while the tree is made and while events are answered.
    part
        A part of something else: nothing is sent to the browser until somebody displays it, or
        asks for its ``model_id``, as a box does that holds it.
    **traits
        Values of traits.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    # By this a view that is drawn again finds what was drawn before.
    _key = traitlets.Unicode().tag(sync=True)

    def __init__(self, session: Session, *, part: bool = False, **traits: Any) -> None:
        self.session = session
        self.closed = False
        self._part = part
        self._sent: Flat | None = None
        self._touched: dict[str, str] = {}
        self._saved = Saved(self._mime_bundle, self._to_keep, self._hold)
        super().__init__(**traits)
        self.on_msg(self._received)
        self.session.observe(self._status_changed, list(_STATUS))

    @traitlets.default("_esm")
    def _default_esm(self) -> str:
        return front.module()

    @traitlets.default("_css")
    def _default_css(self) -> str:
        return front.style()

    @traitlets.default("_key")
    def _default_key(self) -> str:
        return uuid.uuid4().hex

    # --- the model in the browser -----------------------------------------------------------

    def open(self) -> None:
        """Make the model in the browser, unless this is a part that was not asked for."""
        if not self._part and not self.closed:
            super().open()

    @property
    def model_id(self) -> str | None:
        """Id of the model in the browser, which is made if there is none yet."""
        if self.comm is None and not self.closed:
            self._part = False
            self.open()
        return self._model_id if self.comm is None else str(self.comm.comm_id)

    def close(self) -> None:
        """Take the widget out of the browser and forget the session: nothing holds it any more."""
        if self.__dict__.get("closed", True):
            return
        self.closed = True
        self._saved.forget()
        self._forget()
        if "layout" in self._trait_values:
            self.layout.close()
        super().close()

    def _forget(self) -> None:
        """Observe nothing any more."""
        self.session.unobserve(self._status_changed, list(_STATUS))

    # --- down -------------------------------------------------------------------------------

    def flat(self) -> Flat:
        """Return the nodes of the page as they are now, by their ids."""
        raise NotImplementedError

    def _status(self) -> Node:
        session, audit = self.session, self.session.audit
        text, mood = session.status, session.status_kind
        if session.busy and mood == "ok":
            mood = "busy"
        elif audit is not None and text == shown(audit.verdict, 600):
            bad = [one for one in audit.findings if one.severity in ("fatal", "error")]
            if bad and mood == "ok":
                mood = "warning"
            if audit.fatal:
                text = without_paths(audit, text, bad[0].stores)
        return status(
            text,
            mood,
            done=session.done if session.busy else 0,
            total=session.total if session.busy else 0,
            can_undo=session.can_undo,
            can_redo=session.can_redo,
        )

    def _status_changed(self, _: Any) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Send what changed, once all changes that are being made are made."""
        if not self.closed:
            self.session.later(self._send_changes)
            self._saved.stale()

    def _send_changes(self) -> None:
        touched, self._touched = self._touched, {}
        if self._sent is None or self.comm is None or not self._wanted():
            return  # not displayed; a browser that comes asks for all
        new = self.flat()
        message = diff(self._sent, new, touched)
        self._sent = new
        if message:
            self.send(message)

    def _wanted(self) -> bool:
        """True unless the page is not to be drawn now."""
        return True

    # --- up ---------------------------------------------------------------------------------

    def _received(self, _: Any, content: Any, __: Any) -> None:
        """Answer a message of the browser."""
        if not isinstance(content, dict):
            return
        if content.get("event") == "ready":
            with self.session.together():
                self._sent = self.flat()
                self.send({"full": self._sent})
            self._saved.held = False
        elif content.get("event") == "held":
            self._saved.held = bool(content.get("value"))
        else:
            node, event = str(content.get("id", "")), str(content.get("event", ""))
            self.event(node, event, content.get("value"))

    def event(self, name: str, event: str, value: Any = None) -> None:
        """Do what an event of the browser does; an error becomes the status line.

        Parameters
        ----------
        name
            Id of a node.
        event
            ``"value"``, ``"press"``, ``"selected"``, ``"sort"``, ``"page"``, ``"open"`` or ``"copy"``.
        value
            The new value of a control, ids of the selected rows, …

        Examples
        --------
        >>> import mappedviz as mv
        >>> view = mv.CoverageView(mv.datasets.demo())
        >>> view.session.wait()
        True
        >>> view.event("k", "value", 2)
        >>> view.k, view.session.recipe.min_stores
        (2, 2)
        """
        with self.session.together():
            self._touched[name] = _PROPS.get(event, "tab" if name == "page" else "value")
            try:
                if event == "press" and name.startswith("status."):
                    self._press_status(name)
                else:
                    self._dispatch(name, event, value)
            except MappedvizError as error:
                self.session.tell(str(error), "error")
            except traitlets.TraitError as error:
                self.session.tell(f"{name}: {error}", "error")
            except KeyError:
                self.session.tell(f"What was chosen is not there any more ({name}).", "error")
            except Exception as error:
                self.session.tell(f"{type(error).__name__}: {error}", "error")
            self.refresh()

    def _press_status(self, name: str) -> None:
        session = self.session
        known = {
            "status.undo": session.undo,
            "status.redo": session.redo,
            "status.cancel": session.cancel,
            "status.again": session.refresh,
        }
        if name in known:
            before = session.recipe
            known[name]()
            if session.recipe != before:
                back = name == "status.undo"
                old, new = (session.recipe, before) if back else (before, session.recipe)
                self.toast(f"{'Undone' if back else 'Done again'}: {change_words(old, new)}")

    def _dispatch(self, name: str, event: str, value: Any) -> None:
        """Do what an event of a node does."""
        raise NotImplementedError

    def clip(self, name: str, kind: str, content: str | bytes) -> None:
        """Give the browser something to copy."""
        what = (
            {"text": content}
            if isinstance(content, str)
            else {"data": base64.b64encode(content).decode("ascii")}
        )
        self.send({"clip": {"id": name, "kind": kind, **what}})

    def toast(self, text: str, mood: str = "plain") -> None:
        """Show a line that passes, where the page is displayed; the verdict stays what it is.

        Parameters
        ----------
        text
            What was done.
        mood
            ``"plain"``, ``"ok"``, ``"warning"`` or ``"error"``.
        """
        if self._sent is not None and self.comm is not None and not self.closed:
            self.send({"toast": {"text": shown(text, 300), "mood": mood}})

    # --- showing ----------------------------------------------------------------------------

    def notify_change(self, change: Any) -> None:
        """Tell all who observe a trait; what they do of it is one change."""
        if "session" not in self.__dict__:
            super().notify_change(change)
            return
        with self.session.together():
            super().notify_change(change)

    def _kept_status(self) -> str:
        """The status line of the static HTML, which a notebook keeps: how far it is says nothing later."""
        if self.session.busy:
            return "The stores were still being read when this was shown. Run it again to see them here."
        return str(self.session.status)

    def _kept_warning(self) -> str:
        """A line above the tables of the static HTML if they are older than the recipe."""
        error = self.session.unread
        return (
            f"The last reading did not end ({error}). What follows was read before."
            if error
            else ""
        )

    def _with_warning(self, html: str, code: str) -> str:
        """The static HTML of an audit, below the warning and the code of now if it is an earlier one."""
        warning = self._kept_warning()
        return fragment(Content(warning, code=code)) + html if warning else html

    def _repr_html_(self) -> str:
        """Return the same as static HTML, which is shown where there is no kernel."""
        raise NotImplementedError

    def _to_keep(self) -> bool:
        """True if the static HTML says what a notebook is to keep: no store is being read."""
        return not self.closed and not self.session.busy

    def _hold(self) -> None:
        """Tell the browser that its output is drawn again, so that nothing moves or loses the focus."""
        self.send({"hold": True})

    def _mime_bundle(self) -> dict[str, Any]:
        made = self._repr_mimebundle_()
        return dict(made[0] if isinstance(made, tuple) else made)

    def _ipython_display_(self) -> None:
        """Show the widget; the HTML beside it follows what is decided, for a notebook saves that."""
        self._saved.show()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the widget, and what is shown where there is none."""
        html = self._repr_html_()
        _ = self.model_id  # a part becomes a widget of its own
        made: Any = super()._repr_mimebundle_(**kwargs) or {}
        bundle, metadata = made if isinstance(made, tuple) else (made, {})
        bundle = {**bundle, "text/html": html, "text/plain": repr(self)}
        return (bundle, metadata) if metadata else bundle
