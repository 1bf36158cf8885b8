"""Law: the audit is fatal if and only if the engine refuses, with the same message."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import mappedviz as mv
from mappedviz import MappedCollection, Recipe
from mappedviz.errors import RecipeError
from mappedviz.testing import coded_anndata
from tests.stores import BROKEN, STORE_KINDS

ODD = ["good", "fewer genes", "other genes", "versions", "no label", "numbers", "repeated genes",
       "counts in raw", "counts in a layer", "repeated in raw", "no X", "symbols", "mouse"]  # fmt: skip
#: Twelve symbols, of which "versions" has some identifiers.
SYMBOLS = ["TP53", "SEPT2", "CD4", "CD8A", "CD3E", "MS4A1", "NKG7", "LYZ", "GNLY", "Y_RNA",
           "SEPTIN2", "nonsense"]  # fmt: skip
ALIASES = [
    ["counts", "raw.X", "X"],
    ["X"],
    ["raw.X"],
    ["nowhere"],
    {"counts-in-raw": "raw.X", "good": "X"},
    {"good.h5ad": "count"},
    {"nobody": "X"},
]

KEYS = st.sampled_from(["cell_type", "batch", "origin", "nowhere", "score", "ghost"])


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """Stores of every kind of trouble, by name."""
    folder = tmp_path_factory.mktemp("zoo")
    paths = {}
    genes = [f"gene{i}" for i in range(12)]
    for i, name in enumerate(ODD):
        adata = coded_anndata(i, 9, plain=True)
        if name == "fewer genes":
            adata = adata[:, 3:].copy()
        elif name == "other genes":
            adata.var_names = [f"other{k}" for k in range(12)]
        elif name == "versions":
            some = [f"ENSG{k:011d}.{i}" for k in range(9)]
            adata.var_names = [*some, "ENSG00000141510.3", "ENSG00000168385.2", "ENSG00000010610"]
            adata.var["symbol"] = genes
        elif name == "symbols":
            adata.var_names = SYMBOLS
        elif name == "mouse":
            adata.var_names = [symbol.title() for symbol in SYMBOLS]
        elif name == "no label":
            del adata.obs["cell_type"]
        elif name == "numbers":
            adata.obs["cell_type"] = np.arange(9) / 2
        elif name == "repeated genes":
            adata.var_names = ["gene0", *genes[:-1]]
        elif name == "counts in raw":
            adata.raw = adata
            adata = adata[:, 2:8].copy()
        elif name == "counts in a layer":
            adata.layers["counts"] = adata.X
            adata.raw = adata[:, 4:].copy()
        elif name == "repeated in raw":
            adata.raw = adata
            adata.raw.var.index = ["gene0", *genes[:-1]]
        elif name == "no X":
            adata.X = None
            adata.layers["counts"] = np.ones(adata.shape, np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # anndata says that names repeat
            paths[name] = STORE_KINDS["h5ad"](adata, folder / name.replace(" ", "-"))
    adata = coded_anndata(0, 24, plain=True)
    for name, kind in BROKEN.items():
        paths[name] = kind(adata, folder / f"broken-{name}")
    return {name: str(path) for name, path in paths.items()}


@st.composite
def requests(draw):
    chosen = draw(st.lists(st.sampled_from(ODD + sorted(BROKEN)), max_size=4))
    if draw(st.booleans()):
        chosen = [name for name in chosen if name in ODD]
    keys = draw(st.lists(KEYS, max_size=2, unique=True))
    request = {"obs_keys": keys, "on_error": draw(st.sampled_from(["raise", "skip"]))}
    if draw(st.booleans()):
        request["join"] = draw(st.sampled_from(["inner", "outer", None]))
    elif draw(st.booleans()):
        request["min_stores"] = draw(st.integers(1, 5))
    elif draw(st.booleans()):
        request["var_names"] = draw(st.sampled_from([["gene1", "gene2"], ["nowhere"]]))
    if draw(st.booleans()):
        request["duplicates"] = draw(st.sampled_from(["error", "first", "sum"]))
    if draw(st.integers(0, 4)) == 0:
        request["var_key"] = draw(st.sampled_from(["symbol", {"versions": "symbol"}, {"x": None}]))
    if draw(st.integers(0, 3)) == 0:
        request["strip_version"] = True
    if draw(st.integers(0, 3)) == 0:
        maps = [
            "symbol->ensembl",
            "human: symbol->symbol",
            "ensembl->symbol",
            "mouse: ensembl->symbol",
        ]
        other = {"map": "symbol->symbol", "table": "human", "release": "none"}
        request["var_map"] = draw(st.sampled_from([*maps, other]))
    if draw(st.integers(0, 3)) == 0:
        some = [{"gene1": "mine"}, {"gene1": "gene2"}, {"SEPT2": "SEPTIN2"}, {"nowhere": "mine"}]
        request["var_alias"] = draw(st.sampled_from(some))
    if draw(st.integers(0, 4)) == 0:
        request["obs_filter"] = draw(
            st.sampled_from([{"cell_type": "T cell"}, {"nowhere": "x"}, {"batch": "batch 0"}])
        )
    if draw(st.integers(0, 4)) == 0:
        request["obs_alias"] = draw(
            st.sampled_from([{"nowhere": ["cell_type"]}, {"cell_type": {"good": "batch"}}])
        )
    if draw(st.integers(0, 4)) == 0:
        names = {"T cell": draw(st.sampled_from(["T", "B cell", None]))}
        store = draw(st.sampled_from(["good", "no-label", "nowhere", "*"]))
        request["relabel"] = {"cell_type": draw(st.sampled_from([names, {store: names}]))}
    if draw(st.integers(0, 4)) == 0:
        request["layers_keys"] = draw(st.sampled_from(["nowhere", "raw.X", "X"]))
    elif draw(st.booleans()):
        layers = draw(st.sampled_from([["counts"], ["counts", "X"], ["raw.X"], ["X", "raw.X"]]))
        request["layers_keys"] = layers
        aliased = draw(st.sampled_from(layers))
        request["layer_alias"] = {aliased: draw(st.sampled_from(ALIASES))}
    if draw(st.integers(0, 5)) == 0 and keys:
        request["encoders"] = {keys[0]: {"T cell": 0}}
        request["unseen"] = draw(st.sampled_from(["error", "ignore"]))
    if draw(st.integers(0, 3)) == 0:  # the rows of a part of a split
        request["part"] = draw(st.sampled_from(["train", "validation"]))
        request["split_by"] = draw(st.sampled_from([None, "batch", "nowhere", ["batch", "origin"]]))
        request["stratify"] = draw(st.sampled_from([[], "cell_type", "nowhere"]))
        request["holdout"] = draw(st.sampled_from([{}, {"batch": "batch 0"}, {"batch": "ghost"}]))
    if draw(st.integers(0, 5)) == 0:
        chosen = [*chosen, "no such pattern*.h5ad"]
    return chosen, request


#: Rows as they are in the stores: all genes, all rows.
_NATIVE = {"join": None, "min_stores": None, "var_names": None, "obs_filter": {}, "part": None}


def recipe_of(zoo, asked):
    """What was asked of stores of the zoo; not tried where it contradicts itself."""
    names, request = asked
    try:
        return Recipe(paths=[zoo.get(name, name) for name in names], **request)
    except RecipeError:
        assume(False)


@given(requests())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_fatal_if_and_only_if_the_engine_refuses(zoo, asked):
    recipe = recipe_of(zoo, asked)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mv.errors.StoreWarning)
            collection = MappedCollection.from_recipe(recipe)
        refusal = None
    except Exception as error:
        refusal = str(error)
    audit = mv.audit(None, recipe=recipe, progress=False, workers=0)
    assert audit.fatal == (refusal is not None)
    fatal = [finding.message for finding in audit.findings if finding.severity == "fatal"]
    if refusal is not None:
        assert refusal in fatal
        with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the engine says
            audit.collection()
        assert str(caught.value) == refusal
    else:
        again = audit.collection()
        assert (again.shape, again.path_list) == (collection.shape, collection.path_list)
        if recipe.join == "inner" and not (recipe.min_stores or recipe.var_names):
            assert audit.coverage.inner == collection.n_vars
        if collection.n_vars is not None:
            measured = audit.var_measured
            assert measured.index.tolist() == collection.var_joint.tolist()
            np.testing.assert_array_equal(measured.to_numpy().T, collection.var_measured)
            if recipe.min_stores is None and recipe.var_names is None:
                assert collection.n_vars == getattr(audit.coverage, recipe.join)
        # The sampled rows are those of a batch; damaged values are read by none of them.
        for key in collection.layers_keys if set(asked[0]) <= set(ODD) else ():
            depths = audit.library_sizes(key)["total"].sum()
            rows = MappedCollection.from_recipe(recipe.replace(**_NATIVE)).read_rows(slice(None))
            read = sum(float(np.nansum(row)) for row in rows[key])
            assert depths == pytest.approx(read)
        for key in collection.obs_keys:
            a, b = again.get_merged_labels(key), collection.get_merged_labels(key)
            assert pd.Series(a).equals(pd.Series(b))
        for key in collection.encoders:
            table = audit.weights(key).table if audit.labels(key).classes else None
            if table is not None:
                ours = {str(k): v for k, v in table["weight"].items()}
                assert ours == pytest.approx(
                    collection.get_label_weights(key, return_categories=True)
                )
