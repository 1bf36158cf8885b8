"""The charts in JupyterLab, Notebook 7 and Voila: by mouse, by keyboard, by ear, and in the dark."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.jupyter import CURRENT

SETUP = """
import random
import ipywidgets as widgets
from mappedviz.views.charts import Bars, Code, Curve, KeyGuard, Matrix, Table

STORES = ["pbmc3k", "pbmc68k", "breast_immune"]
SERIES = [{"name": n, "colour": c} for n, c in zip(STORES, ["#0072b2", "#e69f00", "#009e73"])]
LABELS = ["T cells", "B cells", "NK cells", "(missing)"]
COUNTS = [[700, 500, 0], [300, 0, 25], [100, 80, 60], [0, 0, 9]]

def rows(counts=COUNTS):
    return [{"id": str(i), "label": label, "values": row, "text": f"{sum(row):,}"}
            for i, (label, row) in enumerate(zip(LABELS, counts))]

def said(chart, *names):
    '''The chart, and a line that says what Python knows of it.'''
    line = widgets.Label()
    def tell(_=None):
        line.value = "; ".join(f"{name}={','.join(getattr(chart, name))}" for name in names)
    chart.observe(tell, list(names))
    tell()
    return widgets.VBox([chart, line])
"""
#: 25 categories of 8 stores, other numbers each time.
MANY = """
rng = random.Random(0)
eight = [{"name": f"store_{i}", "colour": "#0072b2"} for i in range(8)]

def many(text=""):
    return [{"id": str(i), "label": f"CD{i} positive, alpha-beta T cell", "text": text,
             "values": [rng.randrange(1, 90_000) for _ in eight]} for i in range(25)]
"""
BARS = """
bars = Bars(title="Cells by label", unit="cells", series=SERIES, rows=rows(), selectable="many")
said(bars, "selected")
"""
TABLE = """
table = Table(
    title="Stores", selectable="one", note="2 more stores are not shown",
    columns=[
        {"id": "store", "label": "store"},
        {"id": "cells", "label": "cells", "align": "right", "bar": True, "title": "rows of X"},
        {"id": "status", "label": "status"},
    ],
    rows=[
        {"id": s, "cells": [{"text": s}, {"text": t, "value": n, "bar": (n or 0) / 68579}, {"text": w}]}
        for s, t, n, w in [
            ("pbmc3k", "2,700", 2700, "ok"), ("broken", "–", None, "cannot be read"),
            ("pbmc68k", "68,579", 68579, "ok"), ("tiny", "9", 9, "ok"),
        ]
    ],
)
said(table, "sort", "selected")
"""
CURVE = """
curve = Curve(title="Genes kept", xlabel="in at least k stores", ylabel="genes", selectable="one",
              points=[[1, 32738], [2, 17880], [3, 13722], [4, 9104], [5, 1838]])
said(curve, "selected")
"""
MATRIX = """
matrix = Matrix(title="Cells by label and store", selectable="one",
                rows=[{"id": str(i), "label": label} for i, label in enumerate(LABELS)],
                columns=[{"id": s, "label": s} for s in STORES],
                values=[[n / sum(row) if n else None for n in row] for row in COUNTS],
                texts=[[f"{n:,}" for n in row] for row in COUNTS])
said(matrix, "selected")
"""
CODE = """
code = Code(title="Recipe", text='import mappedviz as mv\\n\\nds = mv.MappedCollection(["a.h5ad"])  # one\\n')
code
"""
OTHERS = """
widgets.VBox([
    Bars(title="Shares", mode="share", series=SERIES, rows=rows(), unit="cells"),
    Bars(title="Leave one out", series=[{"name": ""}], unit="genes", marks_label="with it",
         rows=[{"id": "a", "label": "lung", "values": [17880], "text": "17,880", "marks": 9104},
               {"id": "b", "label": "pbmc", "values": [9300], "text": "9,300", "marks": 9104}]),
    Bars(title="Draws", mode="grouped", log=True, unit="cells",
         series=[{"name": "before"}, {"name": "after", "colour": "#e69f00", "hatch": True}],
         rows=[{"id": str(i), "label": n, "values": [10 ** i, 500]} for i, n in enumerate(LABELS)]),
])
"""
# What is read by whom: the text of each chart, its roles and states.
ARIA_BARS = """
- group "Cells by label":
  - listbox "Cells by label":
    - 'option "T cells: 1,200 cells; pbmc3k 700, pbmc68k 500"'
    - 'option "B cells: 325 cells; pbmc3k 300, breast_immune 25" [selected]'
    - 'option "NK cells: 240 cells; pbmc3k 100, pbmc68k 80, breast_immune 60"'
    - 'option "(missing): 9 cells; breast_immune 9"'
