"""The columns of obs that a model of scvi-tools asks for: encoded, checked, and read with each batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.collection.mapped_collection import MappedCollection
from mappedviz.collection.to_anndata import names_of_stores
from mappedviz.errors import RecipeError, RecipeTypeError

if TYPE_CHECKING:
    from mappedviz.recipe.recipe import Recipe


@dataclass(frozen=True)
class Keys:
    """What ``setup_anndata`` of a model would be told.

    Attributes
    ----------
    layer
        The matrix of counts; None: X, or the only one that the collection reads.
    batch, labels, sample
        Obs keys, or None.
    categorical, continuous
        Obs keys of covariates.
    unlabeled
        The label that means "no label".
    store
        What the store of a cell is called, if it is asked for: one of the keys above may be it.
    """

    layer: str | None = None
    batch: str | None = None
    labels: str | None = None
    sample: str | None = None
    categorical: tuple[str, ...] = ()
    continuous: tuple[str, ...] = ()
    unlabeled: str = "Unknown"
    store: str | None = None

    @property
    def encoded(self) -> tuple[str, ...]:
        """The keys that become codes, each once."""
        some = (self.batch, self.labels, self.sample, *self.categorical)
        return tuple(dict.fromkeys(key for key in some if key is not None and key != self.store))

    @property
    def all(self) -> tuple[str, ...]:
        """All keys, each once."""
        return tuple(dict.fromkeys((*self.encoded, *self.continuous)))

    def column_of(self, key: str) -> str:
        """Return the name that a key has in a batch of the loader."""
        return "_store_idx" if key == self.store else key

    def check(self) -> None:
        """Refuse a key with two meanings that contradict each other."""
        if self.store is not None and self.store in (self.labels, *self.continuous):
            raise RecipeError(
                f"is {self.store!r}, which is a label or a number here",
                key="store_key",
                remedy="Give another name for the store of a cell.",
            )
        both = set(self.encoded) & set(self.continuous)
        if both:
            raise RecipeError(
                f"{min(both)!r} is a number and a category at once",
                key="continuous_covariate_keys",
                remedy="Name it in one of the two.",
            )
        if self.labels is not None and self.labels in (self.batch, self.sample, *self.categorical):
            raise RecipeError(
                f"{self.labels!r} is another key, too",
                key="labels_key",
                remedy="A label that the model is told as a covariate is nothing to learn.",
            )


def keys_of(one: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return one key, or several, or none, as a tuple."""
    if one is None:
        return ()
    return (one,) if isinstance(one, str) else tuple(one)


def prepared(collection: MappedCollection, keys: Keys) -> tuple[MappedCollection, str]:
    """Return the same rows, read as a model needs them, and the name of the matrix of counts.

    Raises
    ------
    RecipeError
        It is not one matrix over joint variables.
    MissingKeyError
        A key is in no store.
    """
    recipe = collection.recipe
    if keys.store is not None and keys.store in recipe.obs_keys:
        raise RecipeError(
            f"is {keys.store!r}, which is an obs key too",
            key="store_key",
            remedy="Give another name for the store of a cell.",
        )
    layer = keys.layer or ("X" if "X" in recipe.layers_keys else recipe.layers_keys[0])
    if keys.layer is None and layer != "X" and len(recipe.layers_keys) > 1:
        raise RecipeError(
            f"is not given, and the collection reads {', '.join(recipe.layers_keys)}",
            key="layer",
            remedy="Name the matrix that holds counts.",
        )
    changed = recipe.replace(
        layers_keys=(layer,),
        obs_keys=keys.all,
        obsm_keys=(),
        encode_labels=keys.encoded,
        unknown_label=_unknown_labels(recipe, keys),
        part=None,
    )
    whole = type(collection).from_recipe(
        changed,
        stores=collection.stores,
        parallel=collection.parallel,
        cache_bytes=collection.cache_bytes,
    )
    if whole.n_vars is None:
        raise RecipeError(
            "is None: stores are read in their own widths",
            key="join",
            remedy="A model has one list of genes: use join='inner' or 'outer', or var_names.",
        )
    if len(whole) == len(collection):
        return whole, layer
    return whole.subset(positions(whole, collection)), layer


