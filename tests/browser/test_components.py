"""Every kind of node on a page without Jupyter: what is drawn, what is sent, who has the focus."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.browser import pages
from tests.hostile import HOSTILE

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

REPOSITORY = Path(__file__).parents[2]
AXE = REPOSITORY / "build" / "axe" / "axe.min.js"
BOTH = pytest.mark.parametrize("widget", ["light", "dark"], indirect=True)


def one(name: str, **props) -> pages.Nodes:
    """A page with one node."""
    return {
        "page": {"kind": "page", "tabs": [], "children": [name]},
        name: {"kind": name, "title": "It", **props},
    }


# ------------------------------------------------------------------------ the shell


def test_a_view_asks_for_everything_and_forgets_everything(widget):
    assert widget.page.evaluate("window.sent") == [{"event": "ready"}]
    expect(widget.page.get_by_role("status", name="Waiting for Python")).to_be_visible()
    widget.full(pages.stores_page())
    expect(widget.page.get_by_role("tab")).to_have_count(8)
    widget.page.evaluate("window.stop()")
    assert widget.page.evaluate("window.heard.size") == 0
    assert widget.page.evaluate("document.getElementById('host').childElementCount") == 0


def test_tabs_by_keyboard(widget):
    widget.full(pages.stores_page())
    tab = widget.page.get_by_role("tab")
    tab.first.focus()
    widget.page.keyboard.press("ArrowRight")
    expect(tab.nth(1)).to_be_focused()
    assert widget.sent() == [{"id": "page", "event": "value", "value": "coverage"}]
    # Python decides: until it answers, the old tab is chosen.
    expect(tab.nth(0)).to_have_attribute("aria-selected", "true")
    widget.full(pages.genes_page())
    expect(tab.nth(1)).to_have_attribute("aria-selected", "true")
    expect(tab.nth(1)).to_be_focused()
    expect(widget.page.get_by_role("tabpanel", name="Genes")).to_be_visible()
    widget.page.keyboard.press("End")
    expect(tab.last).to_be_focused()
    widget.page.keyboard.press("ArrowRight")
    expect(tab.first).to_be_focused()


def test_status_and_its_buttons(widget):
    widget.full(pages.stores_page())
    page = widget.page
    expect(page.get_by_role("status").first).to_have_text(re.compile("158,412 cells"))
    page.get_by_role("button", name="Redo").click(force=True)
    page.get_by_role("button", name="Undo").click()
    assert widget.sent() == [{"id": "status.undo", "event": "press"}]
    # What cannot be pressed any more keeps the focus.
    widget.patch({"status": {"can_undo": False, "can_redo": True}})
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    widget.patch({"status": {"mood": "busy", "done": 2, "total": 5}})
    page.get_by_role("button", name="Cancel").click()
    assert widget.sent()[-1] == {"id": "status.cancel", "event": "press"}
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "2")


def test_keys_stay_inside(widget):
    widget.full(pages.stores_page())
    widget.page.evaluate(
        "window.keys = []; addEventListener('keydown', e => window.keys.push(e.key))"
    )
    widget.page.get_by_role("tab").first.focus()
    widget.page.keyboard.type("ddxa")
    widget.page.keyboard.press("Control+s")
    assert set(widget.page.evaluate("window.keys")) <= {"Control", "s"}
    assert "s" in widget.page.evaluate("window.keys")


def test_a_node_that_is_replaced_leaves_its_focus_nearby(widget):
    nodes = pages.stores_page()
    widget.full(nodes)
    widget.page.get_by_role("button", name="Show its cells").focus()
    side = {**nodes["side"], "children": ["leave"]}
    widget.patch({"side": side}, gone=("read", "facts"))
    expect(widget.page.get_by_role("button", name="Leave this store out")).to_be_focused()


def test_a_part_that_cannot_be_drawn_stops_no_other(widget):
    widget.full(
        {
            "page": {"kind": "page", "tabs": [], "children": ["bad", "good"]},
            "bad": {"kind": "nonsense"},
            "good": {"kind": "note", "text": "Here."},
        }
    )
    expect(widget.page.get_by_text("cannot be drawn")).to_be_visible()
    expect(widget.page.get_by_text("Here.")).to_be_visible()
    assert any("nonsense" in line for line in widget.strange)
    widget.strange.clear()


def test_toasts(widget):
    widget.full(one("note", text="x"))
    widget.receive({"toast": {"text": "<b>Saved</b>", "mood": "ok"}})
    expect(widget.page.get_by_text("<b>Saved</b>")).to_be_visible()
    widget.page.get_by_text("<b>Saved</b>").click()
    expect(widget.page.get_by_text("<b>Saved</b>")).to_be_hidden()


def test_the_side_pane(widget):
    widget.full(pages.stores_page())
    pane, table = widget.node("side"), widget.node("table")
    for width, beside in ((1400, True), (900, False)):
        widget.page.set_viewport_size({"width": width, "height": 900})
        here, there = pane.bounding_box(), table.bounding_box()
        assert (here["x"] >= there["x"] + there["width"]) == beside
        assert (here["y"] >= there["y"] + there["height"]) != beside


@pytest.mark.parametrize("name", pages.PAGES)
def test_nothing_is_wider_than_the_page(widget, name):
    widget.page.set_viewport_size({"width": 420, "height": 900})
    widget.full(pages.PAGES[name]())
    wide = widget.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 420
    widget.page.set_viewport_size({"width": 1200, "height": 900})


# ------------------------------------------------------------------------ controls


def test_button(widget):
    widget.full(one("button", text="Go", mood="primary"))
    button = widget.page.get_by_role("button", name="Go")
    button.click()
    assert widget.sent() == [{"id": "button", "event": "press"}]
    widget.patch({"button": {"disabled": True}})
    button.click(force=True)
    button.press("Enter")
    assert widget.sent() == []


def test_select(widget):
    options = [{"id": "a", "text": "alpha", "note": "2 stores"}, {"id": "b", "text": "beta"}]
    widget.full(one("select", label="Key", value="a", options=options))
    select = widget.page.get_by_label("Key")
    select.focus()
    select.select_option("b")
    assert widget.sent() == [{"id": "select", "event": "value", "value": "b"}]
    # Python refuses: the old value again.
    widget.patch({"select": {"value": "a"}})
    expect(select).to_have_value("a")
    expect(select).to_be_focused()


def test_select_with_many_options_is_searched(widget):
    options = [{"id": f"o{i}", "text": f"donor {i}"} for i in range(5000)]
    widget.full(one("select", label="Key", value="o3", options=options))
    page = widget.page
    opener = page.get_by_role("button", name="Key donor 3")
    opener.focus()
    page.keyboard.press("ArrowDown")
    search = page.get_by_role("combobox", name="Key")
    expect(search).to_be_focused()
    expect(page.get_by_role("option")).to_have_count(200)
    expect(page.get_by_text("4,800 more")).to_be_visible()
    page.keyboard.type("donor 4711")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    assert widget.sent() == [{"id": "select", "event": "value", "value": "o4711"}]
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    expect(search).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    assert widget.sent() == []


def test_segments(widget):
    options = [{"id": i, "text": f"in {i}"} for i in ("all", "any", "some")]
    widget.full(one("segments", label="Keep", value="all", options=options))
    page = widget.page
    expect(page.get_by_role("radiogroup", name="Keep").get_by_role("radio")).to_have_count(3)
    page.get_by_role("radio", name="in all").focus()
    page.keyboard.press("ArrowRight")
    assert widget.sent() == [{"id": "segments", "event": "value", "value": "any"}]
    widget.patch({"segments": {"value": "all"}})
    expect(page.get_by_role("radio", name="in all")).to_be_checked()
    page.get_by_role("radio", name="in some").check()
    assert widget.sent() == [{"id": "segments", "event": "value", "value": "some"}]


def test_check_and_checks(widget):
    options = [{"id": f"c{i}", "text": f"label {i}"} for i in range(300)]
    nodes = one("checks", label="Labels", value=["c1"], options=options)
    nodes["page"]["children"].append("check")
    nodes["check"] = {"kind": "check", "label": "logarithmic", "value": False}
    widget.full(nodes)
    page = widget.page
    page.get_by_label("logarithmic").check()
    assert widget.sent() == [{"id": "check", "event": "value", "value": True}]
    group = page.get_by_role("group", name="Labels")
    expect(group.get_by_role("checkbox")).to_have_count(200)
    expect(group.get_by_text("1 of 300")).to_be_visible()
    group.get_by_role("searchbox").fill("label 29")
    expect(group.get_by_role("checkbox")).to_have_count(11)
    group.get_by_role("button", name="All of Labels").click()
    sent = widget.sent()
    assert sent[0]["value"] == ["c1", "c29", *(f"c{i}" for i in range(290, 300))]
    group.get_by_label("label 295").uncheck()
    assert "c295" not in widget.sent()[0]["value"]
    group.get_by_role("button", name="None of Labels").click()
    assert widget.sent()[0]["value"] == ["c1"]


def test_slider(widget):
    widget.full(one("slider", label="k", value=3, min=1, max=5, step=1, text="3 of 5"))
    slider = widget.page.get_by_role("slider", name="k")
    expect(slider).to_have_attribute("aria-valuetext", "3 of 5")
    slider.focus()
    widget.page.keyboard.press("ArrowRight")
    widget.page.wait_for_function("window.sent.some(one => one.value === 4)")
    widget.patch({"slider": {"value": 4, "text": "4 of 5"}})
    expect(slider).to_have_attribute("aria-valuetext", "4 of 5")
    expect(slider).to_be_focused()


def test_text_is_not_written_over_while_it_is_typed(widget):
    widget.full(one("text", label="Find", value=""))
    field, keys = widget.page.get_by_label("Find"), widget.page.keyboard
    field.focus()
    keys.type("CD")
    widget.page.wait_for_function("window.sent.some(one => one.value === 'CD')")
    keys.type("3")
    # The answer to what was typed before comes late.
    widget.patch({"text": {"value": "CD"}})
    expect(field).to_have_value("CD3")
    keys.press("Enter")
    assert widget.sent()[-1] == {"id": "text", "event": "value", "value": "CD3"}
    widget.patch({"text": {"value": "CD3D"}})
    expect(field).to_have_value("CD3D")
    expect(field).to_be_focused()


def test_number_is_sent_when_it_is_done(widget):
    widget.full(one("number", label="show", value=25, min=1, max=200))
    field, keys = widget.page.get_by_label("show"), widget.page.keyboard
    field.fill("12")
    assert widget.sent() == []
    keys.press("Enter")
    assert widget.sent() == [{"id": "number", "event": "value", "value": 12}]
    widget.patch({"number": {"value": 25}})
    expect(field).to_have_value("25")


def test_area_and_file(widget):
    nodes = one("text", label="Mapping", value="a,b", area=True)
    nodes["page"]["children"].append("file")
    nodes["file"] = {"kind": "file", "label": "CSV", "accept": ".csv"}
    widget.full(nodes)
    area = widget.page.get_by_label("Mapping")
    area.fill("a,b\nc,d")
    assert widget.sent() == []
    area.press("Control+Enter")
    assert widget.sent() == [{"id": "text", "event": "value", "value": "a,b\nc,d"}]
    widget.page.get_by_label("CSV").set_input_files(
        {"name": "map.csv", "mimeType": "text/csv", "buffer": b"from,to\n"}
    )
    widget.page.wait_for_function("window.sent.some(one => one.id === 'file')")
    assert widget.sent() == [
        {"id": "file", "event": "value", "value": {"name": "map.csv", "text": "from,to\n"}}
    ]


def test_chips(widget):
    options = [{"id": "a", "text": "cannot be read", "count": 1234}, {"id": "b", "text": "other"}]
    widget.full(one("chips", label="Show", value=[], options=options, several=True))
    chip = widget.page.get_by_role("button", name=re.compile("cannot be read.*1,234"))
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "true")
    widget.page.get_by_role("button", name="other").click()
    assert [message["value"] for message in widget.sent()] == [["a"], ["a", "b"]]
    widget.patch({"chips": {"value": None}})
    expect(chip).to_have_attribute("aria-pressed", "false")


def test_disclosure(widget):
    nodes = one("disclosure", children=["inside"])
    nodes["inside"] = {"kind": "note", "text": "There."}
    widget.full(nodes)
    expect(widget.page.get_by_text("There.")).to_be_hidden()
    widget.page.get_by_text("It", exact=True).click()
    expect(widget.page.get_by_text("There.")).to_be_visible()
    widget.page.wait_for_function("window.sent.some(one => one.event === 'open')")
    assert widget.sent() == [{"id": "disclosure", "event": "open", "value": True}]
    # Opened by Python: nothing is sent back.
    widget.patch({"disclosure": {"open": False}})
    expect(widget.page.get_by_text("There.")).to_be_hidden()
    assert widget.sent() == []


# ------------------------------------------------------------------------ charts


def test_bars(widget):
    props = pages.bars(3, 2, selected=[], below=[pages.bars()["below"][0]])
    widget.full(one("bars", **props))
    option = widget.page.get_by_role("option")
    expect(option).to_have_count(4)
    expect(widget.page.locator(".mv-break")).to_have_count(1)
    expect(widget.page.get_by_role("listbox")).to_match_aria_snapshot(
        """
        - listbox "Cells by label and store":
          - option /T cell. \\d+,\\d+ cells; pbmc3k [\\d,]+, pbmc68k [\\d,]+/
          - option /B cell/
          - option /natural killer cell/
          - option /288 others/
        """
    )
    option.nth(1).click()
    widget.page.keyboard.press("ArrowDown")
    widget.page.keyboard.press("Space")
    assert [message["value"] for message in widget.sent()] == [["r1"], ["r1", "r2"]]
    expect(widget.page.get_by_role("option", selected=True)).to_have_count(2)
    # New rows: the focus stays on the row it was on.
    widget.patch({"bars": {"rows": props["rows"][::-1], "selected": ["r2"]}})
    expect(option.nth(0)).to_be_focused()
    widget.page.keyboard.press("Escape")
    assert widget.sent()[-1] == {"id": "bars", "event": "selected", "value": []}


@pytest.mark.parametrize("mode", ["stacked", "share", "grouped"])
@pytest.mark.parametrize("log", [False, True])
def test_bars_stay_on_their_axis(widget, mode, log):
    widget.full(one("bars", **pages.bars(mode=mode, log=log)))
    over = widget.page.evaluate(
        """() => [...document.querySelectorAll(".mv-track")].filter((track) => {
            const ends = [...track.querySelectorAll(".mv-fill")].map((fill) => fill.getBoundingClientRect().right);
            return Math.max(...ends, 0) > track.getBoundingClientRect().right + 4;
        }).length"""
    )
    assert over == 0


def test_strips_below_the_rule_set_no_axis(widget):
    strip = {"values": [0.2, 1], "quantiles": [0.2, 0.4, 0.6, 1, 1], "text": "9 %"}
    below = [{"id": "missing", "label": "(missing)", **strip}]
    widget.full(one("strips", **{**pages.strips(), "below": below}))
    rows = widget.node("strips").get_by_role("listitem")
    expect(rows).to_have_count(6)
    expect(rows.last).to_have_accessible_name("(missing): 9 %")
    expect(rows.last.locator(".mv-break")).to_have_count(1)
    expect(widget.page.locator(".mv-below-rule + [data-id='missing']")).to_be_visible()


def test_curve(widget):
    widget.full(one("curve", **pages.curve()))
    slider = widget.page.get_by_role("slider")
    expect(slider).to_have_attribute("aria-valuetext", "in at least k stores 3: 19,722 genes")
    slider.focus()
    widget.page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "4")
    widget.page.keyboard.press("Home")
    assert [message["value"] for message in widget.sent()] == [["4"], ["1"]]


def test_table(widget):
    widget.full(one("table", **pages.table(30, page=1, pages=4, total=110, selected=[])))
    page = widget.page
    header = page.get_by_role("columnheader", name="cells")
    expect(header).to_have_attribute("aria-sort", "descending")
    sort = header.get_by_role("button")
    sort.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="store", exact=True).click()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Previous").click()
    page.get_by_role("row").nth(3).click()
    events = [(one["event"], one["value"]) for one in widget.sent()]
    assert events == [
        ("sort", ["cells", "ascending"]),
        ("sort", ["store", "ascending"]),
        ("page", 2),
        ("page", 0),
        ("selected", ["s2"]),
    ]
    expect(page.get_by_text("31–60 of 110")).to_be_visible()
    # The first column and the heading stay in sight.
    page.set_viewport_size({"width": 420, "height": 700})
    first = page.get_by_role("rowheader").first
    left = first.bounding_box()["x"]
    page.locator(".mv-scroll").evaluate("node => node.scrollTo(200, 100)")
    assert abs(first.bounding_box()["x"] - left) < 2
    page.set_viewport_size({"width": 1200, "height": 900})


@pytest.mark.parametrize("name", ["table", "matrix"])
def test_an_edge_says_that_there_is_more_to_the_right(widget, name):
    widget.page.set_viewport_size({"width": 300, "height": 900})
    widget.full(one(name, **getattr(pages, name)()))
    box = widget.node(name).locator(".mv-scroll")
    expect(box).to_have_class(re.compile("mv-more-right"))
    box.evaluate("node => node.scrollBy(9999, 0)")
    expect(box).not_to_have_class(re.compile("mv-more-right"))
    widget.page.set_viewport_size({"width": 1200, "height": 900})


def test_headings_keep_the_focus_when_rows_are_sorted(widget):
    widget.full(one("table", **pages.table()))
    heading = widget.page.get_by_role("button", name="cells")
    heading.focus()
    widget.patch({"table": {"sort": ["cells", "ascending"], "rows": pages.table()["rows"][::-1]}})
    expect(heading).to_be_focused()
    expect(widget.page.get_by_role("columnheader", name="cells")).to_have_attribute(
        "aria-sort", "ascending"
    )


def test_matrix_upset_histogram_strips_scatter_image(widget):
    nodes = {"page": {"kind": "page", "tabs": [], "children": []}}
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><rect width="80" height="40"/></svg>'
    made = {
        "matrix": pages.matrix(),
        "upset": pages.upset(),
        "histogram": pages.histogram(),
        "strips": pages.strips(),
        "scatter": pages.scatter(),
        "image": {"kind": "image", "title": "A figure", "svg": svg},
    }
    nodes["page"]["children"] = list(made)
    widget.full({**nodes, **made})
    page = widget.page
    expect(page.get_by_role("gridcell", name="30 %").first).to_be_visible()
    upset = page.get_by_role("listbox", name="Genes by the stores")
    upset.get_by_role("option").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert widget.sent() == [{"id": "upset", "event": "selected", "value": ["k2"]}]
    expect(widget.node("histogram").get_by_role("listitem")).to_have_count(60)
    expect(widget.node("strips").get_by_role("listitem")).to_have_count(5)
    expect(widget.node("scatter").get_by_role("img")).to_have_count(5)
    painted = page.evaluate(
        """() => [...document.querySelectorAll("canvas")].map((canvas) => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return data.some((value) => value > 0);
        })"""
    )
    assert painted == [True] * 5
    image = page.get_by_role("img", name="A figure")
    assert image.evaluate("node => node.decode().then(() => node.naturalWidth)") == 80


def test_code_is_copied(widget):
    widget.full(one("code", text="print(1)\n", language="python"))
    widget.page.get_by_role("button", name="Copy").click()
    expect(widget.page.locator(".mv-said")).to_have_text("Copied")
    assert widget.page.evaluate("navigator.clipboard.readText()") == "print(1)\n"


def test_code_that_was_cut_is_asked_for(widget):
    widget.full(one("code", text="print(1) …", cut=True))
    widget.page.get_by_role("button", name="Copy").click()
    assert widget.sent() == [{"id": "code", "event": "copy", "value": "code"}]
    widget.receive({"clip": {"id": "code", "kind": "code", "text": "print(1)\nprint(2)\n"}})
    expect(widget.page.get_by_text("Code copied")).to_be_visible()
    assert widget.page.evaluate("navigator.clipboard.readText()") == "print(1)\nprint(2)\n"


@pytest.mark.parametrize("name", ["bars", "table", "matrix", "upset", "curve", "scatter", "strips"])
def test_pictures_are_copied(widget, name):
    props = getattr(pages, name)() | {"copies": ["png", "svg", "csv"]}
    widget.full(one(name, **props))
    page = widget.page
    menu = page.get_by_role("button", name=f"Copy {props['title']}")
    menu.click()
    page.get_by_role("menuitem", name="PNG").click()
    expect(page.get_by_text("PNG copied")).to_be_visible()
    kinds = page.evaluate("navigator.clipboard.read().then((all) => all[0].types)")
    assert "image/png" in kinds
    expect(menu).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_text("SVG copied")).to_be_visible()
    svg = page.evaluate("navigator.clipboard.readText()")
    assert svg.startswith("<svg")
    assert props["title"] in svg
    if name == "bars":  # each series, and what could be scrolled to
        assert all(colour in svg for colour in ("rgb(230,159,0)", "rgb(86,180,233)"))
        assert "innate lymphoid cell" in svg
    assert widget.sent() == []
    menu.click()
    page.get_by_role("menuitem", name="CSV").click()
    assert widget.sent() == [{"id": name, "event": "copy", "value": "csv"}]
    widget.receive({"clip": {"id": name, "kind": "csv", "text": "a,b\n"}})
    expect(page.get_by_text("CSV copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "a,b\n"


@pytest.mark.parametrize(
    "name", ["bars", "table", "matrix", "upset", "histogram", "strips", "scatter", "curve"]
)
def test_nothing_to_show(widget, name):
    widget.full(one(name))
    expect(widget.node(name)).to_contain_text("Nothing to show")


# ------------------------------------------------------------------------ texts, size, looks


def hostile_page() -> pages.Nodes:
    """Bad texts in every place that takes one."""
    texts = [str(text) for text in HOSTILE]
    texts += ["", "x" * 300, "<img src=x onerror=window.bad=1>", "<script>window.bad=1</script>",
              "$\\frac{$", "\u202eevil\u202c", "שלום עולם", "👩🏽‍🔬 cells"]  # fmt: skip
    options = [{"id": f"o{i}", "text": text, "note": text} for i, text in enumerate(texts[:12])]
    rows = [
        {"id": f"r{i}", "label": text, "values": [i + 1], "text": text, "title": text}
        for i, text in enumerate(texts)
    ]
    cells = [
        {"id": f"r{i}", "cells": [{"text": text, "title": text}] * 3}
        for i, text in enumerate(texts)
    ]
    names = [{"id": f"n{i}", "label": text} for i, text in enumerate(texts)]
    nodes: pages.Nodes = {
        "status": {"kind": "status", "text": texts[-6]},
        "note": {"kind": "note", "text": "".join(texts)},
        "numbers": {"kind": "numbers", "items": [{"value": text, "label": text, "title": text} for text in texts]},
        "panel": {"kind": "panel", "title": texts[-6], "hint": texts[-7], "children": ["button"]},
        "button": {"kind": "button", "text": texts[-5], "title": texts[-5]},
        "select": {"kind": "select", "label": texts[-6], "value": "o0", "options": options},
        "segments": {"kind": "segments", "label": texts[-5], "value": "o0", "options": options[-4:]},
        "checks": {"kind": "checks", "label": texts[-6], "value": ["o1"], "options": options},
        "chips": {"kind": "chips", "label": texts[-6], "value": [], "options": options},
        "text": {"kind": "text", "label": texts[-6], "value": texts[-6], "placeholder": texts[-5]},
        "disclosure": {"kind": "disclosure", "title": texts[-6], "open": True, "children": []},
        "bars": {"kind": "bars", "title": texts[-6], "rows": rows, "series": [{"name": texts[-6], "colour": "#0072b2"}, {"name": texts[-1], "colour": "#e69f00"}], "selectable": "many", "unit": texts[-5], "copies": ["svg"]},
        "table": {"kind": "table", "title": texts[-5], "columns": [{"id": f"c{i}", "label": text, "title": text} for i, text in enumerate(texts[-3:])], "rows": cells, "note": texts[-6]},
        "matrix": {"kind": "matrix", "title": texts[-5], "rows": names, "columns": names[-3:], "values": [[0.1, None, 1]] * len(names), "texts": [texts[-3:]] * len(names)},
        "code": {"kind": "code", "title": texts[-5], "text": "\n".join(texts)},
        "upset": {"kind": "upset", "title": texts[-5], "sets": [{**name, "size": 3} for name in names[:9]], "columns": [{"id": "k", "size": 3, "members": ["n1", "n8"], "title": texts[-6]}]},
        "strips": {"kind": "strips", "title": texts[-6], "rows": [{**name, "values": [0.5], "quantiles": [0, 0.2, 0.5, 0.6, 1], "text": texts[-6]} for name in names], "axis": {"ticks": [{"at": 0, "text": texts[-6]}], "label": texts[-5]}},
        "scatter": {"kind": "scatter", "title": texts[-6], "panels": [{"id": "p", "title": texts[-6], "x": [1], "y": [2], "colour": [0]}], "legend": [{"name": texts[-6], "colour": "#0072b2"}]},
        "image": {"kind": "image", "title": texts[-6], "svg": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="window.bad=1"><script>window.bad=1</script></svg>'},
    }  # fmt: skip
    tabs = [{"id": f"t{i}", "title": text, "badge": text} for i, text in enumerate(texts[-6:])]
    inside = [name for name in nodes if name != "button"]
    return {"page": {"kind": "page", "tabs": tabs, "tab": "t0", "children": inside}, **nodes}


@pytest.mark.parametrize("width", [1200, 420])
def test_hostile_texts_stay_texts(widget, width):
    widget.page.set_viewport_size({"width": width, "height": 900})
    widget.full(hostile_page())
    widget.node("bars").get_by_role("option").nth(2).hover()
    assert widget.page.evaluate("window.bad") is None
    assert widget.page.locator("#host script, #host img:not(.mv-image), #host b b").count() == 0
    assert widget.page.evaluate("document.documentElement.scrollWidth") <= width
    text = widget.node("note").inner_text()
    assert "<script>window.bad=1</script>" in text
    assert "$\\frac{$" in text
    widget.picture(REPOSITORY / "build" / "screenshots" / f"components-hostile-{width}.png")
    widget.page.set_viewport_size({"width": 1200, "height": 900})


def test_no_more_than_200_of_anything(widget):
    many = [{"id": f"r{i}", "label": f"label {i}", "values": [i]} for i in range(1500)]
    cells = [{"id": f"r{i}", "cells": [{"text": str(i)}]} for i in range(1500)]
    made = {
        "bars": {"kind": "bars", "title": "b", "rows": many, "selectable": "one"},
        "table": {"kind": "table", "title": "t", "columns": [{"id": "a", "label": "a"}], "rows": cells},
        "matrix": {"kind": "matrix", "title": "m", "rows": many, "columns": many[:300], "values": []},
        "histogram": {"kind": "histogram", "title": "h", "bins": [{"id": one["id"], "low": i, "high": i, "count": 1} for i, one in enumerate(many)]},
    }  # fmt: skip
    widget.full({"page": {"kind": "page", "tabs": [], "children": list(made)}, **made})
    expect(widget.page.get_by_role("option")).to_have_count(200)
    expect(widget.page.get_by_text("1,300 more are not drawn")).to_be_visible()
    assert widget.node("table").locator("tbody tr").count() == 200
    assert widget.node("matrix").locator("tbody tr").count() == 200
    assert widget.node("histogram").get_by_role("listitem").count() == 200


# Text against what is painted behind it, as WCAG computes it.
CONTRAST = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
    const behind = (node) => {
        if (!node) return [255, 255, 255];
        const colour = rgba(getComputedStyle(node).backgroundColor);
        return colour[3] === 1 ? colour.slice(0, 3) : over(colour, behind(node.parentElement));
    };
    const light = (colour) => colour.map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const found = [];
    for (const chart of document.querySelectorAll(".mv")) {
        const walk = document.createTreeWalker(chart, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
            const node = walk.currentNode.parentElement;
            if (!walk.currentNode.data.trim() || !node.checkVisibility()) continue;
            if (node.closest("[aria-disabled='true'], :disabled, svg, .mv-said")) continue;
            const paper = behind(node), ink = over(rgba(getComputedStyle(node).color), paper);
            const [dark, bright] = [light(paper), light(ink)].sort((a, b) => a - b);
            found.push([(bright + 0.05) / (dark + 0.05), walk.currentNode.data]);
        }
    }
    return found;
}"""