"""
ARIA_TABLE = """
- grid "Stores":
  - rowgroup:
    - row:
      - columnheader "store":
        - button "store"
      - columnheader "cells":
        - button "cells"
      - columnheader "status":
        - button "status"
  - rowgroup:
    - row "pbmc68k 68,579 ok":
      - gridcell "pbmc68k"
      - gridcell "68,579"
      - gridcell "ok"
    - row "pbmc3k 2,700 ok"
    - row "tiny 9 ok" [selected]
    - row "broken – cannot be read"
- text: 2 more stores are not shown
"""
ARIA_MATRIX = """
- grid "Cells by label and store":
  - rowgroup:
    - row
  - rowgroup:
    - row "T cells 700 500 0":
      - rowheader "T cells"
      - gridcell "700"
      - gridcell "500"
      - gridcell "0"
    - row "B cells 300 0 25" [selected]
    - row "NK cells 100 80 60"
    - row "(missing) 0 0 9"
"""


@pytest.fixture(scope="module")
def lab(jupyter_module):
    """One notebook with every chart. The first cells are numbered as below."""
    notebook = jupyter_module.lab(SETUP, BARS, TABLE, CURVE, MATRIX, CODE, OTHERS)
    notebook.page.set_viewport_size({"width": 1000, "height": 2400})
    notebook.run_all()
    before = notebook.sources()
    yield notebook
    # Whatever was clicked and typed: the cells are what they were.
    assert notebook.sources() == before


def test_bars_by_mouse(lab):
    area = lab.output(1)
    option = area.get_by_role("option")
    expect(option).to_have_count(4)
    option.nth(1).click()
    expect(area.locator(".widget-label")).to_have_text("selected=1")
    option.nth(3).click()
    expect(area.locator(".widget-label")).to_have_text("selected=1,3")
    option.nth(3).click()
    expect(area.locator(".widget-label")).to_have_text("selected=1")
    expect(area.get_by_role("group", name="Cells by label")).to_match_aria_snapshot(ARIA_BARS)


def test_bars_tell_what_is_under_the_pointer(lab):
    area = lab.output(1)
    area.locator(".mv-fill").nth(1).hover()
    tip = area.locator(".mv-tip")
    expect(tip).to_be_visible()
    expect(tip).to_have_text(re.compile(r"T cells\s*pbmc68k\s*500 cells\s+·\s+42 %"))
    lab.page.mouse.move(5, 5)
    expect(tip).to_be_hidden()
    # A store's name in the legend shows where that store is.
    area.locator(".mv-legend .mv-pair").nth(2).hover()
    expect(area.locator(".mv-hot")).to_have_count(3)
    lab.page.mouse.move(5, 5)


def test_bars_by_keyboard(lab):
    area, page = lab.output(1), lab.page
    option, line = area.get_by_role("option"), area.locator(".widget-label")
    option.nth(1).focus()
    page.keyboard.press("Escape")
    expect(line).to_have_text("selected=")
    page.keyboard.press("Home")
    expect(option.nth(0)).to_be_focused()
    expect(area.locator(".mv-tip")).to_contain_text("pbmc68k")
    page.keyboard.press("Space")
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    expect(option.nth(2)).to_be_focused()
    page.keyboard.press("Enter")
    expect(line).to_have_text("selected=0,2")
    # One stop for the Tab key, where it was left.
    expect(area.locator("[tabindex='0']")).to_have_count(1)
    expect(option.nth(2)).to_have_attribute("tabindex", "0")
    page.keyboard.press("Tab")
    expect(option.nth(2)).not_to_be_focused()
    option.nth(2).focus()
    # Letters that are commands of the notebook, and digits that make headings of cells.
    page.keyboard.type("ddyrmbax1z")
    page.keyboard.press("Escape")
    expect(line).to_have_text("selected=")


def test_python_draws_and_selects(lab):
    area = lab.output(1)
    lab.execute("bars.put(rows=rows()[::-1], selected=['3', '0'])")
    expect(area.get_by_role("option").first).to_have_accessible_name(
        "(missing): 9 cells; breast_immune 9"
    )
    expect(area.get_by_role("option", selected=True)).to_have_count(2)
    lab.execute(
        "bars.selected = []; bars.rows = rows(); bars.mode = 'share'; bars.selectable = 'none'"
    )
    expect(area.get_by_role("listitem")).to_have_count(4)
    area.get_by_role("listitem").first.click()
    assert lab.execute("print(bars.selected)").strip() == "[]"
    lab.execute("bars.put(mode='stacked', selectable='many')")
    expect(area.get_by_role("option")).to_have_count(4)


def test_no_more_than_200_rows_are_drawn(lab):
    area = lab.output(1)
    lab.execute(
        "bars.rows = [{'id': str(i), 'label': f'label {i}', 'values': [1, i, 2]} for i in range(1500)]"
    )
    expect(area.get_by_role("option")).to_have_count(200)
    expect(area.get_by_text("1,300 more are not drawn")).to_be_visible()
    lab.execute("bars.rows = rows()")
    expect(area.get_by_role("option")).to_have_count(4)


def test_focus_stays_where_it_was_when_rows_change(lab):
    option = lab.output(1).get_by_role("option")
    option.nth(2).focus()
    lab.execute("bars.rows = rows()[::-1]")
    expect(option.nth(1)).to_have_accessible_name(re.compile("NK cells"))
    expect(option.nth(1)).to_be_focused()
    lab.execute("bars.rows = rows()")


def test_table_is_sorted_in_the_browser(lab):
    area, page = lab.output(2), lab.page
    row, line = area.locator("tbody tr"), area.locator(".widget-label")
    header = area.get_by_role("columnheader")
    area.get_by_role("button", name="cells").click()
    expect(line).to_have_text("sort=cells,descending; selected=")
    expect(header.nth(1)).to_have_attribute("aria-sort", "descending")
    expect(row).to_contain_text(["pbmc68k", "pbmc3k", "tiny", "broken"])
    row.nth(2).click()
    expect(line).to_have_text("sort=cells,descending; selected=tiny")
    expect(area.locator(".mv")).to_match_aria_snapshot(ARIA_TABLE)
    # Enter on the heading, which keeps the focus; what has no number stays last.
    area.get_by_role("button", name="cells").focus()
    page.keyboard.press("Enter")
    expect(header.nth(1)).to_have_attribute("aria-sort", "ascending")
    expect(row).to_contain_text(["tiny", "pbmc3k", "pbmc68k", "broken"])
    expect(area.get_by_role("button", name="cells")).to_be_focused()
    page.keyboard.press("Enter")
    expect(line).to_have_text("sort=; selected=tiny")
    expect(row).to_contain_text(["pbmc3k", "broken", "pbmc68k", "tiny"])
    row.nth(3).focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    expect(line).to_have_text("sort=; selected=pbmc68k")
    lab.execute("table.sort = ['store', 'ascending']")
    expect(row).to_contain_text(["broken", "pbmc3k", "pbmc68k", "tiny"])


def test_curve(lab):
    area, page = lab.output(3), lab.page
    line, slider = area.locator(".widget-label"), area.get_by_role("slider")
    expect(slider).to_have_attribute("aria-valuetext", "none marked")
    slider.click()
    expect(line).to_have_text("selected=3")
    expect(slider).to_have_attribute("aria-valuetext", "in at least k stores 3: 13,722 genes")
    page.keyboard.press("ArrowRight")
    expect(line).to_have_text("selected=4")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    expect(line).to_have_text("selected=1")
    page.keyboard.press("End")
    expect(area.get_by_text("1,838 genes")).to_be_visible()
    page.keyboard.press("Escape")
    expect(line).to_have_text("selected=")
    lab.execute("curve.selected = ['2']")
    expect(slider).to_have_attribute("aria-valuenow", "2")


def test_matrix(lab):
    area = lab.output(4)
    area.get_by_role("row").nth(2).click()
    expect(area.locator(".widget-label")).to_have_text("selected=1")
    expect(area.locator(".mv")).to_match_aria_snapshot(ARIA_MATRIX)
    lab.page.keyboard.press("ArrowDown")
    lab.page.keyboard.press("Enter")
    expect(area.locator(".widget-label")).to_have_text("selected=2")


@pytest.mark.parametrize("clipboard", [True, False])
def test_code_is_copied(lab, clipboard):
    area, page = lab.output(5), lab.page
    page.evaluate("navigator.clipboard.writeText('before')")
    if not clipboard:
        page.evaluate(
            "() => { navigator.clipboard.writeText = () => Promise.reject(new DOMException('no')); }"
        )
    lab.execute(f"code.text = 'print({int(clipboard)})\\n'")
    expect(area.locator("pre")).to_have_text(f"print({int(clipboard)})\n")
    area.get_by_role("button", name="Copy").click()
    expect(area.locator("[aria-live]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"print({int(clipboard)})\n"
    expect(area.get_by_role("button", name="Copy", exact=True)).to_be_visible()


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
            const paper = behind(node), ink = over(rgba(getComputedStyle(node).color), paper);
            const [dark, bright] = [light(paper), light(ink)].sort((a, b) => a - b);
            found.push([(bright + 0.05) / (dark + 0.05), walk.currentNode.data]);
        }
    }
    return found;
}"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_is_read_with_ease(lab, jupyter_module, dark):
    lab.execute("bars.selected = ['1']; curve.selected = ['3']; matrix.selected = ['1']")
    lab.execute("table.put(selected=['tiny'], sort=['cells', 'descending'])")
    lab.page.mouse.move(5, 5)
    with lab.theme(dark):
        expect(lab.output(1).get_by_role("option", selected=True)).to_have_count(1)
        expect(lab.output(4).get_by_role("row", selected=True)).to_have_count(1)
        found = lab.page.evaluate(CONTRAST)
        jupyter_module.picture(lab.page, f"charts-{'dark' if dark else 'light'}")
    assert len(found) > 80
    assert [(round(ratio, 2), text) for ratio, text in found if ratio < 4.5] == []


def test_updates_are_drawn_and_small(lab):
    """25 categories of 8 stores: each time that the trait is set in Python, the page has new bars."""
    lab.execute(MANY + "bars.put(series=eight, rows=many())")
    expect(lab.output(1).get_by_role("option")).to_have_count(25)
    size = 0
    for i in range(5):
        told = lab.execute(
            f"bars.rows = many('round {i}')\n"
            "import json; print(len(json.dumps(bars.rows).encode()))"
        )
        size = max(size, int(told))
        expect(lab.output(1).get_by_text(f"round {i}", exact=True)).to_have_count(25)
    lab.execute("bars.put(series=SERIES, rows=rows())")
    assert size < 10_000


# ------------------------------------------------------------------------ other places
@pytest.mark.parametrize("face", ["notebook", "voila"])
def test_charts_elsewhere(jupyter, face):
    """Notebook 7 and Voila draw all of them, and a click reaches Python."""
    cells = (SETUP, BARS, TABLE, CURVE, MATRIX, CODE, OTHERS)
    if face == "voila":
        page = jupyter.voila(*cells)
    else:
        notebook = jupyter.notebook(*cells)
        notebook.run_all()
        page = notebook.page
    page.set_viewport_size({"width": 1000, "height": 1800})
    expect(page.locator(".mv")).to_have_count(8)
    page.get_by_role("option", name="B cells").first.click()
    expect(page.locator(".widget-label").first).to_have_text("selected=1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator(".widget-label").first).to_have_text("selected=1,2")
    page.get_by_role("button", name="cells", exact=True).click()
    expect(page.locator("tbody tr").first).to_contain_text("pbmc68k")
    assert [(text, ratio) for ratio, text in page.evaluate(CONTRAST) if ratio < 4.5] == []
    jupyter.picture(page, f"charts-{face}")


def test_without_jupyters_colours_the_system_decides(jupyter):
    """A dark system, and a page that knows no theme."""
    page = jupyter.voila(SETUP, BARS, TABLE, CODE)
    page.emulate_media(color_scheme="dark")
    expect(page.locator(".mv")).to_have_count(3)
    assert page.locator(".mv-system").count() == 0
    # As it would be drawn there: the names of Jupyter's colours mean nothing.
    page.evaluate(
        """() => {
            document.documentElement.style.colorScheme = "light dark";
            for (const chart of document.querySelectorAll(".mv")) {
                chart.classList.add("mv-system");
                for (const name of ["--jp-ui-font-color1", "--jp-layout-color0", "--jp-brand-color1"])
                    chart.style.setProperty(name, "initial");
                chart.style.background = "Canvas";
            }
        }"""
    )
    found = page.evaluate(CONTRAST)
    assert [(text, ratio) for ratio, text in found if ratio < 4.5] == []
    jupyter.picture(page, "charts-system-dark")


GUARDED = """
dropdown = widgets.Dropdown(options=["alpha", "beta", "delta", "yankee"], description="key")
select = widgets.Select(options=["alpha", "beta", "delta"], description="labels")
radio = widgets.RadioButtons(options=["inner", "outer"], description="join")
text = widgets.Text(description="search")
button = widgets.Button(description="Apply")
widgets.VBox([widgets.HBox([dropdown, select]), radio, text, button, KeyGuard()])
"""


@pytest.mark.parametrize("face", ["lab", "notebook"])
def test_keys_stay_in_the_box(jupyter, face):
    """Commands of the notebook are single letters: none runs while a control has the focus."""
    notebook = jupyter.open(face, SETUP, "kept = 1", GUARDED, "print('after')")
    notebook.run_all()
    page, before = notebook.page, notebook.sources()
    controls = {
        "dropdown": page.locator(".widget-dropdown select"),
        "select": page.locator(".widget-select select"),
        "radio": page.get_by_role("radio", name="inner"),
        "text": page.locator(".widget-text input"),
        "button": page.get_by_role("button", name="Apply"),
    }
    for control in controls.values():
        control.focus()
        # delete, raw, markdown, above, below, cut, paste, headings, move, collapse
        page.keyboard.type("ddrmyabxv12")
        for key in ("Escape", "Home", "End", "Shift+M", "ArrowUp", "ArrowDown"):
            page.keyboard.press(key)
        expect(control).to_be_focused() if control is not controls["radio"] else None
        assert notebook.sources() == before
    # And they do what they are for.
    controls["text"].fill("CD4")
    controls["dropdown"].focus()
    page.keyboard.type("de")
    # What the widgets send may still be on its way.
    for _ in range(100):
        if notebook.execute("print(text.value, dropdown.value)").split() == ["CD4", "delta"]:
            break
        page.wait_for_timeout(50)
    else:
        raise AssertionError(notebook.execute("print(text.value, dropdown.value)"))
    # Outside of the box, the keys are the notebook's again.
    notebook.activate(1)
    page.keyboard.press("b")
    page.wait_for_function(f"{CURRENT}.content.widgets.length === {len(before) + 1}")


HOSTILE = """
NAMES = [
    "<script>window.hacked = 1</script>", "<img src=x onerror='window.hacked = 2'>",
    "</style><svg onload='window.hacked = 3'>", "javascript:window.hacked=4", "שלום עולם", "\\u202egnp.exe",
    "n" * 300, "n" * 299 + "x", r"$\\frac{$", "{{ 7 * 7 }}", "__proto__", "constructor", "", " ", "a\\nb",
]
N = len(NAMES)
line = widgets.Label()
bars = Bars(title=NAMES[1], unit=NAMES[0], series=[{"name": n} for n in NAMES[:4]], selectable="many",
            rows=[{"id": n, "label": n, "values": [1, 2, 3, 4], "text": n, "title": n} for n in NAMES])
