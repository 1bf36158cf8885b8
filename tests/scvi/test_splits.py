import numpy as np
import pytest

from mappedviz import MappedCollection
from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.scvi.splits import Split


def lengths(split):
    return len(split.train), len(split.validation), len(split.test)


def covers(split, n):
    everything = np.concatenate([split.train, split.validation, split.test])
    return np.array_equal(np.sort(everything), np.arange(n))


def test_a_tenth_is_for_validation_by_default(ds):
    split = Split.of(ds, ds, None)
    assert lengths(split) == (270, 30, 0)
    assert covers(split, 300)
    assert not split.decided


def test_the_split_of_the_recipe_is_kept(paths):
    whole = MappedCollection.from_recipe(MappedCollection(paths).recipe.replace(split_by="donor"))
    split = Split.of(whole, whole, None)
    assert lengths(split) == (200, 100, 0)
    assert split.decided
    train = whole.split().train  # it has been split already
    assert lengths(Split.of(train, train, None)) == (180, 20, 0)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (False, (300, 0, 0)),
        (0.2, (240, 60, 0)),
        ({"by": "donor", "holdout": {"donor": "d1"}}, (200, 100, 0)),
        ({"by": False, "train": 0.7, "validation": 0.2, "test": 0.1}, (210, 60, 30)),
    ],
)
def test_what_is_asked_for_is_kept(ds, asked, expected):
    split = Split.of(ds, ds, asked)
    assert lengths(split) == expected
    assert split.decided
    assert covers(split, 300)


def test_parts_are_taken_as_they_are(ds):
    parts = ds.split("donor", seed=1)
    split = Split.of(ds, ds, parts)
    assert np.array_equal(ds.indices[split.validation], parts[1].indices)
    assert lengths(Split.of(ds, ds, [parts[0]])) == (200, 0, 0)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("donor", "not one to three parts"),
        (1.5, "shares"),
        (lambda ds: [ds, ds], "in two parts"),
        (lambda ds: [ds.subset([]), ds], "nothing to train on"),
    ],
)
def test_other_splits_are_refused(ds, asked, message):
    with pytest.raises(RecipeError, match=message):
        Split.of(ds, ds, asked(ds) if callable(asked) else asked)
    with pytest.raises(RecipeTypeError):
        Split.of(ds, ds, [[1, 2], [3]])


def test_shares_leave_a_test_part(ds):
    split = Split.shares(ds, 0.5, 0.25, shuffle=False)
    assert lengths(split) == (150, 75, 75)
    assert split.train.tolist() == list(range(150))
