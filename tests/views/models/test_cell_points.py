"""Cells as points: which colour each has, and how many are sent."""

import mappedviz as mv
from mappedviz.views.models.cell_points import COLOURS, by_gene, by_key, scatter, sentence


def test_labels_have_colours_by_their_number_and_missing_ones_have_none(paths):
    found = mv.audit(paths, label="louvain", progress=False, workers=0).embedding()
    paints = by_key(found, found.stores.index.tolist())
    assert not paints.valued
    assert len(paints.numbers) == len(found.table)
    assert paints.legend[0]["name"] == "CD4 T cells"
    assert paints.legend[-1]["name"] == "(missing)"
    missing = found.table["label"].isna().to_numpy()
    assert (paints.numbers[missing] == len(paints.legend) - 1).all()
    assert len({one["colour"] for one in paints.legend}) == len(paints.legend)
    assert len(paints.legend) <= len(COLOURS) + 2


def test_stores_and_numbers(paths):
    audit = mv.audit(paths, label="louvain", progress=False, workers=0)
    stores = audit.embedding(by="store")
    paints = by_key(stores, audit.stores.index.tolist())
    each = stores.table.groupby("store", observed=True).indices
    assert all(len(set(paints.numbers[rows].tolist())) == 1 for rows in each.values())
    depth = audit.embedding(by="n_genes")
    paints = by_key(depth, audit.stores.index.tolist())
    assert paints.valued
    assert paints.numbers.min() >= -1
    assert paints.numbers.max() <= 62
    assert paints.words == "n_genes"


def test_a_gene_colours_the_cells_of_stores_that_have_it(paths):
    audit = mv.audit(paths, label="louvain", progress=False, workers=0)
    found = audit.embedding()
    paints = by_gene(found, audit.expression("CD8A"))
    assert paints.valued
    assert paints.words == "CD8A"
    assert (paints.numbers >= 0).any()
    has = [name for name in audit.stores.index if name not in audit.expression("CD8A").absent]
    lacking = ~found.table["store"].isin(has).to_numpy()
    assert (paints.numbers[lacking] == -1).all()


def test_few_enough_points_are_sent(paths):
    audit = mv.audit(paths, label="louvain", progress=False, workers=0)
    found = audit.embedding()
    paints = by_key(found, audit.stores.index.tolist())
    made, total = scatter(found, paints, {"10x_pbmc68k_reduced.h5ad": "first"}, most=400)
    n = [len(one) for one in made["paints"]]
    assert sum(n) == total
    assert 300 < total <= 400
    assert [len(one) for one in made["places"]] == [4 * one for one in n]
    assert made["panels"][0]["title"] == "first"
    assert sentence(found, total).startswith(f"{total:,} of 4,838 cells are drawn")
    every, all_of_them = scatter(found, paints, {}, most=10**6)
    assert all_of_them == sum(len(one) for one in every["paints"])
