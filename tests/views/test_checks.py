"""The findings and the buttons that put them right."""

import pytest

import mappedviz as mv
from tests.views.looks import DEMO, cells, node, settled, write


def test_findings_and_their_fixes(ui):
    ui.tab = "checks"
    shown = set()
    for row in node(ui, "grid")["rows"]:
        ui.checks.event("grid", "selected", [row["id"]])
        shown.update(cells(ui, 0, "members") or [node(ui, "what")["text"]])
    assert shown == {one.message for one in ui.audit.findings}
    (one,) = (r["id"] for r in node(ui, "grid")["rows"] if r["id"].startswith("join-one-store "))
    ui.checks.event("grid", "selected", [one])
    assert ui.checks.finding.id == "join-one-store"
    assert ui.session.stores == (DEMO[0],)
    assert node(ui, "change")["text"] == ui.checks.finding.code
    assert ui.checks.copied("code", "change") == ui.checks.finding.code
    ui.checks.event("apply", "press")
    assert len(settled(ui).paths) == 4
    assert ui.checks.selected == -1
    tabs = {tab["title"]: tab for tab in ui.flat()["page"]["tabs"]}
    assert int(tabs["Checks"]["badge"]) < 10


def test_what_is_found_several_times_is_one_row(tmp_path):
    good = write(tmp_path, "good", {"k": ["x", "y"] * 3})
    for i in range(5):
        (tmp_path / f"bad{i}.h5ad").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 64)
    bad = sorted(str(path) for path in tmp_path.glob("bad*"))
    ui = mv.explore([good, *bad], label="k", workers=0)
    assert ui.wait()
    ui.tab = "checks"
    row = node(ui, "grid")["rows"][0]
    assert [one["text"] for one in row["cells"][:2]] == ["✕ fatal", "yes"]
    assert row["cells"][2]["text"].startswith("bad0.h5ad: ")
    assert row["cells"][2]["text"].endswith("(and 4 more)")
    assert ui.flat()["status"]["mood"] == "error"
    assert str(tmp_path) not in ui.flat()["status"]["text"]
    ui.event("checks.grid", "selected", [row["id"]])
    assert len(node(ui, "members")["rows"]) == 5
    assert node(ui, "members")["selected"] == [node(ui, "members")["rows"][0]["id"]]
    last = node(ui, "members")["rows"][-1]
    ui.event("checks.members", "selected", [last["id"]])
    assert ui.checks.finding.stores == ("bad4.h5ad",)
    assert node(ui, "apply")["text"] == "Leave all 5 out"
    assert node(ui, "apply_all") == {}  # it is the same
    ui.event("checks.apply", "press")
    assert ui.wait()
    assert not ui.audit.fatal
    assert len(ui.recipe.paths) == 1
    with pytest.raises(KeyError):
        ui.checks.select("nothing-of-this-name")


def test_show_me_opens_the_tab(ui):
    ui.tab = "checks"
    ui.checks.select("join-one-store")
    assert node(ui, "show_me")["text"] == "Show me in Genes"
    ui.event("checks.show_me", "press")
    assert ui.tab == "coverage"
    alone = mv.ChecksView(ui.session)
    alone.select("join-one-store")
    assert node(alone, "show_me") == {}
    alone.close()


def test_all_fixes_of_a_check_at_once(ui):
    """Findings of one check with fixes that differ: each alone, or all together."""
    from dataclasses import replace

    one = next(each for each in ui.audit.findings if each.id == "join-one-store")
    paths = ui.recipe.paths
    some = [
        replace(
            one,
            id="tried",
            change={"drop": [path]},
            fix=ui.recipe.replace(paths=[other for other in paths if other != path]),
        )
        for path in paths[:2]
    ]
    audit = mv.Audit(ui.audit._tables, some, [], [])
    ui = mv.explore(audit)
    ui.checks.select("tried")
    assert node(ui.checks, "apply")["text"] == "Apply this fix"
    assert node(ui.checks, "apply_all")["text"] == "Leave all 2 out"
    ui.checks.event("apply_all", "press")
    assert ui.recipe.paths == paths[2:]
    assert ui.wait()
