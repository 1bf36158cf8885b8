"""Models of scvi-tools for a data module: made from its registry, or from a few made-up cells."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from mappedviz.errors import RecipeError
from mappedviz.scvi.counts import log_libraries
from mappedviz.scvi.registry import n_obs_per_sample, setup_args

if TYPE_CHECKING:
    from anndata import AnnData  # type: ignore[import-untyped]

    from mappedviz._types import Array
    from mappedviz.scvi.columns import Column, Keys

_Model = TypeVar("_Model")
_OF_EACH = 3  # cells of a category, below which scvi-tools warns


class Data(Protocol):
    """What a model is made of: a data module, apart from its loaders for training."""

    keys: Keys
    batch: Column | None
    sample: Column | None
    labels: Column | None
    categorical: list[Column]

    @property
    def n_batch(self) -> int:
        """Number of batches."""
        ...

    @property
    def var_names(self) -> Array:
        """Names of the genes."""
        ...

    def registry_for(self, model_name: str) -> dict[str, Any]:
        """Return the registry for a class of models."""
        ...

    def inference_dataloader(self) -> Any:
        """Return finished batches of all cells."""
        ...


def make_model(data: Data, cls: type[_Model], **parameters: Any) -> _Model:
    """Return a model of a class, for the data of a module.

    A class that takes a registry gets it. One that does not (scvi-tools 1.4: LinearSCVI, PEAKVI)
    gets :func:`template`, and learns from the data module as well.
    """
    _check_sample(data, cls)
    made: Any = new_model(data, cls, **parameters)
    _give_libraries(data, made.module)
    model: _Model = made
    return model


def new_model(data: Data, cls: type[_Model], **parameters: Any) -> _Model:
    """Return a model of a class, without reading cells."""
    known = inspect.signature(cls).parameters
    if "registry" in known:
        own: dict[str, Any] = {"registry": data.registry_for(cls.__name__)}
        if "datamodule" in known:
            own["datamodule"] = data
        return cls(**own, **parameters)
    return cls(_set_up(data, cls), **parameters)  # type: ignore[call-arg]


def check_needs(data: Data, model: Any) -> None:
    """Refuse to train a model that has a parameter for each label, or sample, where cells have none.

    Raises
    ------
    RecipeError
        MRVI without samples; MRVI, or ``dispersion="gene-label"``, with unlabelled cells.
    """
    _check_sample(data, type(model))
    if data.labels is None or not _is_by_label(model):
        return
    missing = int((data.labels.codes < 0).sum())
    if missing:
        raise RecipeError(
            f"{missing:,} of {len(data.labels.codes):,} cells have no {data.labels.key!r}, and the model has a "
            "parameter for each label",
            key="labels_key",
            remedy=f"Let {data.keys.unlabeled!r} be a label like others, with an unlabeled_category that no cell "
            "has, or leave these cells out with obs_query.",
        )


def _check_sample(data: Data, cls: type) -> None:
    if data.sample is None and _is_mrvi(cls):
        raise RecipeError(
            f"is not given, and {cls.__name__} compares samples",
            key="sample_key",
            remedy="Name the obs key of the samples, such as donors.",
        )


def _is_by_label(model: Any) -> bool:
    """Say whether the model has a parameter for each label."""
    dispersion = getattr(getattr(model, "module", None), "dispersion", None)
    return dispersion == "gene-label" or _is_mrvi(type(model))


def _is_mrvi(cls: type) -> bool:
    return any(one.__name__ in ("MRVI", "TorchMRVI") for one in cls.__mro__)


def parameters_of(init_params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a model was made with, by what it keeps of them."""
    named = {
        key: value
        for key, value in init_params["non_kwargs"].items()
        if key not in ("adata", "registry", "datamodule")
    }
    others = {k: v for group in init_params["kwargs"].values() for k, v in group.items()}
    return {**named, **others}


def anndata_model(data: Data, model: _Model) -> _Model:
    """Return a trained model as one that was made from an AnnData: all of scvi-tools works with it."""
    old: Any = model
    parameters = parameters_of(old.init_params_)
    cells = _set_up(data, type(model), unlabeled=not _is_by_label(old))
    made: Any = type(model)(cells, **parameters)  # type: ignore[call-arg]
    made.module.load_state_dict(old.module.state_dict())
    made.module.eval()
    give_sample_counts(data, made)
    for name in ("is_trained_", "history_", "was_pretrained"):
        if hasattr(old, name):
            setattr(made, name, getattr(old, name))
    made.to_device(old.device)
    new: _Model = made
    return new


def template(data: Data, *, unlabeled: bool = True) -> AnnData:
    """Return a few made-up cells, which have the genes and all categories of the collection.

    Parameters
    ----------
    data
        The data module.
    unlabeled
        Make one that has no label.
    """
    import pandas as pd
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    keys = data.keys
    columns = [c for c in (data.batch, data.sample, *data.categorical) if c is not None]
    labels = data.labels
    most = max([1, *(len(c) for c in columns), 0 if labels is None else len(labels) + 1])
    n = _OF_EACH * most
    obs = pd.DataFrame(index=[f"made_up_{i}" for i in range(n)])
    for column in columns:
        obs[column.key] = _cycled(n, column.names)
    if labels is not None:
        names = [*labels.names, *([keys.unlabeled] if unlabeled else [])]
        obs[labels.key] = _cycled(n, names)
    for key in keys.continuous:
        obs[key] = np.zeros(n)
    counts = csr_matrix(np.ones((n, len(data.var_names)), np.float32))
    layers = {} if keys.layer in (None, "X") else {keys.layer: counts}
    return AnnData(counts.copy(), obs=obs, var=pd.DataFrame(index=data.var_names), layers=layers)


def _cycled(n: int, names: Any) -> Any:
    import pandas as pd

    return pd.Categorical.from_codes((np.arange(n) % len(names)).tolist(), pd.Index(names))


def _set_up(data: Data, cls: Any, *, unlabeled: bool = True) -> AnnData:
    known = inspect.signature(cls.setup_anndata).parameters
    needs_unlabeled = "unlabeled_category" in known
    cells = template(data, unlabeled=unlabeled or needs_unlabeled)
    arguments: dict[str, Any] = {
        key: value
        for key, value in setup_args(data.keys).items()
        if key in known and value is not None
    }
    if needs_unlabeled:
        arguments["unlabeled_category"] = data.keys.unlabeled
    cls.setup_anndata(cells, **arguments)
    return cells


def give_sample_counts(data: Data, model: Any) -> None:
    """Tell a model of made-up cells how many cells the samples have, if it asks (MRVI)."""
    for one in (model, model.module):
        if data.sample is not None and hasattr(one, "n_obs_per_sample"):
            one.n_obs_per_sample = n_obs_per_sample(data.sample)


def _give_libraries(data: Data, module: Any) -> None:
    """Tell a module how many counts cells have, where it draws that: scvi-tools asks an AnnData."""
    means = getattr(module, "library_log_means", None)
    if means is None or getattr(module, "use_observed_lib_size", True):
        return
    import torch

    found = log_libraries(data.inference_dataloader(), data.n_batch)
    for name, values in zip(("library_log_means", "library_log_vars"), found, strict=True):
        buffer = getattr(module, name)
        buffer.copy_(torch.from_numpy(values).to(buffer.dtype))
