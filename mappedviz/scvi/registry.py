"""The registry of scvi-tools: what a model knows of its data."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mappedviz.scvi.columns import Column, Keys


def registry_of(
    keys: Keys,
    *,
    model_name: str,
    n_obs: int,
    var_names: Array,
    batch: Column | None,
    labels: Column | None,
    sample: Column | None,
    categorical: Sequence[Column],
) -> dict[str, Any]:
    """Return the registry, as scvi-tools reads it from a data module."""
    return {
        "scvi_version": version("scvi-tools"),
        "model_name": model_name,
        "setup_method_name": "setup_datamodule",
        "setup_args": setup_args(keys),
        "field_registries": {
            "X": _field(
                ("X", None) if keys.layer in (None, "X") else ("layers", keys.layer),
                {"n_obs": n_obs, "n_vars": len(var_names), "column_names": var_names},
                {"n_vars": len(var_names), "n_cells": n_obs},
            ),
            "batch": _field(
                ("obs", "_scvi_batch"),
                {"categorical_mapping": batch_names(batch), "original_key": keys.batch},
                {"n_batch": 1 if batch is None else len(batch)},
            ),
            "labels": _field(
                ("obs", "_scvi_labels"),
                {
                    "categorical_mapping": label_names(labels, keys.unlabeled),
                    "original_key": keys.labels,
                    "unlabeled_category": keys.unlabeled,
                },
                {"n_labels": 1 if labels is None else len(labels)},
            ),
            "ind_x": _field(("obs", "_indices"), {}, {}),
            "sample": _sample(keys, sample),
            "size_factor": _field(None, {}, {}),
            "extra_categorical_covs": _categorical(keys, categorical),
            "extra_continuous_covs": _continuous(keys),
        },
    }


def setup_args(keys: Keys) -> dict[str, Any]:
    """Return the arguments of ``setup_anndata`` that say the same."""
    return {
        "layer": None if keys.layer == "X" else keys.layer,
        "batch_key": keys.batch,
        "labels_key": keys.labels,
        "size_factor_key": None,
        "categorical_covariate_keys": list(keys.categorical) or None,
        "continuous_covariate_keys": list(keys.continuous) or None,
        **({} if keys.sample is None else {"sample_key": keys.sample}),
    }


def batch_names(batch: Column | None) -> Array:
    """Return the names of the batches; one, where there is no key."""
    return np.array(["0"], dtype=object) if batch is None else batch.names


def label_names(labels: Column | None, unlabeled: str) -> Array:
    """Return the names of the classes, and last what means none of them."""
    names = np.array(["0"], dtype=object) if labels is None else labels.names
    return np.array([*names, unlabeled], dtype=object)


def n_obs_per_sample(sample: Column | None) -> Any:
    """Return the rows of each sample, a float32 tensor."""
    import torch

    if sample is None:
        return torch.tensor([])
    return torch.from_numpy(np.bincount(sample.codes, minlength=len(sample)).astype(np.float32))


def _sample(keys: Keys, sample: Column | None) -> dict[str, Any]:
    state = {
        "categorical_mapping": None if sample is None else sample.names,
        "original_key": keys.sample,
    }
    field = _field(
        ("obs", "_scvi_sample"), state, {"n_sample": 0 if sample is None else len(sample)}
    )
    return {**field, "n_obs_per_sample": {"n_obs_per_sample": n_obs_per_sample(sample)}}


def _categorical(keys: Keys, columns: Sequence[Column]) -> dict[str, Any]:
    stats = {"n_extra_categorical_covs": len(columns)}
    if not columns:
        return _field(None, {}, stats)
    state = {
        "field_keys": list(keys.categorical),
        "mapping": {column.key: column.names for column in columns},
        "n_cats_per_key": [len(column) for column in columns],
    }
    return _field(("obsm", "_scvi_extra_categorical_covs"), state, stats)


def _continuous(keys: Keys) -> dict[str, Any]:
    stats = {"n_extra_continuous_covs": len(keys.continuous)}
    if not keys.continuous:
        return _field(None, {}, stats)
    state = {"columns": np.array(keys.continuous, dtype=object)}
    return _field(("obsm", "_scvi_extra_continuous_covs"), state, stats)


def _field(
    where: tuple[str, str | None] | None, state: dict[str, Any], stats: dict[str, Any]
) -> dict[str, Any]:
    registry = {} if where is None else {"attr_name": where[0], "attr_key": where[1]}
    return {"data_registry": registry, "state_registry": state, "summary_stats": stats}
