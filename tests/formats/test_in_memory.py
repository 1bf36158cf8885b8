"""What an AnnData object holds when it is opened, and what is told apart later."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from mappedviz.errors import StoreError
from mappedviz.formats.in_memory import Contents, contents_of
from mappedviz.formats.nodes import GroupNode
from mappedviz.recipe.in_memory import adopt, given_object
from mappedviz.testing import coded_anndata


def leaves(node, found=None):
    """Keys of all arrays below a node, and their values."""
    found = {} if found is None else found
    for name in node:
        if node.name == "" and name == "uns":
            continue
        child = node[name]
        if child.attrs.get("encoding-type") == "nullable-string-array":  # since anndata 0.13
            found[child.name] = child["values"].read().tolist()
        elif isinstance(child, GroupNode):
            leaves(child, found)
        else:
            found[child.name] = child.read().tolist()
    return found


@pytest.fixture
def adata():
    return coded_anndata(1, 20)


def test_the_nodes_are_those_of_the_written_file(adata, tmp_path):
    from mappedviz.formats.detect import open_root

    del adata.obs["note"]  # which not every version of anndata writes
    adata.write_h5ad(tmp_path / "a.h5ad", convert_strings_to_categoricals=False)
    with open_root(tmp_path / "a.h5ad") as root:
        got, want = leaves(Contents("memory:0", adata).root), leaves(root)
    others = ("uns/", "varm/", "obsp/", "varp/", "raw/varm")
    assert list(got) == [key for key in want if not key.startswith(others)]
    for key in got:
        assert repr(got[key]) == repr(want[key]), key


def test_contents_travel_without_the_object(adata):
    adata.obsp["large"] = np.zeros((20, 20))
    adata.uns["large"] = np.zeros(1_000_000)
    contents = Contents("memory:0", adata)
    packed = pickle.dumps(contents)
    assert len(packed) < 100_000
    other = pickle.loads(packed)
    assert repr(leaves(other.root)) == repr(leaves(contents.root))
    other.check_unchanged()
    assert copy.deepcopy(contents) is contents


def test_contents_that_were_sent_are_read_as_they_are(adata):
    contents = pickle.loads(pickle.dumps(Contents("memory:987654", adata)))
    adopt("memory:987654", contents)
    assert contents_of("memory:987654") is contents
    assert contents_of(given_object(adata)) is not contents


@pytest.mark.parametrize("key", ["X", "layers/counts", "layers/new", "obsm/X_pca", "raw/X"])
def test_an_element_that_is_another_one_is_named(adata, key):
    contents = Contents("memory:0", adata)
    contents.check_unchanged()
    group, _, name = key.partition("/")
    if group == "X":
        adata.X = adata.X.copy()
    elif group == "raw":
        adata.raw = adata
    else:
        getattr(adata, group)[name] = adata.X.copy()
    with pytest.raises(StoreError, match="was replaced or changed") as caught:
        contents.check_unchanged()
    assert (caught.value.store, caught.value.key) == ("memory:0", key)


def test_new_columns_are_no_change(adata):
    contents = Contents("memory:0", adata)
    adata.obs["new"] = 1
    adata.uns["new"] = 1
    contents.check_unchanged()
    assert "new" not in contents.root["obs"]


def test_a_view_has_no_tie_to_what_it_is_a_view_of(adata):
    contents = Contents("memory:0", adata[:5])
    want = adata.X[:5].toarray().sum()
    adata.X.data[:] = 0
    contents.check_unchanged()
    assert contents.root["X/data"].read().sum() == want
    assert b"SparseCSRMatrixView" not in pickle.dumps(contents)


def test_an_object_without_x_has_no_x():
    adata = AnnData(obs=pd.DataFrame(index=["a"]), var=pd.DataFrame(index=["g"]))
    assert "X" not in Contents("memory:0", adata).root
