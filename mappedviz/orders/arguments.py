"""The arguments of ``dataloader``: what is refused, and why."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.collection.mapped_collection import MappedCollection
from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.recipe.in_memory import is_anndata

if TYPE_CHECKING:
    from mappedviz.recipe.weights import Scheme


def check_collection(collection: Any) -> None:
    """Refuse whatever is not a collection, such as a ``torch.utils.data.Subset`` of one."""
    if isinstance(collection, (str, os.PathLike, list, tuple)):
        raise RecipeTypeError(
            "is a path, not a collection of stores"
            if isinstance(collection, (str, os.PathLike))
            else f"is a {type(collection).__name__}, not a MappedCollection",
            key="collection",
            remedy=f"Open the stores first: dataloader(MappedCollection({collection!r:.200})).",
        )
    if is_anndata(collection):
        raise RecipeTypeError(
            "is an AnnData object, not a collection of stores",
            key="collection",
            remedy="Make a collection of it first: dataloader(MappedCollection(adata)).",
        )
    if not isinstance(collection, MappedCollection):
        raise RecipeTypeError(
            f"is a {type(collection).__name__}, not a MappedCollection",
            key="collection",
            remedy="For some of the rows use MappedCollection.subset(rows) or split(); for another "
            "dataset use torch.utils.data.DataLoader.",
        )


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse what the loader makes itself."""
    for name in ("collate_fn", "generator"):
        if options.get(name) is not None:
            raise _refused(name, "is made here", "Use torch.utils.data.DataLoader(collection, …).")


def check_sizes(**sizes: int | None) -> None:
    """Refuse numbers of rows or batches that are too small; None is a default."""
    for name, value in sizes.items():
        least = 0 if name == "lookahead" else 1
        if value is not None and operator.index(value) < least:
            raise _refused(name, f"is {value!r}", f"Use a whole number, {least} or more.")


def check_order(shuffle: Any, weights: Any, **of_weights: Any) -> None:
    """Refuse an unknown order, two orders at once, and what belongs to weights without any."""
    if shuffle not in (None, True, False, "block"):
        raise _refused("shuffle", f"is {shuffle!r}", "Use True, False or 'block'.")
    if weights is not None:
        if shuffle is not None:
            raise _refused("shuffle", "is given with weights", "Weighted rows are drawn at random.")
        return
    for name, given in of_weights.items():
        if given is not None:
            raise _refused(name, "is given without weights", "Give weights too.")


def check_one_order(**orders: Any) -> None:
    """Refuse more than one order."""
    given = [name for name, value in orders.items() if value is not None and value is not False]
    if len(given) > 1:
        raise _refused(
            ", ".join(given),
            "are given together, and each is an order of rows",
            "Give one of them.",
        )


def classes_of_rows(collection: MappedCollection, keys: str | Sequence[str]) -> Array:
    """Return the class of each row by its labels of one or more obs keys: int64 (n_obs,).

    Rows that agree in all keys are of one class; -1 for a row that lacks a label of any.

    Raises
    ------
    MissingKeyError
        A key is in no store.
    """
    from pandas import factorize

    names = (keys,) if isinstance(keys, str) or not isinstance(keys, Sequence) else tuple(keys)
    if not names or not all(isinstance(name, str) for name in names):
        raise RecipeTypeError(
            f"is {keys!r}", key="batches, within", remedy="Name one or more obs keys."
        )
    classes = np.zeros(len(collection), dtype=np.int64)
    for name in names:
        codes, categories = factorize(collection.get_merged_labels(name))  # -1: no label
        missing = (classes < 0) | (codes < 0)
        classes = np.where(missing, -1, classes * len(categories) + codes)
    return classes


def check_processes(rank: int | None, world_size: int | None) -> None:
    """Refuse a rank that is not among the processes, and one of the two alone."""
    if rank is None and world_size is None:
        return
    if rank is None or world_size is None or not 0 <= rank < world_size:
        raise _refused(
            "rank, world_size",
            f"are {rank!r} and {world_size!r}",
            "Give both, 0 <= rank < world_size.",
        )


def weights_of_rows(
    collection: MappedCollection,
    weights: str | Sequence[str] | Array | bool,
    scaler: float | None,
    scheme: Scheme | None,
) -> Array:
    """Return the weight of each row, float64 (n_obs,), whatever ``weights`` names.

    Raises
    ------
    RecipeError
        It is not one non-negative number per row, or names something that is not there.
    """
    if isinstance(weights, (Mapping, set, frozenset)):
        raise RecipeTypeError(
            f"is a {type(weights).__name__}, where labels have no order of rows",
            key="weights",
            remedy="Name the obs key, such as weights='cell_type'; or give one weight per row: "
            "[weights[label] for label in collection.get_merged_labels('cell_type')].",
        )
    if isinstance(weights, (bool, np.bool_)):
        if not collection.recipe.weights_keys:
            raise _refused(
                "weights",
                "is True, but the recipe names no weights_keys",
                "Name an obs key, such as weights='cell_type', or put it into the recipe.",
            )
        values = collection.get_label_weights(None, scaler, scheme=scheme)
    elif isinstance(weights, str) or (
        isinstance(weights, (list, tuple)) and all(isinstance(key, str) for key in weights)
    ):
        values = collection.get_label_weights(weights, scaler, scheme=scheme)
    elif scaler is not None or scheme is not None:
        raise _refused(
            "scaler or scheme",
            "is given with an array of weights",
            "Give keys, or scale the array.",
        )
    else:
        values = weights
    try:
        values = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RecipeTypeError(
            f"is a {type(weights).__name__} that holds no numbers ({error})",
            key="weights",
            remedy=f"Name an obs key, or give one number per row: ({len(collection)},).",
        ) from error
    if values.shape != (len(collection),):
        raise _refused(
            "weights", f"have the shape {values.shape}", f"Give one per row: ({len(collection)},)."
        )
    if not (np.isfinite(values).all() and (values >= 0).all() and values.any()):
        raise _refused(
            "weights",
            "are negative, not finite, or all zero",
            "Give one non-negative number per row.",
        )
    return values


def _refused(key: str, found: str, remedy: str) -> RecipeError:
    return RecipeError(found, key=key, remedy=remedy)
