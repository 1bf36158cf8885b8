"""A finished copy as plain values."""

import mappedviz as mv
from mappedviz.copies.manifests import Done
from mappedviz.copies.result import Copy
from mappedviz.report.sections.copies import copy_content
from tests.hostile import HOSTILE


def test_stores_and_their_sizes():
    shards = (
        Done("/c/a.zarr", 500, 70_000, 1.25, "d"),
        Done("/c/b.zarr", 6, 800, 1, "e", again=True),
    )
    content = copy_content(Copy("/c", shards, mv.Recipe(), 300_000, 2.5))
    assert content.verdict == "Copy of 2 stores: 506 cells"
    assert content.summary == "71 kB of 300 kB in /c, 2.5 s"
    [table] = content.sections[0].tables
    assert [cell.text for cell in table.rows[0]] == ["a.zarr", "500", "70 kB", "1.2 s"]
    assert table.rows[1][-1].text == "before"


def test_hostile_names_are_text():
    shards = tuple(Done(f"/c/{name}.zarr", 1, 1, 1.0, "d") for name in HOSTILE)
    html = Copy(f"/{HOSTILE[0]}", shards, mv.Recipe(), 1, 1.0)._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
