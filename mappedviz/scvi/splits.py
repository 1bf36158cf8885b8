"""Which rows are for training, validation and test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import RecipeError
from mappedviz.scvi.columns import positions

if TYPE_CHECKING:
    from mappedviz.collection.mapped_collection import MappedCollection

TRAIN_SIZE = 0.9
"""The share for training that models of scvi-tools use."""


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of the parts: sorted, disjoint.

    Attributes
    ----------
    train, validation, test
        int64 row numbers.
    decided
        It was asked for, here or by the recipe: a model's own default does not replace it.
    """

    train: Array
    validation: Array
    test: Array
    decided: bool

    @classmethod
    def of(cls, collection: MappedCollection, rows: MappedCollection, split: Any) -> Split:
        """Return the split that is asked for.

        Parameters
        ----------
        collection
            The collection as it was given.
        rows
            The same rows, as the model reads them.
        split
            See :class:`~mappedviz.scvi.DataModule`.
        """
        if split is None:
            recipe = collection.recipe
            named = recipe.split_by or recipe.stratify or recipe.split_parts or recipe.holdout
            if not named or recipe.part is not None or collection.part_of is not None:
                return cls.shares(rows, TRAIN_SIZE)
            parts: Any = collection.split()
        elif isinstance(split, Mapping):
            parts = collection.split(**split)
        elif isinstance(split, (bool, int, float)):
            return cls.shares(rows, 1 - float(split), decided=True)
        else:
            parts = split
        return cls._of_parts(rows, parts)

    @classmethod
    def _of_parts(cls, rows: MappedCollection, parts: Any) -> Split:
        if not isinstance(parts, (tuple, list)) or not 1 <= len(parts) <= 3:
            raise RecipeError(
                f"is {type(parts).__name__}, not one to three parts",
                key="split",
                remedy="Give ds.split(…), its arguments as a dict, a share for validation, or False.",
            )
        found = [positions(rows, part).astype(np.int64) for part in parts]
        everything = np.concatenate(found)
        if len(np.unique(everything)) < len(everything):
            raise RecipeError(
                "has rows that are in two parts",
                key="split",
                remedy="Cells of the validation must not be trained on.",
            )
        if not len(found[0]):
            raise RecipeError("leaves nothing to train on", key="split")
        none = np.empty(0, np.int64)
        train, validation, test = [*found, none, none][:3]
        return cls(train, validation, test, decided=True)

    @classmethod
    def shares(
        cls,
        rows: MappedCollection,
        train: float,
        validation: float | None = None,
        *,
        shuffle: bool = True,
        seed: int = 0,
        decided: bool = False,
    ) -> Split:
        """Return a split of single rows, by shares as scvi-tools takes them.

        Raises
        ------
        RecipeError
            The shares are none.
        """
        rest = 1 - train if validation is None else validation
        if not (0 < train <= 1 and rest >= 0 and train + rest <= 1 + 1e-9):
            raise RecipeError(
                f"has the shares {train:g} for training and {rest:g} for validation",
                key="split",
                remedy="Give shares between 0 and 1 that leave something to train on.",
            )
        n = len(rows)
        order = np.random.default_rng(seed).permutation(n) if shuffle else np.arange(n)
        n_train = int(np.ceil(round(train * n, 6)))
        n_validation = min(n - n_train, round(rest * n))
        cuts = np.split(order, [n_train, n_train + n_validation])
        train_rows, validation_rows, test = (np.sort(part).astype(np.int64) for part in cuts)
        return cls(train_rows, validation_rows, test, decided=decided)
