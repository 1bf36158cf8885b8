"""The findings and the buttons that put them right."""

import pytest

import mappedviz as mv
from tests.views.looks import DEMO, browser, cells, node, settled, write


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


@pytest.fixture
def spelled(tmp_path):
    """Two stores: one has another name for the label, and spells it in another way; one gene is repeated."""
    genes = ["g1", "g2", "g2", "g3"]
    one = write(tmp_path, "one", {"k": ["T cell"] * 4 + ["B cell"] * 2}, genes=genes)
    two = write(tmp_path, "two", {"k": ["T-cell"] * 3 + ["B cell"] * 3}, genes=genes)
    (tmp_path / "bad.h5ad").write_bytes(b"no store")
    ui = mv.explore([one, two, str(tmp_path / "bad.h5ad")], label="k", workers=0)
    assert ui.wait()
    ui.tab = "checks"
    yield ui
    ui.close()


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_all_safe_fixes_at_once(spelled):
    """They are shown with what they change together, and are one step; no store is left out."""
    ui, before = spelled, spelled.recipe
    safe = {one.id for one in ui.audit.safe_fixes()}
    assert safe == {"duplicate-genes", "label-spelling"}
    sent = browser(ui)
    assert node(ui, "review")["text"] == "Review 2 safe fixes"
    ui.event("checks.review", "press")
    assert ui.checks._work.wait(60)
    assert node(ui, "apply_safe")["text"] == "Apply all 2"
    assert len(node(ui, "members")["rows"]) == 2
    assert "duplicates='sum'" in node(ui, "change")["text"]
    assert node(ui, "after")["text"].startswith("With this change: ")
    sent.clear()
    ui.event("checks.apply_safe", "press")
    (toast,) = (message["toast"]["text"] for message in sent if "toast" in message)
    assert "duplicates" in toast
    assert "relabel" in toast
    assert ui.wait()
    assert ui.recipe.paths == before.paths
    assert ui.recipe.duplicates == "sum"
    assert not ui.audit.safe_fixes()
    assert not ui.checks.reviewing
    assert node(ui, "review") == {}
    ui.event("status.undo", "press")
    assert ui.recipe == before
    assert any(m.get("toast", {}).get("text", "").startswith("Undone: ") for m in sent)


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_a_finding_ends_the_review(spelled):
    spelled.checks.review()
    assert spelled.checks.reviewing
    spelled.checks.select("unreadable-store")
    assert not spelled.checks.reviewing
    assert node(spelled, "apply_safe") == {}
    spelled.checks.review()
    assert spelled.checks.selected == -1
    spelled.checks.review()
    assert node(spelled, "detail") == {}
