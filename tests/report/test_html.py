"""HTML in which nothing from a file is markup, in notebooks and as a page."""

from __future__ import annotations

import base64
import os
import re
import stat

import jinja2
import pytest

from mappedviz.report import html
from mappedviz.report.html import audit_html, escape, fragment, page_html, write_html
from mappedviz.report.values import Content
from tests.hostile import HOSTILE
from tests.report.pages import (
    CLASSES,
    KEPT_ATTRIBUTES,
    KEPT_TAGS,
    Reader,
    a_finding,
    an_audit,
)


def test_findings_come_first_then_the_views():
    html = audit_html(an_audit())
    words = ["Training would fail.", "fatal", "Shapes", "Genes", "Labels", "Weighted sampling"]
    places = [html.index(word) for word in [*words, "Columns of obs", "Recipe"]]
    assert places == sorted(places)
    text = Reader(html).text
    assert "→ Relabel one." in text
    assert "recipe.replace(\n    relabel={},\n)" in text
    assert "leak: There is no group key." in text
    assert "8 stores" in text
    assert "findings: 1 fatal, 1 warning" in text


def test_an_untrusted_notebook_shows_all_of_it(hostile):
    for audit in (an_audit(), hostile):
        reader = Reader(audit_html(audit))
        assert set(reader.tags) <= KEPT_TAGS
        assert {name for _, name, _ in reader.attributes} <= KEPT_ATTRIBUTES


def test_no_name_is_markup(hostile):
    html = audit_html(hostile)
    plain = Reader(audit_html(an_audit(HOSTILE, [*HOSTILE, *CLASSES], hostile.findings)))
    assert "<script" not in html
    assert "<img" not in html
    assert "{{ 7*7 }}" in plain.text
    assert "49" not in plain.tables[0][3][0]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", html)
    html.encode("utf-8")  # no lone surrogates
    # Declarations are made of our own words only.
    for tag, name, value in plain.attributes:
        if name == "style":
            assert re.fullmatch(r"[\w\s:;#%.,()/-]*", value), (tag, value)


def test_templates_are_compiled_once_and_escape_everything():
    environment = html._environment()
    assert environment is html._environment()
    assert environment.autoescape is True
    names = environment.list_templates(extensions=["j2"])
    assert names == ["fragment.html.j2", "macros.html.j2", "page.html.j2"]
    source = "".join(environment.loader.get_source(environment, name)[0] for name in names)
    assert not re.search(r"\|\s*safe", source)
    assert "autoescape" not in source


def test_a_misspelled_name_in_a_template_is_an_error():
    with pytest.raises(jinja2.UndefinedError):
        html._environment().from_string("{{ verdct }}").render(verdict="fine")


def test_what_is_empty_is_left_out():
    reader = Reader(fragment(Content(verdict="Fine.")))
    assert reader.text.split() == ["Fine."]
    assert set(reader.tags) == {"div"}


def test_escape_makes_text():
    assert escape("<b>&\x1b\n'\"") == "&lt;b&gt;&amp;\\x1b\\n&#39;&#34;"


def test_many_findings_are_folded():
    audit = an_audit(findings=[a_finding(message=f"Finding {i}.") for i in range(50)])
    html = audit_html(audit)
    assert "20 more" in html
    assert "Finding 49." in html
    most = audit_html(an_audit(findings=[a_finding(message=f"Finding {i}.") for i in range(90)]))
    assert "60 more" in most
    assert "and 40 others; audit.findings has all." in most
    assert "Finding 50." not in most


def test_size_for_a_hundred_stores():
    html = audit_html(
        an_audit([f"study_of_something_{i}/{'long' * 10}_{i % 7}.h5ad" for i in range(100)])
    )
    assert len(html.encode()) < 150_000
    assert "The 30 of 100 stores that cost the inner join most" in html
    beyond = audit_html(an_audit([f"s{i}" for i in range(300)]))
    assert len(beyond.encode()) < 150_000
    assert "The first 60 of 300 stores; audit.stores has all." in beyond


@pytest.fixture(scope="module")
def page(hostile):
    return page_html(hostile)


def test_page_is_self_contained_and_without_scripts(page):
    reader = Reader(page.removeprefix("<!DOCTYPE html>"))
    assert "script" not in reader.tags
    assert "link" not in reader.tags
    addresses = [value for _, name, value in reader.attributes if name in ("src", "srcset")]
    assert addresses
    assert all(value.startswith("data:image/") for value in addresses)
    links = [value for _, name, value in reader.attributes if name == "href"]
    assert all(value.startswith("#") for value in links)
    assert "http" not in re.sub(r"http-equiv", "", page)
    assert not [name for _, name, _ in reader.attributes if name.startswith("on")]


def test_page_has_every_figure_for_light_and_dark_paper(page):
    pictures = re.findall(r"<picture>.*?</picture>", page)
    assert len(pictures) == 6
    for picture in pictures:
        data = re.findall(r"data:image/(?:svg\+xml|png);base64,([A-Za-z0-9+/=]+)", picture)
        light, dark = (base64.b64decode(one) for one in data)
        assert light != dark
        assert "screen and (prefers-color-scheme: dark)" in picture
        assert 'alt="' in picture


def test_page_prints(page):
    assert "@media print" in page
    assert "details::details-content" in page  # folded tables are printed too


def test_file_is_written(tmp_path):
    target = tmp_path / "audit.html"
    assert write_html(an_audit(), target, figures={}) == target
    text = target.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert text.rstrip().endswith("</html>")
    assert list(tmp_path.iterdir()) == [target]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("fails", ["write", "fsync", "replace"])
def test_the_old_file_stays_if_the_new_one_cannot_be_written(tmp_path, monkeypatch, fails):
    target = tmp_path / "audit.html"
    target.write_text("old")

    def no_space(*args, **kwargs):
        raise OSError(28, "No space left on device")

    if fails == "write":
        monkeypatch.setattr("mappedviz.text.files.open", no_space, raising=False)
    elif fails == "fsync":
        monkeypatch.setattr(os, "fsync", no_space)
    else:
        monkeypatch.setattr("pathlib.Path.replace", no_space)
    with pytest.raises(OSError, match="No space left"):
        write_html(an_audit(), target, figures={})
    monkeypatch.undo()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
