"""The lists of variables of stores, and the join that a recipe asks for."""

from mappedviz.collection.sources import GivenStore
from mappedviz.collection.variables import NameLists, identifier_of
from mappedviz.recipe.recipe import Recipe
from mappedviz.stores.store import open_store
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


def test_stores_with_equal_names_share_a_list(tmp_path):
    genes = (["a.1", "b"], ["a.1", "b"], ["b", "a.1"], ["ENSG01.1", "b"], ["ENSG01", "b"])
    sources = [
        GivenStore(open_store(STORE_KINDS["h5ad"](coded_anndata(i, 3, genes=g), tmp_path / str(i))))
        for i, g in enumerate(genes)
    ]
    lists = NameLists(Recipe(strip_version=True))
    assert [lists.add(source) for source in sources] == [(i, -1) for i in (0, 0, 1, 2, 2)]
    assert lists.lists[2].names.tolist() == ["ENSG01", "b"]
    assert lists.lists[2].store == sources[3].path


def test_the_identifier_of_a_store():
    assert identifier_of(Recipe(), "/x/a.h5ad") is None
    assert identifier_of(Recipe(var_key="id"), "/x/a.h5ad") == "id"
    assert identifier_of(Recipe(var_key={"a": "id"}), "/x/a.h5ad") == "id"
    assert identifier_of(Recipe(var_key={"a": "id"}), "/x/b.h5ad") is None
