"""What HTML and terminal show is what the tables say."""

from __future__ import annotations

import pandas as pd

from mappedviz.audits.tables.genes import Coverage
from mappedviz.report.figures import figures_of
from mappedviz.report.html import audit_html
from tests.hostile import depths, stores_table
from tests.report.pages import STORES, Reader, a_finding, an_audit


def test_tables_have_the_numbers_of_the_audit():
    audit = an_audit()
    shapes, genes, patterns, what_if, labels, schemes, weights, depth, schema = Reader(
        audit_html(audit)
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


def test_without_a_key_there_are_no_labels_and_no_weights():
    html = audit_html(an_audit(keyed=False))
    assert "Weighted sampling" not in html
    assert len(Reader(html).tables) == 6
    assert figures_of(an_audit(keyed=False)).keys() == {"coverage", "depth"}


def test_no_store_can_be_read():
    audit = an_audit()
    audit.stores = stores_table(["a"], broken=1)
    audit.coverage = Coverage.of({})
    audit.obs_schema = pd.DataFrame(
        columns=pd.MultiIndex.from_tuples([], names=["store", "what"]), index=pd.Index([])
    )
    audit.findings, audit.not_applicable = [], []
    audit.library_sizes = lambda: depths([])
    text = Reader(audit_html(audit)).text
    assert "1 store" in text
    assert "findings: none" in text
    assert "Columns of obs" not in text


def test_a_fix_of_a_thousand_paths_is_one_line():
    paths = ", ".join(f"'/a/long/folder/store_{i}.h5ad'" for i in range(1000))
    long = a_finding(code=f"recipe = recipe.replace(paths=({paths},))")
    html = audit_html(an_audit(findings=[a_finding(), *[long] * 30]))
    assert "recipe = audit.recipe_with(audit.findings[30])" in Reader(html).text
    assert len(html.encode()) < 150_000


def test_a_recipe_of_a_thousand_paths_says_where_all_of_it_is():
    audit = an_audit()
    audit.recipe = audit.recipe.replace(
        paths=[f"/a/long/folder/store_{i}.h5ad" for i in range(5000)]
    )
    html = audit_html(audit)
    assert len(html.encode()) < 150_000
    assert "it has 5,000 paths; print(audit.recipe) shows all" in html