@BOTH
@pytest.mark.parametrize("name", pages.PAGES)
def test_text_is_read_with_ease(widget, name):
    widget.full(pages.PAGES[name]())
    widget.page.wait_for_function(
        "document.querySelector('.mv').style.getPropertyValue('--mv-ground')"
    )
    found = widget.page.evaluate(CONTRAST)
    assert len(found) > 30
    assert [(round(ratio, 2), text) for ratio, text in found if ratio < 4.5] == []


@pytest.mark.parametrize("name", pages.PAGES)
def test_what_is_pressed_is_large_enough(widget, name):
    widget.full(pages.PAGES[name]())
    small = widget.page.evaluate(
        """() => [...document.querySelectorAll(".mv :is(button, select, textarea, input, summary, [role=option], [role=tab])")]
            .filter((node) => node.checkVisibility() && !node.closest(".mv-check, .mv-segment, .mv-upset-column"))
            .map((node) => [node.getBoundingClientRect(), node.className])
            .filter(([box]) => Math.min(box.width, box.height) < 23.9)
            .map(([box, name]) => [name, box.width, box.height])"""
    )
    assert small == []


SERIOUS = """async () => (await axe.run("#host", { resultTypes: ["violations"] })).violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => [one.id, one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160))])"""


@BOTH
@pytest.mark.parametrize("name", pages.PAGES)
def test_axe_finds_nothing_serious(widget, name):
    if not AXE.exists():
        pytest.skip("NO AXE: fetch it with scripts/axe.sh")
    widget.full(pages.PAGES[name]())
    widget.page.wait_for_function(
        "document.querySelector('.mv').style.getPropertyValue('--mv-ground')"
    )
    widget.page.evaluate(AXE.read_text(encoding="utf-8"))
    found = widget.page.evaluate(SERIOUS)
    assert found == [], json.dumps(found, indent=1)


