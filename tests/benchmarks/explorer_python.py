"""What the Explorer would send, keep and save, without a browser; a part of `explorer`."""

from __future__ import annotations

import gc
import json
import sys
import time
import weakref
from pathlib import Path
from typing import Any

from ipywidgets.widgets import widget as ipywidget

import mappedviz as mv
from mappedviz.views import front
from tests.benchmarks.explorer import FEW, Measured, collections

CHANGES = (
    ("coverage", "k", 3),
    ("categories", "search", "t"),
    ("categories", "top_n", 10),
    ("weights", "use", True),
    ("weights", "scheme", "sqrt"),
    ("handoff", "dtype", "float16"),
    ("cells", "by", "tissue"),
)
_QUIET, _PATIENCE = 0.5, 60.0


class Browser:
    """Stands for a browser: keeps what the widget sends."""

    def __init__(self, ui: mv.Explorer) -> None:
        self.ui, self.sent = ui, []
        ui.send = lambda content, buffers=None: self.sent.append((time.perf_counter(), content))
        ui._received(ui, {"event": "ready"}, [])

    def does(self, name: str, value: Any) -> tuple[float, float]:
        """Kilobytes that an event sends until all is quiet, and milliseconds until the last of it."""
        self.sent.clear()
        began = time.perf_counter()
        self.ui.event(name, "value", value)
        self.ui.wait()
        seen, since = len(self.sent), time.perf_counter()
        while time.perf_counter() - since < _QUIET and time.perf_counter() - began < _PATIENCE:
            time.sleep(0.01)
            if len(self.sent) > seen or self.ui.cells._work.running:
                seen, since = len(self.sent), time.perf_counter()
        last = self.sent[-1][0] if self.sent else began
        return sum(_kilobytes(one) for _, one in self.sent), 1000 * (last - began)


def _kilobytes(content: Any) -> float:
    return len(json.dumps(content).encode()) / 1000


def payloads(stores: dict[int, str]) -> list[Measured]:
    """The largest tab and the largest change, of 5, 60 and 1,000 stores."""
    rows = []
    for n, paths in stores.items():
        ui = mv.explore(paths, label="cell_type", workers=0)
        ui.wait()
        browser = Browser(ui)
        tabs, changes = {}, {}
        for name in ui.views:
            browser.does("page", name)
            tabs[name] = _kilobytes(ui.flat())
        for tab, node, value in CHANGES:
            if (tab, node) == ("cells", "by") and n == 5:
                value = "louvain"
            browser.does("page", tab)
            changes[f"{tab}.{node}"] = browser.does(f"{tab}.{node}", value)[0]
        for what, found, bar in (("a tab", tabs, 70), ("a change", changes, 10)):
            worst = max(found, key=lambda name: found[name])
            title = f"payload: {what}, {n:,} stores"
            rows.append(
                Measured(title, f"< {bar} kB", found[worst], "kB", bar, f"largest: {worst}")
            )
        ui.close()
    return rows


def changing_k(paths: str) -> list[Measured]:
    """From the control to the last message, in Python."""
    ui = mv.explore(paths, label="cell_type", workers=0)
    ui.wait()
    browser = Browser(ui)
    browser.does("page", "coverage")
    times = sorted(browser.does("coverage.k", k)[1] for k in (3, 500, 700, 990, 2))
    ui.close()
    note = f"in Python; {times[0]:.0f}–{times[-1]:.0f}"
    return [Measured("a change of k, 1,000 stores", "< 500 ms", times[2], "ms", 500, note, "2.3 s")]


def models() -> list[Measured]:
    """Models of one Explorer with every tab opened, and what `close` leaves."""
    gc.collect()
    before = len(ipywidget._instances)
    ui = mv.explore(FEW, label="cell_type", workers=0)
    ui.wait()
    ui._repr_mimebundle_()
    full = Browser(ui).sent[0][1]
    for name in ui.views:
        ui.tab = name
    n = len(ipywidget._instances) - before
    wire = (len(front.module().encode()) + len(front.style().encode())) / 1000 + _kilobytes(full)
    ui.close()
    left = len(ipywidget._instances) - before
    session = weakref.ref(ui.session)
    del ui
    end = time.monotonic() + 20
    while session() is not None and time.monotonic() < end:  # a thread that reads cells ends soon
        time.sleep(0.1)
        gc.collect()
    kept = "the session is freed as well" if session() is None else "the session is kept"
    opening = "one opening over the wire, all JavaScript and styles included"
    return [
        Measured(opening, "< 200 kB", wire, "kB", 200, "", "the JavaScript of charts 26 times"),
        Measured("models of one Explorer", "≤ 5", n, "", 5, "", "356 (142 widgets)"),
        Measured("models that `close()` leaves", "0", left, "", 0, kept, "355"),
    ]


def saved(stores: dict[int, str]) -> list[Measured]:
    """Kilobytes of the output that a notebook keeps of each view."""
    rows = []
    for n, paths in stores.items():
        ui = mv.explore(paths, label="cell_type", workers=0)
        ui.wait()
        views = {name: type(view)(ui.session) for name, view in ui.views.items()}
        found = {name: _kilobytes(one._repr_mimebundle_()) for name, one in views.items()}
        found["the Explorer"] = _kilobytes(ui._repr_mimebundle_())
        worst = max(found, key=lambda name: found[name])
        title = f"a saved notebook grows by a view, {n:,} stores"
        rows.append(Measured(title, "< 150 kB", found[worst], "kB", 150, f"largest: {worst}"))
        ui.close()
    return rows


def shown(paths: str) -> list[Measured]:
    """The HTML of a collection of 100 stores whose facts are known."""
    some = sorted(str(one) for one in Path(paths).glob("*donor*.h5ad"))[:100]
    ds = mv.MappedCollection(some, obs_keys="donor", join="outer")
    ds._repr_html_()
    start = time.perf_counter()
    html = ds._repr_html_()
    seconds = time.perf_counter() - start
    note = f"{len(html.encode()) / 1000:,.0f} kB"
    return [
        Measured("repr of 100 stores", "< 150 ms, < 150 kB", 1000 * seconds, "ms", 150, note),
    ]


def main() -> None:
    """Print what was measured as JSON, in the last line."""
    stores = collections(Path(sys.argv[1]))
    rows = [
        *models(),
        *payloads(stores),
        *changing_k(stores[1000]),
        *saved(stores),
        *shown(stores[1000]),
    ]
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
