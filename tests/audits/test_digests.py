"""Digests of names, and back from JSON."""

import json

import numpy as np
import pytest

from mappedviz.audits import digests
from mappedviz.audits.digests import Digests, GeneDigests, StoreDigests
from mappedviz.audits.reading import scan_store
from tests.audits import quiet, symbols, write


def of(tmp_path, name, **parts):
    return StoreDigests.of(scan_store(write(tmp_path, name, **parts)))


def test_names_of_a_store(tmp_path):
    names = [f"cell{i}" for i in range(24)]
    first = of(tmp_path, "a", obs_names=names, genes=symbols())
    assert first == of(tmp_path, "b", obs_names=names, genes=symbols())
    turned = of(tmp_path, "c", obs_names=names[::-1], genes=symbols()[::-1])
    assert (turned.cells, turned.order == first.order) == (first.cells, False)
    assert turned.genes != first.genes
    other = of(tmp_path, "d", obs_names=[*names[:-1], "cell99"], genes=symbols())
    assert (other.cells == first.cells, other.genes) == (False, first.genes)
    assert StoreDigests.of(scan_store(tmp_path / "nothing.h5ad")) == StoreDigests()


@pytest.mark.parametrize("n", [0, 1, 7, 8, 30_000])
def test_genes_one_by_one(n):
    rng = np.random.default_rng(n)
    names = np.array([f"ENSG{i:011d}" for i in rng.permutation(n)], dtype=object)
    in_all = rng.random(n) < 0.5
    made = GeneDigests.of_names(names, in_all)
    again = GeneDigests.from_dict(json.loads(json.dumps(made.to_dict())))
    assert np.array_equal(again.genes, made.genes)
    assert np.array_equal(again.in_all, made.in_all)
    assert len(np.unique(made.genes)) == n
    some = GeneDigests.of_names(names[in_all], np.ones(int(in_all.sum()), bool))
    assert np.array_equal(np.sort(made.genes[made.in_all]), some.genes)


def test_json_holds_no_names(tmp_path):
    audit = quiet(
        [write(tmp_path, "a", genes=symbols()), write(tmp_path, "b", genes=symbols()[3:])]
    )
    content = audit._evidence("test").digests
    text = json.dumps(content.to_dict())
    assert "SYM" not in text
    again = Digests.from_dict(json.loads(text))
    assert again.stores == content.stores
    assert (len(again.genes.genes), int(again.genes.in_all.sum())) == (12, 9)


def test_very_many_genes_are_not_digested_one_by_one(tmp_path, monkeypatch):
    monkeypatch.setattr(digests, "MOST_GENES", 10)
    audit = quiet([write(tmp_path, "a", genes=symbols())])
    content = audit._evidence("test").digests
    assert content.genes is None
    assert Digests.from_dict(content.to_dict()).genes is None
    assert audit.diff(audit).unknown == ("the genes one by one: there are very many",)