@pytest.mark.parametrize("name", pages.PAGES)
def test_forced_colours(widget, name):
    """Drawn with the system's colours: what is chosen is told by a frame, too."""
    widget.page.emulate_media(forced_colors="active")
    widget.full(pages.PAGES[name]())
    widget.picture(REPOSITORY / "build" / "screenshots" / f"components-{name}-forced.png")
    chosen = widget.page.locator("[aria-selected='true'], [aria-pressed='true']").first
    assert chosen.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    widget.page.emulate_media(forced_colors="none")


CONTRAST_OF_CUTS = """
() => {
  const light = (text) => {
    const parts = text.match(/[\\d.]+/g).slice(0, 3).map((one) => one / 255);
    const [r, g, b] = parts.map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  return [...document.querySelectorAll(".mv-bar > .mv-fill:not(:last-child)")].map((node) => {
    const style = getComputedStyle(node);
    return [parseFloat(style.borderRightWidth), contrast(style.borderRightColor, style.backgroundColor)];
  });
}
"""


@pytest.mark.parametrize("widget", ["light", "dark"], indirect=True)
@pytest.mark.parametrize("name", pages.PAGES)
def test_grey_scale(widget, name):
    """Without colours parts of a bar are told apart by the cut between them, and a mood by its words."""
    widget.full(pages.PAGES[name]())
    session = widget.page.context.new_cdp_session(widget.page)
    session.send("Emulation.setEmulatedVisionDeficiency", {"type": "achromatopsia"})
    widget.picture(REPOSITORY / "build" / "screenshots" / f"components-{name}-grey.png")
    cuts = widget.page.evaluate(CONTRAST_OF_CUTS)
    if name == "labels":
        assert cuts
    assert all(width >= 1 and contrast > 1.2 for width, contrast in cuts)
    for mood in widget.page.locator("[data-mood]").all():
        assert mood.inner_text().strip()
