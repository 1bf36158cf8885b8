"""Addresses of AnnData objects: one per object, for as long as somebody holds it."""

import gc
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from anndata import AnnData

from mappedviz.errors import AbsentStoreError, RecipeError, StoreError
from mappedviz.recipe.in_memory import (
    adopt,
    given_object,
    is_anndata,
    object_at,
    objects_of,
    refuse_objects,
)


def test_an_object_has_one_number_and_is_found_by_it():
    one, other = AnnData(np.eye(2)), AnnData(np.eye(2))
    address = given_object(one)
    assert address == given_object(one) != given_object(other)
    assert object_at(address) is one
    assert object_at(f"{address}/a name") is one


def test_an_object_is_not_kept_and_its_number_not_given_again():
    address = given_object(AnnData())
    gc.collect()
    with pytest.raises(AbsentStoreError, match="does not have"):
        object_at(address)
    assert objects_of([address, "a.h5ad"]) == ()
    other = AnnData()
    assert given_object(other) != address


@pytest.mark.parametrize("name", ["", "a/b"])
def test_a_name_that_is_none_is_refused(name):
    adata = AnnData()
    with pytest.raises(RecipeError, match="without a slash"):
        given_object(adata, name)


def test_what_came_from_another_process_is_listed_unless_it_is_here():
    class Sent:
        pass

    sent, adata = Sent(), AnnData()
    adopt("memory:123456789/a", sent)
    assert object_at("memory:123456789") is sent
    adopt(given_object(adata), sent)
    assert object_at(given_object(adata)) is adata


def test_an_object_of_another_process_is_not_taken_for_one_of_the_same_number():
    class Sent:
        origin = "elsewhere"

    adata = AnnData()
    with pytest.raises(StoreError, match="of another process"):
        adopt(given_object(adata), Sent())
    first, again, other = Sent(), Sent(), Sent()
    other.origin = "somewhere else"
    adopt("memory:123456780", first)
    adopt("memory:123456780/a", again)
    with pytest.raises(StoreError, match="of another process"):
        adopt("memory:123456780", other)
    assert object_at("memory:123456780") is first


def _number_in_child(_):
    return given_object(AnnData())


def test_forked_processes_give_other_numbers():
    adata = AnnData()
    mine = given_object(adata)
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        theirs = list(pool.map(_number_in_child, range(2)))
    other = AnnData()
    assert len({mine, given_object(other), *theirs}) == 4


def test_paths_are_no_objects():
    refuse_objects(["a.h5ad", "memory.h5ad", "memory:a.h5ad"])
    assert not is_anndata("memory:0")


def test_without_anndata_nothing_is_an_object():
    code = (
        "import sys; from mappedviz.recipe.in_memory import is_anndata; "
        "assert not is_anndata(3) and 'anndata' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
