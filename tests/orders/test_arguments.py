"""The arguments of dataloader()."""

from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import (
    Subset,
)

import mappedviz as mv
from mappedviz import MappedCollection
from mappedviz.errors import RecipeError, RecipeTypeError
from tests.loaders import rows_of


def test_the_weights_of_the_recipe(ds):
    """``weights=True`` draws what the recipe says; what is said here comes first."""
    recipe = ds.recipe.replace(weights_keys=["cell_type", "donor"], weights_scaler=20)
    decided = MappedCollection.from_recipe(recipe)
    expected = ds.get_label_weights(["cell_type", "donor"], 20)
    np.testing.assert_array_equal(decided.get_label_weights(), expected)

    def drawn(**options):
        return rows_of(ds, mv.dataloader(decided, 50, seed=0, **options))

    assert drawn(weights=True) == drawn(weights=expected)
    for override in ({"scheme": "sqrt"}, {"scaler": 5.0}):
        weights = ds.get_label_weights(["cell_type", "donor"], **override)
        assert drawn(weights=True, **override) == drawn(weights=weights)
    assert drawn(weights=False) == list(range(len(ds)))


def test_a_scheme_of_weights(ds):
    for scheme in ("uniform", "inverse", "sqrt"):
        loader = mv.dataloader(ds, 50, weights="cell_type", scheme=scheme, seed=0)
        expected = ds.get_label_weights("cell_type", scheme=scheme)
        assert rows_of(ds, loader) == rows_of(ds, mv.dataloader(ds, 50, weights=expected, seed=0))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"shuffle": "blocks"}, "shuffle: is 'blocks'"),
        ({"batch_size": 0}, "batch_size"),
        ({"shuffle": True, "weights": "cell_type"}, "is given with weights"),
        ({"num_samples": 3}, "without weights"),
        ({"scaler": 3.0}, "without weights"),
        ({"weights": np.ones(3)}, r"have the shape \(3,\)"),
        ({"weights": np.zeros(330)}, "all zero"),
        ({"weights": np.full(330, np.nan)}, "not finite"),
        ({"weights": np.ones(330), "scaler": 1}, "with an array"),
        ({"weights": np.ones(330), "scheme": "sqrt"}, "with an array"),
        ({"scheme": "sqrt"}, "scheme: is given without weights"),
        ({"weights": False, "scheme": "sqrt"}, "scheme: is given without weights"),
        ({"weights": "cell_type", "scheme": "log"}, "scheme: is 'log'"),
        ({"weights": "cell_type", "scheme": "scaled"}, "scaler: is None for the scheme 'scaled'"),
        ({"weights": "cell_type", "scheme": "sqrt", "scaler": 3}, "scaler: is 3 .* has none"),
        ({"weights": True}, "weights: is True, but the recipe names no weights_keys"),
        ({"rank": 1}, "rank, world_size"),
        ({"rank": 2, "world_size": 2}, "rank, world_size"),
        ({"sampler": [1], "shuffle": True}, "shuffle, sampler: are given together"),
        ({"sampler": [1], "batch_sampler": [[1]]}, "sampler, batch_sampler: are given together"),
        ({"sampler": [1, 330]}, "sampler: gives row 330 of 330"),
        ({"batch_sampler": [[-1]]}, "batch_sampler: gives row -1 of 330"),
        ({"batches": "cell_type", "weights": "cell_type"}, "weights, batches: are given together"),
        ({"batches": {"cell_type": 7}}, "128, which is no multiple of the 7 rows"),
        ({"batches": {"cell_type": 0}}, "no multiple of the 0 rows"),
        ({"batches": "cell_type", "within": "donor"}, "within: is given without"),
        ({"within": "donor"}, "within: is given without"),
        ({"batches": "cell_type", "num_samples": 8}, "num_samples: is given without"),
        ({"collate_fn": list}, "collate_fn: is made here"),
        ({"block_size": 0, "shuffle": "block"}, "block_size"),
        ({"buffer_size": 0, "shuffle": "block"}, "buffer_size"),
        ({"lookahead": -1}, "lookahead"),
    ],
)
def test_arguments_that_would_break_a_loader_are_refused(ds, options, says):
    with pytest.raises(RecipeError, match=says):
        mv.dataloader(ds, **options)


def test_what_is_not_a_collection_is_refused_by_name(ds):
    with pytest.raises(TypeError, match=r"is a Subset, not a MappedCollection.*subset\(rows\)"):
        mv.dataloader(Subset(ds, [0, 1]), 2)


def test_an_anndata_object_says_how_it_becomes_a_collection(ds):
    with pytest.raises(RecipeTypeError, match=r"an AnnData.*MappedCollection\(adata\)"):
        mv.batches(ds.to_anndata([0, 1]), 2)


@pytest.mark.parametrize("wrong", ["a.h5ad", Path("a.h5ad"), ["a.h5ad"]], ids=repr)
def test_a_loader_of_paths(wrong):
    with pytest.raises(RecipeTypeError, match=r"MappedCollection\(.*a.h5ad"):
        mv.dataloader(wrong)


@pytest.mark.parametrize(
    "wrong", [{"T": 1.0}, {1, 2}, [object()], ["a", 1]], ids=["dict", "set", "objects", "texts"]
)
def test_weights_that_are_no_numbers_per_row(ds, wrong):
    with pytest.raises(RecipeTypeError, match="weights") as error:
        mv.dataloader(ds, 2, weights=wrong)
    assert "obs key" in str(error.value)
