"""HTML that says what the tables say, in which nothing from a file is markup."""

from __future__ import annotations

import base64
import os
import re
import stat
import time
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from mappedviz import MappedCollection, RowBatch
from mappedviz.audits.tables.stores import Coverage
from mappedviz.errors import RecipeError
from mappedviz.report import markup, report
from mappedviz.text import display as texts
from mappedviz.text import files
from tests.hostile import (
    HOSTILE,
    coverage_table,
    crossed,
    depths,
    label_counts,
    schema_table,
    some_recipe,
    stores_table,
    weight_table,
)

STORES = [f"store_{i}.h5ad" for i in range(8)]
CLASSES = [f"class {i}" for i in range(40)]
# What JupyterLab leaves of the HTML of a notebook that is not trusted.
KEPT_TAGS = {
    "div",
    "span",
    "b",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "details",
    "summary",
    "pre",
    "ul",
    "li",
    "figure",
    "picture",
    "source",
    "img",
}
KEPT_ATTRIBUTES = {"style", "title", "open", "id", "src", "srcset", "media", "alt"}


def a_finding(severity="warning", message="Two spellings.", **others):
    values = {
        "id": "spelling",
        "severity": severity,
        "message": message,
        "stores": ("a.h5ad",),
        "number": 2,
        "remedy": "Relabel one.",
        "code": "recipe.replace(\n    relabel={},\n)",
        "fix": None,
    }
    return SimpleNamespace(**{**values, **others})


def an_audit(names=STORES, classes=CLASSES, findings=None, keyed=True):
    labels, weights = label_counts(names, classes), weight_table(classes)

    def of_key(table):
        def get(key=None):
            if not keyed:
                raise RecipeError("is not given", key="label", remedy="Name a key.")
            return table

        return get

    return SimpleNamespace(
        stores=stores_table(names, broken=1),
        coverage=coverage_table(names),
        labels=of_key(labels),
        weights=of_key(weights),
        obs_schema=schema_table(names),
        library_sizes=lambda: depths(names),
        batch=None,
        label="cell_type",
        findings=[a_finding("fatal"), a_finding()] if findings is None else findings,
        not_applicable=[SimpleNamespace(id="leak", message="There is no group key.")],
        fatal=True,
        verdict="Training would fail.",
        recipe=some_recipe(),
    )


@pytest.fixture(scope="module")
def hostile():
    findings = [
        a_finding("error", f"Label {name!r}, {name}", stores=(name,), remedy=name, code=name)
        for name in HOSTILE
    ]
    return an_audit(HOSTILE, [*HOSTILE, *CLASSES], findings)


