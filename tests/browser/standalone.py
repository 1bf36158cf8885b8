"""The front-end without Jupyter: a page of its own, with a model that writes down what is sent."""

from __future__ import annotations

import json
from pathlib import Path
from queue import Queue
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page

from mappedviz.views import front
from mappedviz.views.page import Page as Widget

# As JupyterLab sets its colours, in a light and in a dark theme.
COLOURS = {
    "light": {
        "--jp-layout-color0": "#ffffff",
        "--jp-ui-font-color0": "rgba(0, 0, 0, 1)",
        "--jp-ui-font-color1": "rgba(0, 0, 0, 0.87)",
    },
    "dark": {
        "--jp-layout-color0": "#111111",
        "--jp-ui-font-color0": "rgba(255, 255, 255, 1)",
        "--jp-ui-font-color1": "rgba(255, 255, 255, 0.87)",
    },
}
ADDRESS = "http://127.0.0.1/mappedviz"
MODEL = """
const heard = new Set();
window.sent = [];
window.model = {
    send: (content) => window.sent.push(structuredClone(content)),
    on: (name, call) => name === "msg:custom" && heard.add(call),
    off: (name, call) => heard.delete(call),
    get: () => undefined,
};
window.heard = heard;
window.receive = (message) => heard.forEach((call) => call(message, []));
window.start = () => (window.stop = window.widget.render({ model: window.model, el: document.getElementById("host") }));
window.start();
"""


def html(theme: str = "light") -> str:
    """Return the page: the widget's style and script, and nothing to show yet."""
    module = front.module().replace("export default { render };", "window.widget = { render };")
    colours = "".join(f"{name}: {value};" for name, value in COLOURS[theme].items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>mappedviz</title>'
        f"<style>:root {{ {colours} }} body {{ margin: 16px; background: var(--jp-layout-color0);"
        f" color: var(--jp-ui-font-color1); font: 13px sans-serif; }}\n{front.style()}</style></head>"
        f'<body><main><div id="host"></div></main><script type="module">{module}\n{MODEL}</script></body></html>'
    )


class Standalone:
    """A page with one widget in it.

    Attributes
    ----------
    page
        The tab, as playwright has it.
    strange
        What scripts raised, and addresses that they asked for.
    """

    def __init__(self, context: BrowserContext, theme: str = "light") -> None:
        self.page: Page = context.new_page()
        self.strange: list[str] = []
        self._waiting: Queue[str] = Queue()
        self.page.on("pageerror", lambda error: self.strange.append(str(error)))
        self.page.on(
            "console", lambda line: line.type == "error" and self.strange.append(line.text)
        )
        self.page.on(
            "request",
            lambda asked: (
                asked.url.startswith("http")
                and asked.url != ADDRESS
                and self.strange.append(asked.url)
            ),
        )
        # An address that counts as safe, as the clipboard wants it; nobody is asked for it.
        self.page.route(
            ADDRESS, lambda route: route.fulfill(body=html(theme), content_type="text/html")
        )
        self.page.goto(ADDRESS)
        self.page.wait_for_function("window.sent?.length > 0")

    def full(self, nodes: dict[str, Any]) -> None:
        """Send all nodes, as Python answers "ready"."""
        self.page.evaluate("nodes => window.receive({ full: nodes })", nodes)

    def patch(self, patch: dict[str, Any], gone: tuple[str, ...] = ()) -> None:
        """Send what differs."""
        self.page.evaluate(
            "message => window.receive(message)", {"patch": patch, "gone": list(gone)}
        )

    def receive(self, message: dict[str, Any]) -> None:
        """Send any message."""
        self.page.evaluate("message => window.receive(message)", message)

    def sent(self) -> list[Any]:
        """Return the events since the last call, without the greeting and who is at the widget."""
        found = self.page.evaluate("window.sent.splice(0)")
        return [one for one in found if one.get("event") not in ("ready", "held")]

    def drive(self, widget: Widget) -> None:
        """Let a real widget answer, as its kernel would: what it sends comes here.

        Events wait until :meth:`pump` takes them up.
        """
        self._widget = widget
        # Other threads send as well; the browser is driven by this one.
        widget.send = lambda content, buffers=None: self._waiting.put(json.dumps(content))
        widget._received(widget, {"event": "ready"}, [])
        self.pump()

    def pump(self) -> None:
        """Give the widget what was done on the page since the last call."""
        for message in self.sent():
            self._widget._received(self._widget, message, [])
        while not self._waiting.empty():
            self.receive(json.loads(self._waiting.get()))

    def node(self, name: str) -> Locator:
        """The element of a node."""
        return self.page.locator(f"[data-node={json.dumps(name)}]")

    def picture(self, path: Path) -> None:
        """Leave a picture of the whole page."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, full_page=True)
