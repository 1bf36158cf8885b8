"""The findings and the buttons that put them right."""

from tests.views.looks import DEMO, settled


def test_findings_and_their_fixes(ui):
    ui.tab = "checks"
    assert [row["cells"][2]["text"] for row in ui.checks.grid.rows] == [
        one.message for one in ui.audit.findings
    ]
    i = next(i for i, one in enumerate(ui.audit.findings) if one.id == "join-one-store")
    ui.checks.grid.selected = [ui.checks.grid.rows[i]["id"]]
    assert ui.checks.finding.id == "join-one-store"
    assert ui.session.stores == (DEMO[0],)
    assert ui.checks.change.text == ui.checks.finding.code
    ui.checks.fix.click()
    assert len(settled(ui).paths) == 4
    assert ui.checks.selected == -1
    assert ui.tabs.titles[4].startswith("Checks (")