class Reader(HTMLParser):
    """Tags, attributes and texts; and whether every tag is closed."""

    VOID = ("img", "source", "meta", "br")

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.texts, self.open = [], [], [], []
        self.tables = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.extend((tag, *pair) for pair in attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data

    @property
    def text(self):
        return "".join(self.texts)


# --- in a notebook


def test_findings_come_first_then_the_views():
    html = report.audit_html(an_audit())
    words = ["Training would fail.", "fatal", "Shapes", "Genes", "Labels", "Weighted sampling"]
    places = [html.index(word) for word in [*words, "Columns of obs", "Recipe"]]
    assert places == sorted(places)
    text = Reader(html).text
    assert "→ Relabel one." in text
    assert "recipe.replace(\n    relabel={},\n)" in text
    assert "leak: There is no group key." in text
    assert "8 stores" in text
    assert "findings: 1 fatal, 1 warning" in text


def test_tables_have_the_numbers_of_the_audit():
    audit = an_audit()
    shapes, genes, patterns, what_if, labels, schemes, weights, depth, schema = Reader(
        report.audit_html(audit)
    ).tables
    assert [row[0] for row in shapes[1:]] == STORES
    assert [row[2] for row in shapes[2:]] == [f"{n:,}" for n in audit.stores["n_obs"][1:]]
    assert shapes[1][2] == "–"
    assert "is an HTML page" in shapes[1][1]
    assert [row[2] for row in genes[1:]] == [str(audit.coverage.inner)] * 8
    assert patterns[1] == ["all 8 stores", str(audit.coverage.inner)]
    assert len(what_if) == 3
    assert [row[0] for row in labels[-3:]] == [
        "other (15 more)",
        "(missing)",
        "(no such column)",
    ]
    total = sum(int(row[1].replace(",", "")) for row in labels[1:])
    assert total == audit.labels().n_rows
    assert [row[0] for row in schemes[1:]][1] == "inverse: 1/n (as asked for)"
    assert len(weights) == 26
    assert [row[3] for row in depth[1:]] == ["50"] * 8
    assert schema[1] == ["cell_type", "8 of 8", "category(12)", "0.5 %"]
    assert schema[-1][:2] == ["donor", "4 of 8"]


def test_an_untrusted_notebook_shows_all_of_it(hostile):
    for audit in (an_audit(), hostile):
        reader = Reader(report.audit_html(audit))
        assert set(reader.tags) <= KEPT_TAGS
        assert {name for _, name, _ in reader.attributes} <= KEPT_ATTRIBUTES


def test_no_name_is_markup(hostile):
    html = report.audit_html(hostile)
    plain = Reader(report.audit_html(an_audit(HOSTILE, [*HOSTILE, *CLASSES], hostile.findings)))
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


def test_hostile_names_are_told_apart(hostile):
    shapes, *_ = Reader(report.audit_html(hostile)).tables
    stores = [row[0] for row in shapes[1:]]
    assert len(set(stores)) == len(HOSTILE)
    assert all(0 < len(name) < 60 for name in stores)


def test_escape_makes_text():
    assert markup.escape("<b>&\x1b\n'\"") == "&lt;b&gt;&amp;\\x1b\\n&#39;&#34;"


def test_without_a_key_there_are_no_labels_and_no_weights():
    html = report.audit_html(an_audit(keyed=False))
    assert "Weighted sampling" not in html
    assert len(Reader(html).tables) == 6
    assert report.figures_of(an_audit(keyed=False)).keys() == {"coverage", "depth"}


def test_no_store_can_be_read():
    audit = an_audit()
    audit.stores = stores_table(["a"], broken=1)
    audit.coverage = Coverage.of({})
    audit.obs_schema = pd.DataFrame(
        columns=pd.MultiIndex.from_tuples([], names=["store", "what"]), index=pd.Index([])
    )
    audit.findings, audit.not_applicable = [], []
    audit.library_sizes = lambda: depths([])
    text = Reader(report.audit_html(audit)).text
    assert "1 store" in text
    assert "findings: none" in text
    assert "Columns of obs" not in text


def test_many_findings_are_folded():
    audit = an_audit(findings=[a_finding(message=f"Finding {i}.") for i in range(50)])
    html = report.audit_html(audit)
    assert "20 more" in html
    assert "Finding 49." in html


def test_size_and_time_for_a_hundred_stores():
    audit = an_audit([f"study_of_something_{i}/{'long' * 10}_{i % 7}.h5ad" for i in range(100)])
    report.audit_html(audit)  # imports, the template
    spent = []
    for _ in range(5):
        start = time.thread_time()  # what others do on this machine is no part of it
        html = report.audit_html(audit)
        spent.append(time.thread_time() - start)
    assert len(html.encode()) < 150_000
    assert min(spent) < 0.15
    assert "The 50 of 100 stores that cost the inner join most" in html
    beyond = report.audit_html(an_audit([f"s{i}" for i in range(300)]))
    assert len(beyond.encode()) < 150_000
    assert "The first 100 of 300 stores; audit.stores has all." in beyond


# --- as a page


@pytest.fixture(scope="module")
def page(hostile):
    return report.page_html(hostile)


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
    assert len(pictures) == 7
    for picture in pictures:
        data = re.findall(r"data:image/(?:svg\+xml|png);base64,([A-Za-z0-9+/=]+)", picture)
        light, dark = (base64.b64decode(one) for one in data)
        assert light != dark
        assert "screen and (prefers-color-scheme: dark)" in picture
        assert 'alt="' in picture


def test_page_prints(page):
    assert "@media print" in page
    assert "details::details-content" in page  # folded tables are printed too


def test_batches_of_the_audit_are_drawn():
    audit = an_audit()
    audit.batch = "donor"
    asked = []

    def crosstab(label, batch):
        asked.append((label, batch))
        return crossed(["d1", "d2"], CLASSES)

    audit.crosstab = crosstab
    report.figures_of(audit)
    assert asked == [("cell_type", "donor")]

    def refuses(label, batch):
        raise RecipeError("is not there", key=batch, remedy="Name another.")

    audit.crosstab = refuses
    assert len(report.figures_of(audit)["labels"]) == 2


def test_large_figures_become_png():
    from mappedviz import plots

    ax = plots.plot_weights(weight_table())
    assert report.data_uri(ax).startswith("data:image/svg+xml;base64,")
    assert report.data_uri(ax, most=10).startswith("data:image/png;base64,")


# --- the file


def test_file_is_written(tmp_path):
    target = tmp_path / "audit.html"
    assert report.write_html(an_audit(), target, figures={}) == target
    text = target.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert text.rstrip().endswith("</html>")
    assert list(tmp_path.iterdir()) == [target]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~mask


def test_file_keeps_its_permissions(tmp_path):
    target = tmp_path / "audit.html"
    target.write_text("old")
    target.chmod(0o640)
    files.write_text(target, "new")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


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
        report.write_html(an_audit(), target, figures={})
    monkeypatch.undo()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_no_such_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.write_text(tmp_path / "nowhere" / "audit.html", "new")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_device(tmp_path):
    """The temporary file lies beside the target; a device in its place is replaced by no file."""
    with pytest.raises(OSError):  # noqa: PT011 - a folder that takes no files: EACCES, EROFS …
        files.write_text("/proc/audit.html", "new")


# --- collections and batches


@pytest.fixture(scope="module")
def collection(demo_data):
    return MappedCollection(
        [demo_data / "10x_pbmc68k_reduced.h5ad", demo_data / "pbmc5k_small_cd4_vs_cd8.h5ad"],
        obs_keys="cell_type",
        obs_alias={"cell_type": ["cell_type", "bulk_labels"]},
    )


def test_collection(collection):
    html = collection._repr_html_()
    assert html == report.collection_html(collection)
    reader = Reader(html)
    assert set(reader.tags) <= KEPT_TAGS
    stores, labels = reader.tables
    assert [row[0] for row in stores[1:]] == [store.name for store in collection.stores]
    assert stores[1][1:4] == ["700", "765", "X: dense float32 gzip(4)"]
    assert [row[1] for row in labels[1:]] == list(collection.encoders["cell_type"])
    assert "1,200 cells" in reader.text
    assert repr(collection.recipe) in reader.text


def test_collection_without_join_and_labels(demo_data):
    ds = MappedCollection(demo_data / "10x_pbmc68k_reduced.h5ad", join=None)
    text = Reader(report.collection_html(ds)).text
    assert "MappedCollection of 1 store: 700 cells × each its own genes" in text


def test_batch(collection):
    batch = collection[[0, 5, 1100]]
    reader = Reader(batch._repr_html_())
    assert set(reader.tags) <= KEPT_TAGS
    (columns,) = reader.tables
    assert [row[0] for row in columns[1:]] == batch.keys()
    assert "RowBatch of 3 rows" in reader.text
    by_key = {row[0]: row[1:] for row in columns[1:]}
    assert by_key["cell_type"][0] == "int64"
    assert by_key["X"][1] == f"3 × {batch['X'].shape[1]:,}"


def test_batch_of_every_kind_of_column():
    batch = RowBatch(
        {
            "X": sp.csr_matrix(np.eye(3)),
            "dense": np.zeros((3, 2)),
            "ragged": [np.zeros(2), np.zeros(5), np.zeros(3)],
            "labels": np.array(["<b>", None, ""], dtype=object),
            "empty": np.zeros((3, 0)),
            "many": np.arange(3),
        },
        3,
    )
    (columns,) = Reader(report.batch_html(batch)).tables
    values = {row[0]: row[1:] for row in columns[1:]}
    assert values["X"] == ["csr float64", "3 × 3", "3 stored values"]
    assert values["dense"][2] == "0 % not 0, 0 … 0"
    assert values["ragged"] == ["arrays of different widths", "3 × …", "widths 2 … 5"]
    assert values["labels"][2] == "<b>, (missing), (empty)"
    assert values["empty"][2] == ""
    none = RowBatch({"ragged": [], "long": np.arange(0)}, 0)
    assert "RowBatch of 0 rows" in report.batch_html(none)


# --- csv


def test_csv_has_no_formulas_and_one_line_a_row():
    frame = pd.DataFrame(
        {"n": range(len(HOSTILE)), "@x": HOSTILE}, index=pd.Index(HOSTILE, name="label")
    )
    lines = files.csv_text(frame).splitlines()
    assert len(lines) == 1 + len(HOSTILE)
    cells = [cell.strip('"') for line in lines for cell in line.split(",")]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))]
    assert "'@x" in lines[0]


