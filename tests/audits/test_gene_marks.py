"""Mitochondrial genes by their names, and hashes of names that are made once."""

import numpy as np
import pytest

from mappedviz.audits.gene_marks import gene_marks, mitochondrial
from mappedviz.gather.row_hashes import hash_texts
from mappedviz.recipe.names import Names


def named(*names):
    return np.array(names, dtype=object)


@pytest.mark.parametrize(
    "name",
    ["MT-ND1", "mt-Nd1", "Mt-nd1", "mt:CoI", "ENSG00000198888", "ENSG00000198888.2",
     "ENSG00000210049", "ENSMUSG00000064341", "ENSMUSG00000064341.3", "ENSMUSG00000065947"],
)  # fmt: skip
def test_mitochondrial_genes(name):
    assert mitochondrial(named(name)).tolist() == [True]


@pytest.mark.parametrize(
    "name", ["MTOR", "MT1X", "mtor", "", "MT", "ENSG00000198889", "ENSMUSG00000064362", "MTRNR2L1"]
)
def test_other_genes(name):
    assert mitochondrial(named(name)).tolist() == [False]


def test_all_37_genes_of_human_and_mouse_are_known():
    from mappedviz.audits import gene_marks as module

    assert len(module._HUMAN) == len(module._MOUSE) == 37


def test_the_first_list_that_says_it_counts():
    index, symbols = Names.of(named("7157", "4535")), Names.of(named("TP53", "MT-ND1"))
    marks = gene_marks([index, symbols])
    assert marks.mito.tolist() == [False, True]
    assert marks.hashes.tolist() == hash_texts(index.values).tolist()
    assert gene_marks([index]).mito is None


def test_equal_lists_are_marked_once():
    one = gene_marks([Names.of(named("a", "b"))])
    assert gene_marks([Names.of(named("a", "b"))]) is one
    for k in range(10):  # others take its place
        gene_marks([Names.of(named(str(k)))])
    assert gene_marks([Names.of(named("a", "b"))]) is not one
