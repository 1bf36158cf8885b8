"""What a change does, before it is made."""

import mappedviz as mv
from mappedviz.views.outcome import cells_of, genes_of, outcome_of
from tests.views.looks import node, settled


def test_what_a_fix_changes_is_seen_before_it_is_made(ui):
    ui.tab = "checks"
    (one,) = (r["id"] for r in node(ui, "grid")["rows"] if r["id"].startswith("join-one-store "))
    ui.event("checks.grid", "selected", [one])
    assert ui.checks._work.wait(120)
    items = {item["label"]: item["value"] for item in node(ui, "ahead")["items"]}
    n_genes, n_cells = ui.audit.coverage.inner, int(ui.audit.stores["n_obs"].sum())
    ui.event("checks.apply", "press")
    settled(ui)
    assert items["stores"] == "5 → 4"
    assert "labelled cells" in items
    assert items["genes"] == f"{n_genes:,} → {ui.audit.coverage.inner:,}"
    assert items["cells"] == f"{n_cells:,} → {int(ui.audit.stores['n_obs'].sum()):,}"
    assert node(ui, "ahead") == {}


def test_cells_and_genes_are_those_of_the_collection(paths):
    changes = [
        {},
        {"join": "outer"},
        {"min_stores": 3},
        {"var_names": ["CD4", "LYZ"]},
        {"obs_keys": ["louvain"], "obs_filter": {"louvain": ["B cells", "NK cells"]}},
    ]
    before = mv.audit(paths, progress=False, workers=0)
    for change in changes:
        recipe = before.recipe.replace(**change)
        label = recipe.obs_keys[0] if recipe.obs_keys else None
        after = mv.audit(recipe=recipe, label=label, progress=False, workers=0)
        if not after.fatal:
            assert (cells_of(after), genes_of(after)) == after.collection().shape
        numbers = outcome_of(before, after).numbers
        assert numbers["genes"] == (before.coverage.inner, genes_of(after))