def test_csv_of_lists_and_of_nested_columns():
    nested = pd.DataFrame({("a", "dtype"): ["x"], ("a", "missing"): [0.5]})
    assert files.csv_text(nested) == "a dtype,a missing\nx,0.5\n"
    assert files.csv_text(pd.DataFrame({"layers": [["a", "b"]]})) == 'layers\n"a, b"\n'


# --- texts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "(missing)"),
        (float("nan"), "(missing)"),
        (pd.NA, "(missing)"),
        (pd.NaT, "(missing)"),
        ("nan", "nan"),
        (3, "3"),
        ("  ", "␣␣"),
        ("\U000e0041", "\\U000e0041"),
        ("a\u200db", "a\u200db"),
    ],
)
def test_shown(value, text):
    assert texts.shown(value) == text


def test_names_that_collide_with_numbered_ones():
    several = texts.names(["x" * 99 + "a" * 9, "x" * 99 + "b" * 9, "xxxxx…aaaa (2)"], limit=10)
    assert len(set(several)) == 3
    same = texts.names(["aa (2)", "aa", "aa"])
    assert len(set(same)) == 3


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_cut_to_almost_nothing(limit):
    assert len(texts.cut("abcdef", limit)) == limit


def test_small_and_large_numbers():
    assert texts.share(1e-9) == "< 0.0001 %"
    assert texts.size(3e15) == "3,000 TB"
    assert texts.size(float("nan")) == "–"