def _unknown_labels(recipe: Recipe, keys: Keys) -> dict[str, Any]:
    unknown = {
        key: label for key in keys.encoded if (label := recipe.unknown_label_of(key)) is not None
    }
    if keys.labels is not None and keys.labels not in recipe.encoders:
        unknown.setdefault(keys.labels, keys.unlabeled)
    return unknown


def positions(whole: MappedCollection, part: Any) -> Array:
    """Return the row numbers that the rows of a part have in the whole.

    Raises
    ------
    RecipeTypeError
        It is no part of it.
    """
    if not isinstance(part, MappedCollection) or part.path_list != whole.path_list:
        raise RecipeTypeError(
            f"{type(part).__name__} is no part of the collection",
            key="split",
            remedy="Use its split() or subset().",
        )
    size = 1 + int(max(whole.indices.max(initial=0), part.indices.max(initial=0)))
    all_rows, rows = (
        one.storage_idx.astype(np.int64) * size + one.indices for one in (whole, part)
    )
    found = np.searchsorted(all_rows, rows)
    if (found == len(all_rows)).any() or (all_rows[found] != rows).any():
        raise RecipeError(
            "has rows that the collection has not",
            key="split",
            remedy="Split the collection that the model is trained on.",
        )
    return found


@dataclass(frozen=True, eq=False)
class Column:
    """The categories of an obs key.

    Attributes
    ----------
    key
        The obs key.
    codes
        int64 (n_obs,), -1 where a row has no label.
    names
        Names of the codes as text, an object array as scvi-tools keeps them.
    """

    key: str
    codes: Array
    names: Array

    @classmethod
    def of(cls, collection: MappedCollection, key: str) -> Column:
        """Return the column of an encoded key.

        Raises
        ------
        RecipeError
            Two labels are the same as text.
        """
        import pandas as pd

        encoder = collection.encoders[key]
        names = [str(label) for label in encoder.classes]
        if len(set(names)) < len(names):
            raise RecipeError(
                "has labels that are numbers and the same ones as text",
                key=key,
                remedy="scvi-tools names categories by text: relabel one of the two.",
            )
        values = pd.Series(collection.get_merged_labels(key))
        codes = values.map(dict(encoder)).fillna(-1).to_numpy(np.int64)
        return cls(key, codes, np.array(names, dtype=object))

    @classmethod
    def of_stores(cls, collection: MappedCollection, key: str) -> Column:
        """Return the column of the stores themselves: file names, with suffix or path where needed."""
        names = names_of_stores(collection.stores)
        return cls(key, collection.storage_idx.astype(np.int64), np.array(names, dtype=object))

    def __len__(self) -> int:
        return len(self.names)

    def check_complete(self, collection: MappedCollection, parameter: str) -> Column:
        """Return the column itself, where each row has a label.

        Raises
        ------
        RecipeError
            Some have none: -1 is no row of an embedding, or the last one, without a word.
        """
        missing = self.codes < 0
        if missing.any():
            stores = np.unique(collection.storage_idx[missing])
            raise RecipeError(
                f"{int(missing.sum()):,} of {len(missing):,} cells have no {self.key!r}",
                store=_some([collection.path_list[i] for i in stores.tolist()]),
                key=parameter,
                remedy="A model has no batch for them: leave them out with obs_query="
                f"{f'`{self.key}` != None'!r}, or give them a label with relabel or obs_alias.",
            )
        return self


def check_numbers(collection: MappedCollection, key: str) -> None:
    """Refuse a continuous covariate that is no number in some rows.

    Raises
    ------
    RecipeError
        It is text, missing or infinite.
    """
    values = collection.get_merged_labels(key)
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"{key!r} holds no numbers ({error})",
            key="continuous_covariate_keys",
            remedy="Name it in categorical_covariate_keys.",
        ) from error
    odd = ~np.isfinite(numbers)
    if odd.any():
        stores = np.unique(collection.storage_idx[odd])
        raise RecipeError(
            f"{int(odd.sum()):,} of {len(odd):,} cells have no finite {key!r}",
            store=_some([collection.path_list[i] for i in stores.tolist()]),
            key="continuous_covariate_keys",
            remedy="One of them makes all weights NaN: leave them out with obs_query.",
        )


def _some(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(paths[:3]) + more
