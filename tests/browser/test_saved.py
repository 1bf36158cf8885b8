"""What a notebook saves beside a widget, and that nobody who works with it notices how it gets there."""

from __future__ import annotations

import json
import re
import time
from html import escape

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.jupyter import CURRENT
from tests.browser.test_explorer import OPEN, button, spelled, tab  # noqa: F401

ACTIVE = "document.activeElement?.closest('[data-node]')?.dataset.node ?? null"
SAVE = "window.jupyterapp.commands.execute('docmanager:save')"


def html_of(jupyter, name: str) -> str:
    """The HTML of the first output in the file."""
    (output,) = json.loads((jupyter.server.root / name).read_text())["cells"][0]["outputs"]
    return "".join(output["data"]["text/html"])


def until_saved(notebook, jupyter, said: str) -> str:
    """Wait until the notebook in the browser holds a text; the HTML that is then saved."""
    said = escape(said).replace("&#x27;", "&#39;")
    notebook.page.wait_for_function(
        f"""(said) => JSON.stringify({CURRENT}.content.model.toJSON().cells[0].outputs).includes(said)""",
        arg=said,
    )
    notebook.page.evaluate(SAVE)
    html = html_of(jupyter, jupyter._written[-1])
    assert said in html
    return html


def mark(page) -> None:
    page.evaluate("document.querySelector('.mv').same = true")


def is_marked(page) -> bool:
    """True if what is drawn was not drawn again."""
    return page.evaluate(
        "(all => all.length === 1 && all[0].same === true)([...document.querySelectorAll('.mv')])"
    )


@pytest.mark.parametrize("face", ["lab", "notebook"])
def test_a_saved_notebook_holds_the_present_state(jupyter, spelled, face):  # noqa: F811
    """A decision by mouse; the notebook is saved; the widget is the one that was drawn first."""
    notebook = jupyter.open(face, OPEN.format(paths=spelled, label="donor"))
    page = notebook.page
    notebook.run_all()
    tab(page, "Genes")
    mark(page)
    page.get_by_role("radio", name="In any (outer)").check()
    page.mouse.move(5, 5)
    until_saved(notebook, jupyter, "join='outer'")
    # The same tab, the same elements, the focus where it was.
    assert is_marked(page)
    expect(page.get_by_role("tab", name="Genes")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("radio", name="In any (outer)")).to_be_focused()
    # And it is still alive.
    page.get_by_role("radio", name="In all (inner)").check()
    deadline = time.monotonic() + 30
    while notebook.execute("print(ui.recipe.join)").split() != ["inner"]:
        assert time.monotonic() < deadline, "the decision was lost"
    notebook.execute("ui.recipe = ui.recipe.replace(join='outer', dtype='float16')")
    page.mouse.move(6, 6)
    until_saved(notebook, jupyter, "float16")
    assert is_marked(page)
    notebook.execute("ui.close()")
    expect(page.locator(".mv")).to_have_count(0)


def test_nothing_moves_while_somebody_types(jupyter, spelled):  # noqa: F811
    """No output is updated while a text has the focus; once it has left, the file is up to date."""
    notebook = jupyter.lab(OPEN.format(paths=spelled, label="donor"))
    page = notebook.page
    notebook.run_all()
    tab(page, "Labels")
    mark(page)
    page.get_by_label("Label", exact=True).select_option(label="kind")
    page.locator("[data-node='categories.search'] input").focus()
    page.keyboard.type("NK")
    expect(page.get_by_role("option", name=re.compile("^NK: 24 cells"))).to_be_visible()
    page.wait_for_timeout(2500)  # longer than an output rests
    assert "&#39;kind&#39;" not in json.dumps(notebook.cells()[0]["outputs"])
    assert page.evaluate(ACTIVE) == "categories.search"
    page.get_by_role("tab", name="Labels").click()
    page.mouse.move(5, 5)
    until_saved(notebook, jupyter, "'kind'")
    assert is_marked(page)


def test_the_scroll_stays(jupyter, spelled):  # noqa: F811
    """An output above is drawn again: what is looked at below does not move."""
    rows = "\n".join(f"print({i})" for i in range(60))
    notebook = jupyter.lab(OPEN.format(paths=spelled, label="donor"), rows, "ui.tab = 'coverage'")
    page = notebook.page
    notebook.run_all()
    tab(page, "Genes")
    place = notebook.output(1)
    place.scroll_into_view_if_needed()
    before = place.bounding_box()
    notebook.execute("ui.recipe = ui.recipe.replace(dtype='float16')")
    until_saved(notebook, jupyter, "float16")
    page.wait_for_timeout(1200)
    after = place.bounding_box()
    assert abs(before["y"] - after["y"]) < 2


def test_stores_that_take_long(jupyter, spelled, tmp_path):  # noqa: F811
    """The cell is over before the stores are read: no sentence about progress is saved."""
    code = (
        "import time, mappedviz as mv\n"
        "from mappedviz.views import base, state\n"
        "real = state.audit\n"
        "state.audit = lambda *a, **k: (time.sleep(4), real(*a, **k))[1]\n"
        f"ui = mv.explore({spelled!r}, label='kind', workers=0)\nui"
    )
    notebook = jupyter.lab(code)
    notebook.run_all()
    html = until_saved(notebook, jupyter, "can be trained on")
    assert "still being read" not in html
    assert "a.h5ad" in html


def test_a_kernel_that_restarts(jupyter, spelled):  # noqa: F811
    """What was decided stays on the page and in the file, and is there as HTML when that is opened.

    The file is opened as one that came from elsewhere: in a notebook that JupyterLab trusts, ipywidgets
    puts "model not found" in the place of every widget, whatever else an output holds.
    """
    notebook = jupyter.lab(OPEN.format(paths=spelled, label="donor"))
    page = notebook.page
    page.set_default_timeout(60_000)
    notebook.run_all()
    tab(page, "Genes")
    page.get_by_role("radio", name="In any (outer)").check()
    page.mouse.move(5, 5)
    until_saved(notebook, jupyter, "join='outer'")
    mark(page)
    kernel = f"{CURRENT}.sessionContext.session.kernel"
    page.evaluate(f"{kernel}.restart()")  # what the menu calls once it has asked
    page.wait_for_function(f"{kernel}.status === 'idle'")
    assert notebook.execute("print('ui' in dir())").split() == ["False"]
    assert is_marked(page)
    until_saved(notebook, jupyter, "join='outer'")

    saved = nbformat.read(jupyter.server.root / jupyter._written[-1], 4)
    saved.metadata["from"] = "elsewhere"  # which this server has not signed
    nbformat.write(saved, jupyter.server.root / jupyter.write([]))
    again = jupyter._page()
    again.set_default_timeout(60_000)
    again.goto(jupyter._address("doc/tree", jupyter._written[-1]))
    output = again.locator(".jp-OutputArea-output")
    expect(output.get_by_role("cell", name="a.h5ad").first).to_be_visible(timeout=60_000)
    output.get_by_text("Recipe", exact=True).click()
    expect(output.get_by_text("join='outer'").first).to_be_visible(timeout=60_000)
    expect(output.get_by_text("Error displaying widget")).to_have_count(0)
