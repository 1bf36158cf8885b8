"""The HTML that a notebook saves beside a widget: it follows what is decided, unless somebody is at it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

#: Seconds of rest before the HTML is made again.
REST = 1.0
#: Seconds after which it is made once nobody is at the widget any more.
LEFT = 0.1
_MOST = 20  # outputs of one widget that are followed


class Saved:
    """The outputs of a notebook in which a widget is shown, each with a ``display_id``.

    Viewers draw an output again that is updated. So nothing is updated while the stores are
    read or while a control has the focus, and never twice with the same HTML.

    Parameters
    ----------
    bundle
        Makes what is shown: the mime bundle, with the HTML as it is now.
    ready
        True if that is worth to be kept, as it is not while stores are read.
    before
        Called just before outputs are updated.
    """

    def __init__(
        self,
        bundle: Callable[[], dict[str, Any]],
        ready: Callable[[], bool],
        before: Callable[[], None],
    ) -> None:
        self._bundle, self._ready, self._before = bundle, ready, before
        self._lock = threading.Lock()
        self._shown: dict[str, str] = {}  # display_id -> the HTML in that output
        self._held = self._stale = False
        self._due: float | None = None  # when a thread that waits looks again

    def show(self) -> None:
        """Show the widget in an output that is followed from now on."""
        bundle = self._bundle()
        if not _in_a_kernel():  # an update would be another line in a terminal
            _display(bundle)
            return
        name = uuid.uuid4().hex
        with self._lock:
            self._shown[name] = bundle["text/html"]
            for old in list(self._shown)[:-_MOST]:
                del self._shown[old]
        _display(bundle, display_id=name)
        if not self._ready():
            self.stale()

    def stale(self) -> None:
        """Make the HTML again, once nothing has changed for a while."""
        with self._lock:
            self._stale = bool(self._shown)
            if self._stale:
                self._start(REST)

    @property
    def held(self) -> bool:
        """True while somebody is at a control of the widget: outputs stay as they are."""
        return self._held

    @held.setter
    def held(self, held: bool) -> None:
        with self._lock:
            self._held = held
            if not held and self._stale:
                self._start(LEFT)

    def forget(self) -> None:
        """Follow no output any more."""
        with self._lock:
            self._shown, self._stale = {}, False

    def _start(self, seconds: float) -> None:
        """Look after some seconds, in place of what was to come; the lock is held."""
        waits = self._due is not None
        self._due = time.monotonic() + seconds
        if not waits:
            threading.Thread(target=self._wait, name="mappedviz-saved", daemon=True).start()

    def _wait(self) -> None:
        while True:
            with self._lock:
                assert self._due is not None
                rest = self._due - time.monotonic()
                if rest <= 0:
                    self._due = None
                    break
            time.sleep(min(rest, LEFT))
        self._update()

    def _may(self) -> bool:
        return not self._held and self._ready()

    def _update(self) -> None:
        if not self._may():
            return  # who leaves the widget, or the next change, asks again
        with self._lock:
            stale, self._stale = self._stale, False
        if not stale:
            return
        bundle = self._bundle()
        html = bundle["text/html"]
        with self._lock:
            names = [name for name, there in self._shown.items() if there != html]
            if not names:
                return
            if not self._may():  # somebody came meanwhile
                self._stale = True
                return
            self._shown.update(dict.fromkeys(names, html))
        self._before()
        for name in names:
            _display(bundle, display_id=name, update=True)


def _in_a_kernel() -> bool:
    from IPython.core.getipython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


def _display(bundle: dict[str, Any], **how: Any) -> None:
    from IPython import display

    show: Any = display.display
    show(bundle, raw=True, **how)
