"""Tables of suggestions and new names, which a recipe takes as they are."""

import numpy as np
import pandas as pd
import pytest

import mappedviz as mv
from mappedviz.errors import RecipeError
from mappedviz.ontology import HOWS, ancestors, relabel, roll_up, suggest


def test_each_label_is_there_once_in_its_order():
    table = suggest(["NK", "x", "NK", None, np.nan, 7, "B cells"])
    assert table["label"].tolist() == ["NK", "x", 7, "B cells"]
    assert table["score"].tolist() == [0.8, 0.0, 0.0, 0.9]
    assert table["id"].isna().tolist() == [False, True, True, False]
    assert list(suggest([]).columns) == ["label", "id", "name", "how", "score"]
    assert suggest("NK")["name"].tolist() == ["natural killer cell"]
    assert suggest(pd.Series(["NK", "NK"], dtype="category"))["label"].tolist() == ["NK"]


def test_new_names_leave_out_what_is_called_so():
    labels = ["T cell", "T-cell", "CD56+ NK", "0"]
    assert relabel(labels) == {"T-cell": "T cell"}
    assert relabel(labels, only=HOWS) == {"T-cell": "T cell", "CD56+ NK": "natural killer cell"}
    assert relabel(labels, only=[]) == {}
    assert relabel(["CL:0000084"], to="id") == {}
    assert relabel(["CL_0000084"], to="id") == {"CL_0000084": "CL:0000084"}


def test_rolled_up_names_are_those_of_one_candidate():
    level = ["T cell", "myeloid cell", "phagocyte"]
    table = roll_up(["CD4 T", "Mono", "neuron", "?"], level)
    assert table["becomes"].tolist() == ["T cell", None, None, None]
    assert table["candidates"].map(len).tolist() == [1, 2, 0, 0]
    assert table["name"].tolist()[2:] == ["neuron", None]
    assert relabel(["CD4 T", "Mono", "neuron", "?"], level=level) == {"CD4 T": "T cell"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"only": ["sure"]}, "only: has 'sure'.*tokens"),
        ({"to": "x"}, "to: is 'x'"),
        ({"level": []}, "level"),
    ],
)
def test_options_that_there_are_not_are_refused(options, says):
    with pytest.raises(RecipeError, match=says):
        relabel(["T"], **options)


def test_what_is_above_is_a_table():
    table = ancestors("CD4-positive, alpha-beta T cell")
    assert table["distance"].is_monotonic_increasing
    assert {"T cell", "lymphocyte", "cell"} <= set(table["name"])


def test_labels_of_real_stores_become_comparable(demo_data):
    """Five spellings of two laboratories are rolled up to classes that both have."""
    paths = [
        demo_data / "pbmc3k_processed.v3sharded.zarr",
        demo_data / "10x_pbmc68k_reduced.h5ad",
        demo_data / "pbmc5k_small_cd4_vs_cd8.h5ad",
    ]
    alias = {"cell_type": ["cell_type", "bulk_labels", "louvain"]}
    audit = mv.audit(paths, label="cell_type", obs_alias=alias, progress=False, workers=0)
    labels = audit.labels()
    table = suggest(labels.total.index)
    rows = labels.total[table.loc[table["score"] > 0, "label"].unique()].sum()
    assert rows / labels.total.sum() > 0.97
    names = relabel(
        labels.classes, HOWS, level=["T cell", "B cell", "monocyte", "dendritic cell", "CL:0000623"]
    )
    ds = audit.collection(audit.recipe.replace(relabel={"cell_type": names}))
    kinds = ds.encoders["cell_type"]
    assert {"T cell", "B cell", "monocyte", "natural killer cell", "dendritic cell"} <= set(kinds)
    assert len(kinds) < len(labels.classes) / 2
