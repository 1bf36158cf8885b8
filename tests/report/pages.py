"""An audit without files, and what its HTML says."""

from __future__ import annotations

from html.parser import HTMLParser
from types import SimpleNamespace

from mappedviz.errors import RecipeError
from tests.hostile import (
    coverage_table,
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
        group=None,
        label="cell_type",
        findings=[a_finding("fatal"), a_finding()] if findings is None else findings,
        not_applicable=[SimpleNamespace(id="leak", message="There is no group key.")],
        fatal=True,
        verdict="Training would fail.",
        recipe=some_recipe(),
    )


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
