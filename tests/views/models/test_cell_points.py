"""Colours of cells, and their places as letters."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import mappedviz as mv
from mappedviz.audits import Embedding, Expression
from mappedviz.views.models import cell_points
from mappedviz.views.models.cell_points import COLOURS, by_gene, by_key, scatter, sentence

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
STORES = ["a", "b", "none"]


def embedding(label=None, by="k", n=20) -> Embedding:
    """Two stores with cells on a line, and one without."""
    store = pd.Categorical(["a"] * n + ["b"] * n, categories=STORES)
    x = np.tile(np.arange(n, dtype=float), 2)
    table = pd.DataFrame({"store": store, "row": np.tile(np.arange(n), 2), "x": x, "y": x / 2})
    if label is not None:
        table["label"] = label
    stores = pd.DataFrame(
        {"cells": [n, 5 * n, 3], "drawn": [n, n, 0], "note": ["", "", "no X_umap"]}, index=STORES
    )
    return Embedding("X_umap", by, table, stores)


def numbers(text: str, letters: int = 1) -> list[int]:
    digits = [LETTERS.index(one) for one in text]
    return [
        sum(d * 64**k for k, d in enumerate(reversed(digits[i : i + letters])))
        for i in range(0, len(digits), letters)
    ]


def test_places_are_whole_numbers_with_one_scale():
    label = pd.Categorical(["T", "B"] * 20)
    paints = cell_points.by_key(embedding(label), STORES)
    made, n = cell_points.scatter(embedding(label), paints, dict(zip(STORES, STORES, strict=True)))
    assert n == 40
    assert [one["title"] for one in made["panels"]] == ["a", "b"]
    places = np.array(numbers(made["places"][0], 2)).reshape(-1, 2)
    assert places.min() >= 0
    assert places.max() <= 1000
    assert np.ptp(places[:, 0]) == pytest.approx(2 * np.ptp(places[:, 1]), abs=2)
    assert numbers(made["paints"][0])[:4] == [1, 0, 1, 0] or numbers(made["paints"][0])[0] in (0, 1)
    assert "40 cells are drawn, of 40 that were read" in cell_points.sentence(embedding(label), n)


def test_fewer_points_where_there_are_many_panels():
    made, n = cell_points.scatter(embedding(), cell_points.by_key(embedding(), STORES), {}, most=10)
    assert n == 10
    assert [len(one) for one in made["paints"]] == [5, 5]


def test_the_most_frequent_labels_have_colours():
    label = pd.Categorical([f"t{i % 18}" for i in range(39)] + [None])
    paints = cell_points.by_key(embedding(label), STORES)
    names = [one["name"] for one in paints.legend]
    assert len(names) == len(cell_points.COLOURS) + 1
    assert names[-2:] == ["other (5 more)", "(missing)"]
    assert paints.numbers[-1] == len(names) - 1
    assert len({one["colour"] for one in paints.legend}) == len(names)


def test_stores_keep_their_colours():
    label = pd.Categorical(["a"] * 20 + ["b"] * 20, categories=STORES)
    paints = cell_points.by_key(embedding(label, by="store"), ["other", "a", "b", "none"])
    assert set(paints.numbers.tolist()) == {1, 2}
    assert not any(one["name"] for one in paints.legend)


def test_numbers_are_values_and_gaps_are_nothing():
    values = np.linspace(0, 1, 40)
    values[3] = np.nan
    paints = cell_points.by_key(embedding(values), STORES)
    assert paints.valued
    assert paints.numbers[3] == -1
    assert (paints.numbers.min(), paints.numbers.max()) == (-1, 62)
    assert paints.scale.startswith("k, from 0.0")
    assert cell_points.by_key(embedding(np.full(40, np.nan)), STORES).numbers.max() == -1


def test_a_gene_is_on_the_same_cells():
    whole = embedding()
    table = whole.table[["store", "row"]].assign(value=np.arange(40.0))
    scales = ["logarithms", "scaled", "counts"]
    stores = pd.DataFrame({"scale": scales, "note": ""}, index=STORES)
    expression = Expression("CD4", "X", None, table.iloc[::2].reset_index(drop=True), stores)
    paints = cell_points.by_gene(whole, expression)
    assert (paints.numbers[1::2] == -1).all()
    assert (paints.numbers[::2] >= 0).all()
    assert paints.numbers[:20].max() == paints.numbers[20:].max() == 62
    assert "z-scores" in paints.scale
    nothing = dataclasses.replace(expression, table=table.iloc[:0])
    assert (cell_points.by_gene(whole, nothing).numbers == -1).all()


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