table = Table(title=NAMES[1], note=NAMES[1], selectable="many",
              columns=[{"id": n, "label": n, "title": n, "bar": True} for n in NAMES[:4]],
              rows=[{"id": n, "cells": [{"text": n, "title": n, "bar": 0.5}] * 4} for n in NAMES])
matrix = Matrix(title=NAMES[1], columns=[{"id": n, "label": n} for n in NAMES[:5]], selectable="many",
                rows=[{"id": n, "label": n} for n in NAMES], values=[[0.5] * 5] * N, texts=[NAMES[:5]] * N)
curve = Curve(title=NAMES[1], xlabel=NAMES[0], ylabel=NAMES[1], points=[[1, 2], [2, 1]], selectable="one")
code = Code(title=NAMES[1], text="\\n".join(NAMES))
bars.observe(lambda change: setattr(line, "value", str([NAMES.index(n) for n in change.new])), "selected")
widgets.VBox([bars, line, table, matrix, curve, code])
"""


def test_no_name_runs_as_a_script(jupyter):
    """Names straight from a file, none of them made harmless before."""
    notebook = jupyter.lab(SETUP, HOSTILE)
    page = notebook.page
    page.set_viewport_size({"width": 1000, "height": 2600})
    notebook.run_all()
    area = notebook.output(1)
    option = area.get_by_role("option")
    expect(option).to_have_count(15)
    for i in range(15):
        option.nth(i).click()  # the tooltip shows them too
        expect(area.locator(".mv-tip").first).to_be_visible()
    expect(area.locator(".widget-label")).to_have_text(str(list(range(15))))
    for chart in (
        area.locator("tbody td").nth(1),
        area.locator(".mv-cell").nth(1),
        area.get_by_role("slider"),
    ):
        chart.hover()
    area.get_by_role("button", name="<script>").click()
    expect(area.locator("th[aria-sort=ascending]")).to_have_count(1)
    assert area.locator(".mv :is(script, img, iframe, object, a, link, style)").count() == 0
    assert page.evaluate("window.hacked") is None
    # A name stays in its own line and column.
    heights = area.locator(".mv-bars .mv-row").evaluate_all(
        "rows => rows.map((row) => row.offsetHeight)"
    )
    assert max(heights) == min(heights)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
