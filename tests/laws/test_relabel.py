"""Law: new names of labels are those that pandas makes of the files, whatever is asked beside them.

The expected side reads the files with anndata and renames with dicts; it knows nothing of recipes.
"""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import mappedviz as mv
from mappedviz import MappedCollection, Recipe
from mappedviz.errors import RecipeError
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

NAMES = ["a", "b", "c", "x", "y"]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Path and obs of stores whose column is categorical, text, numbers, or not there."""
    folder = tmp_path_factory.mktemp("relabelled")
    columns = [
        pd.Categorical.from_codes([0, 1, 2, -1, 0, 1, 0, 2], ["a", "b", "c", "unused"]),
        ["a", "x", "y", "a", "b", "b", "y", "x"],
        np.array([1, 2, 1, 3, 2, 1, 1, 2]),
        None,
    ]
    made = []
    for i, (column, kind) in enumerate(
        zip(columns, ["h5ad", "zarr-v3", "h5ad", "zarr-v2"], strict=True)
    ):
        adata = coded_anndata(i, 8, genes=["g"], plain=True)
        adata.obs["n"] = np.arange(8)
        if column is not None:
            adata.obs["k"] = column
        path = str(STORE_KINDS[kind](adata, folder / f"s{i}"))
        read = ad.read_h5ad(path) if path.endswith("h5ad") else ad.read_zarr(path)
        made.append((path, read.obs))
    return made


old = st.sampled_from(["a", "b", "c", "x", "y", "unused", "ghost", 1, 2])
new = st.sampled_from([*NAMES, "z", 2, None])
pairs = st.dictionaries(old, new, max_size=4)
relabels = pairs | st.dictionaries(st.sampled_from(["*", "s0", "s1", "s2"]), pairs, max_size=3)
some_labels = st.lists(st.sampled_from([*NAMES, "z", 1, 2, None]), max_size=4)
#: Conditions as text, and what pandas says of an object column.
QUERIES = {
    "k in ['a', 'z', 2]": lambda k, n: k.isin(["a", "z", 2]),
    "k not in ['b'] and n > 2": lambda k, n: ~k.isin(["b"]) & (n > 2),
    "k == None or n < 3": lambda k, n: k.isna() | (n < 3),
    "k != 'x'": lambda k, n: k != "x",
}


def renamed(obs, name, relabel):
    """The column of one store with its new names, an object column with None where missing."""
    if "k" not in obs:
        return pd.Series([None] * len(obs), dtype=object)
    nested = any(isinstance(one, dict) for one in relabel.values())
    names = {**relabel.get("*", {}), **relabel.get(name, {})} if nested else relabel
    values = [None if pd.isna(one) else one for one in obs["k"].astype(object)]
    return pd.Series([names.get(v, v) if v is not None else None for v in values], dtype=object)


def plain(values):
    return [None if pd.isna(one) else one for one in values]


@given(
    relabel=relabels,
    wanted=some_labels | st.none(),
    query=st.sampled_from([None, *QUERIES]),
    encode=st.sampled_from(["made", "given", "not"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_labels_are_those_of_pandas(stores, relabel, wanted, query, encode):
    parts, kept = [], []
    for path, obs in stores:
        name = path.rsplit("/", 1)[1].split(".")[0]
        k = renamed(obs, name, relabel)
        mask = np.ones(len(obs), dtype=bool)
        if wanted is not None:
            mask &= [("k" in obs) and v in wanted for v in plain(k)]
        if query is not None:
            mask &= np.asarray(QUERIES[query](k, obs["n"].reset_index(drop=True)), dtype=bool)
        parts.append(k[mask])
        kept.append(int(mask.sum()))
    expected = plain(pd.concat(parts)) if parts else []
    encoders = {"k": {one: i for i, one in enumerate([*NAMES, "z", 1, 2])}}
    request = {
        "obs_keys": "k",
        "relabel": {"k": relabel},
        "obs_query": query,
        "encode_labels": encode != "not",
        **({} if wanted is None else {"obs_filter": {"k": wanted}}),
        **({"encoders": encoders, "unseen": "ignore"} if encode == "given" else {}),
    }
    try:
        recipe = Recipe(paths=[path for path, _ in stores], **request)
    except RecipeError as error:  # in two ways: only where all and one store are named
        assert "one step" in str(error)
        assume(False)
    assert Recipe.from_json(recipe.to_json()) == eval(repr(recipe)) == recipe
    ds = MappedCollection.from_recipe(recipe)
    assert ds.n_obs_list == kept
    assert plain(ds.get_merged_labels("k")) == expected
    batch = ds[:]["k"]
    if encode == "not":
        assert plain(batch) == expected
    else:
        names = {code: label for label, code in ds.encoders["k"].items()}
        if encode == "made":
            present = {v for v in expected if v is not None}
            assert present <= set(ds.encoders["k"])
        assert [names.get(code) for code in batch.tolist()] == [
            v if v in ds.encoders["k"] else None for v in expected
        ]
    audit = mv.audit(recipe=recipe, label="k", progress=False, workers=0)
    assert not audit.fatal
    counts = pd.Series([v for v in expected if v is not None], dtype=object).value_counts()
    assert audit.labels().total.to_dict() == counts.to_dict()
    assert audit.collection().get_merged_labels("k").tolist() == pytest.approx(
        ds.get_merged_labels("k").tolist(), nan_ok=True
    )
