"""Cells that are drawn look like cells."""

from __future__ import annotations

import numpy as np
import pytest

from mappedviz.datasets.cells import SHARES, draw_cells
from mappedviz.datasets.genes import CELL_TYPES, markers, symbols


@pytest.fixture(scope="module")
def cells():
    return draw_cells(7, 600, depth=2000, mito=0.05)


def test_the_same_seed_gives_the_same_cells(cells):
    again = draw_cells(7, 600, depth=2000, mito=0.05)
    assert (again.counts == cells.counts).all()
    assert (again.types == cells.types).all()
    assert (again.umap == cells.umap).all()


def test_other_seeds_give_other_cells(cells):
    assert (draw_cells(8, 600, depth=2000, mito=0.05).counts != cells.counts).any()


def test_depth_and_mitochondrial_share_are_as_asked(cells):
    mito = np.array([name.startswith("MT-") for name in symbols()])
    totals = cells.counts.sum(axis=1)
    assert 1600 < np.median(totals) < 2300
    assert 0.03 < (cells.counts[:, mito].sum(axis=1) / totals).mean() < 0.08


def test_markers_are_found_in_their_cells(cells):
    assert len(SHARES) == len(CELL_TYPES)
    assert sum(SHARES) == pytest.approx(1)
    genes = np.array(symbols())
    for at, cell_type in enumerate(CELL_TYPES):
        own = cells.counts[:, np.isin(genes, list(markers(cell_type)))].sum(axis=1)
        share = own / cells.counts.sum(axis=1)
        assert share[cells.types == at].mean() > 1.5 * share[cells.types != at].mean(), cell_type


def test_types_are_apart_on_the_map(cells):
    centres = np.array([cells.umap[cells.types == at].mean(axis=0) for at in range(len(SHARES))])
    nearest = ((cells.umap[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == cells.types).mean() > 0.9
