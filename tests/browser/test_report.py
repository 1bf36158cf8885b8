"""The page of an audit on paper and on a phone: nothing is cut, and figures can be read."""

from __future__ import annotations

import pytest

from mappedviz.report.html import write_html
from tests.hostile import HOSTILE
from tests.report.pages import CLASSES, a_finding, an_audit

A4 = 703  # pixels between margins of 12 mm
PHONE = 390
_CUT = """() => [...document.querySelectorAll("main *")].filter((one) => {
    const room = one.getBoundingClientRect().right;
    return one.checkVisibility() && room > document.documentElement.clientWidth + 1;
}).map((one) => `${one.tagName} ${one.textContent.slice(0, 60)}`)"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    hostile = [name for name in HOSTILE if name.strip()]
    findings = [a_finding("error", f"Label {name!r}", code=name) for name in hostile]
    audit = an_audit([*hostile, "store_1.h5ad"], [*hostile, *CLASSES], findings)
    path = write_html(audit, tmp_path_factory.mktemp("page") / "audit.html")
    return path.as_uri()


def test_paper_shows_every_column(profile, address):
    page = profile.new_page()
    page.set_viewport_size({"width": A4, "height": 1000})
    page.emulate_media(media="print")
    page.goto(address)
    heads = page.locator("th")
    assert heads.count() == page.locator("th:visible").count() > 30
    assert page.evaluate(_CUT) == []
    # Headings stay whole words.
    lines = page.evaluate(
        """() => [...document.querySelectorAll("th")].map((one) => one.getClientRects().length)"""
    )
    assert set(lines) == {1}
    page.close()


def test_a_phone_shows_figures_whose_text_can_be_read(profile, address):
    page = profile.new_page()
    page.set_viewport_size({"width": PHONE, "height": 844})
    page.goto(address)
    assert (
        page.evaluate("document.documentElement.scrollWidth") == PHONE
    )  # tables scroll, not the page
    shrunk = page.evaluate(
        """() => [...document.querySelectorAll("figure img")].map((one) => one.width / one.getAttribute("width"))"""
    )
    assert len(shrunk) >= 6
    assert min(shrunk) >= 0.75
    page.close()
