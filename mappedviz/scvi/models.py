"""Models of scvi-tools for a data module: made from its registry, or from a few made-up cells."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from mappedviz.scvi.counts import log_libraries
from mappedviz.scvi.registry import setup_args

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
    known = inspect.signature(cls).parameters
    if "registry" in known:
        own: dict[str, Any] = {"registry": data.registry_for(cls.__name__)}
        if "datamodule" in known:
            own["datamodule"] = data
        made: Any = cls(**own, **parameters)
    else:
        made = cls(_set_up(data, cls), **parameters)  # type: ignore[call-arg]
    _give_libraries(data, made.module)
    model: _Model = made
    return model


def anndata_model(data: Data, model: _Model) -> _Model:
    """Return a trained model as one that was made from an AnnData: all of scvi-tools works with it."""
    old: Any = model
    named = {
        key: value
        for key, value in old.init_params_["non_kwargs"].items()
        if key not in ("adata", "registry", "datamodule")
    }
    others = {k: v for group in old.init_params_["kwargs"].values() for k, v in group.items()}
    by_label = named.get("dispersion") == "gene-label"  # has a parameter per label
    cells = _set_up(data, type(model), unlabeled=not by_label)
    made: Any = type(model)(cells, **named, **others)  # type: ignore[call-arg]
    made.module.load_state_dict(old.module.state_dict())
    made.module.eval()
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
