"""Cells that are drawn at random: counts of genes, their types, and where they are on a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mappedviz.datasets.genes import CELL_TYPES, markers, symbols

if TYPE_CHECKING:
    from mappedviz._types import Array

#: Share of each type of cell in blood.
SHARES = (0.12, 0.32, 0.17, 0.11, 0.17, 0.05, 0.04, 0.02)
#: Centre of each type of cell on the map.
_CENTRES = np.array([(-6, 5), (-2, -4), (2, -5), (5, -2), (4, 6), (7, 4), (1, 8), (-1, 1)])


@dataclass(frozen=True)
class Cells:
    """Cells of one laboratory.

    Attributes
    ----------
    counts
        int32 (cells, genes), the genes as :func:`~mappedviz.datasets.genes.symbols` has them.
    types
        Number of the type of each cell: positions of ``CELL_TYPES``.
    umap
        float32 (cells, 2).
    """

    counts: Array
    types: Array
    umap: Array


def draw_cells(seed: int, n: int, *, depth: float, mito: float) -> Cells:
    """Cells of one laboratory, the same for the same seed.

    Parameters
    ----------
    seed
        Of the laboratory; what the types of cells are like is the same for all.
    n
        Number of cells.
    depth
        Median of the counts of a cell.
    mito
        Mean share of mitochondrial genes in them.

    Examples
    --------
    >>> cells = draw_cells(1, 100, depth=2000, mito=0.05)
    >>> cells.counts.shape == (100, len(symbols())), len(set(cells.types.tolist())) > 5
    (True, True)
    """
    rng = np.random.default_rng(seed)
    types = rng.choice(len(CELL_TYPES), n, p=SHARES)
    profiles = _profiles()
    # What a laboratory has more or less of, whatever the cell.
    profiles = profiles * rng.lognormal(0, 0.25, profiles.shape[1])
    is_mito = np.array([name.startswith("MT-") for name in symbols()])
    rates = profiles[types]
    rates /= rates[:, ~is_mito].sum(axis=1, keepdims=True)
    rates[:, is_mito] /= rates[:, is_mito].sum(axis=1, keepdims=True)
    share = rng.beta(60 * mito, 60 * (1 - mito), n)[:, None]
    rates *= np.where(is_mito, share, 1 - share)
    small = np.where(types == CELL_TYPES.index("platelet"), 0.3, 1.0)
    depths = rng.lognormal(np.log(depth), 0.35, n) * small
    counts = rng.poisson(rates * depths[:, None]).astype(np.int32)
    angle, shift = rng.uniform(0, 2 * np.pi), rng.normal(0, 3, 2)  # each map is another
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    umap = (_CENTRES[types] + rng.normal(0, 0.9, (n, 2))) @ turn + shift
    return Cells(counts, types, umap.astype(np.float32))


def _profiles() -> Array:
    """float64 (types, genes): how much of each gene a type of cell has; sums do not matter."""
    rng = np.random.default_rng(20)
    genes = symbols()
    base = rng.lognormal(-1.2, 1.1, len(genes))
    ribosomal = np.array([name.startswith(("RPL", "RPS")) for name in genes])
    common = np.isin(genes, ["MALAT1", "B2M", "TMSB4X", "ACTB", "EEF1A1", "FTL", "FTH1", "TPT1"])
    base = np.where(ribosomal, 5 * base + 4, base) + 25 * common
    profiles = np.tile(base, (len(CELL_TYPES), 1)) * rng.lognormal(
        0, 0.3, (len(CELL_TYPES), len(genes))
    )
    every = set().union(*map(markers, CELL_TYPES))
    for profile, cell_type in zip(profiles, CELL_TYPES, strict=True):
        own = markers(cell_type)
        for at, name in enumerate(genes):
            if name in own:
                profile[at] = 8 + 4 * profile[at]
            elif name in every:
                profile[at] = 0.02 + 0.05 * min(profile[at], 1.0)
    return profiles
