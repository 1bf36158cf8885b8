"""Values of one gene against what the collection reads."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from mappedviz.errors import MissingKeyError
from tests.audits import LABELS, counts, ensembl, made, quiet, symbols


def test_values_are_those_of_the_collection(demo, demo_data):
    found = demo.expression("CD8A")
    audit = quiet(None, recipe=demo.recipe.replace(var_names=["CD8A"]))
    expected = np.concatenate([batch["X"] for batch in [audit.collection()[:]]])[:, 0]
    np.testing.assert_allclose(found.table["value"], expected, rtol=1e-6)
    assert found.absent == []
    assert found.stores["drawn"].tolist() == audit.stores["n_obs"].tolist()
    assert found.by == "cell_type"


def test_the_cells_are_those_of_the_embedding(demo):
    value, umap = demo.expression("CD8A", n=40), demo.embedding(n=40)
    both = umap.table.merge(value.table, on=["store", "row"])
    assert len(both) == len(umap.table)


def test_stores_without_the_gene_are_listed(tmp_path):
    stores = [
        {"X": counts(1), "genes": symbols(), "obs": {"ct": LABELS}},
        {"X": counts(1), "genes": [f"OTHER{k}" for k in range(12)]},
    ]
    found = quiet(made(tmp_path, stores), "ct", join="outer").expression("SYM3")
    assert found.absent == ["s1.h5ad"]
    assert found.table["value"].tolist() == counts(1)[:, 3].tolist()
    assert found.table["label"].tolist() == LABELS.tolist()
    assert found.stores["share"].tolist()[0] == 1
    assert found.stores["share"].isna().tolist() == [False, True]
    assert found.stores["mean"].iloc[0] == pytest.approx(counts(1)[:, 3].mean())


def test_genes_go_by_the_names_of_the_recipe(tmp_path):
    var = pd.DataFrame({"symbol": symbols()}, index=ensembl(3))
    paths = made(tmp_path, [{"X": counts(1), "var": var}])
    for recipe, gene in (({"var_key": "symbol"}, "SYM2"), ({"strip_version": True}, ensembl()[2])):
        value = quiet(paths, **recipe).expression(gene).table["value"]
        assert value.tolist() == counts(1)[:, 2].tolist()
    with pytest.raises(MissingKeyError, match=f"Ask for '{ensembl(3)[2]}'"):
        quiet(paths).expression("SYM2")
    with pytest.raises(MissingKeyError, match="Did you mean 'SYM2'"):
        quiet(paths, var_key="symbol").expression("sym2")


@pytest.mark.parametrize("duplicates", ["first", "sum"])
def test_names_that_repeat_are_what_the_recipe_makes_of_them(tmp_path, duplicates):
    genes = ["A", "A", *symbols()[2:]]
    audit = quiet(made(tmp_path, [{"X": counts(1), "genes": genes}]), duplicates=duplicates)
    x = counts(1)
    expected = x[:, 0] if duplicates == "first" else x[:, :2].sum(axis=1)
    assert audit.expression("A").table["value"].tolist() == expected.tolist()


def test_a_matrix_under_another_name_has_its_own_genes(tmp_path):
    raw = ad.AnnData(counts(2), var=pd.DataFrame(index=symbols()[::-1]))
    stores = [
        {"X": counts(1), "genes": symbols()},
        {"X": counts(3), "genes": ensembl(), "raw": raw},
    ]
    audit = quiet(
        made(tmp_path, stores), layers_keys="k", layer_alias={"k": ["raw.X", "X"]}, join="outer"
    )
    found = audit.expression("SYM2")
    assert found.table["value"].tolist() == [*counts(1)[:, 2], *counts(2)[:, 9]]
    assert found.stores["scale"].tolist() == ["counts", "counts"]
    totals = audit.cell_stats().table["total"]
    assert totals.tolist() == [*counts(1).sum(axis=1), *counts(2).sum(axis=1)]
    assert audit.library_sizes()["total"].tolist() == totals.tolist()
    assert audit.coverage.find("SYM2").to_numpy().all()
    assert not audit.coverage.find(ensembl()[0]).to_numpy().any()
