"""Saved models: loaded for a data module, if its codes mean what those of the model mean."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zipfile import BadZipFile

from mappedviz.errors import AbsentStoreError, RecipeError, StoreError
from mappedviz.scvi import models
from mappedviz.text.display import listed

if TYPE_CHECKING:
    from mappedviz.scvi.models import Data

_Model = TypeVar("_Model")
_MOST = 5  # names that a message shows


def load(
    data: Data,
    cls: type[_Model],
    directory: str | Path,
    *,
    prefix: str | None = None,
    device: Any = None,
) -> _Model:
    """Return a saved model: it is made of the data's registry, then gets its state.

    scvi-tools' own ``load`` adds several categorical covariates up to one (1.4; 1.5 for SCANVI), and
    leaves out parameters of the module.

    Parameters
    ----------
    data
        The data module.
    cls
        The class of the model.
    directory, prefix
        As for the ``load`` of the class.
    device
        Where the model goes; default: a GPU if there is one.

    Raises
    ------
    AbsentStoreError, StoreError
        There is no saved model, or it cannot be read.
    RecipeError
        It is of another class or of another collection.
    """
    import torch

    where = str(directory)
    saved = _read(where, prefix)
    attributes = dict(saved["attr_dict"])
    registry = attributes.pop("registry_")
    name = registry.get("model_name", cls.__name__)
    if name != cls.__name__ and not {name, cls.__name__} <= {"MRVI", "TorchMRVI"}:
        raise RecipeError(
            f"is a saved {name}, not a {cls.__name__}", key=where, remedy="Name its class."
        )
    check_same(data, registry, where)
    to = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if registry.get("setup_method_name") != "setup_datamodule":
        known: Any = cls
        labels = registry["field_registries"].get("labels", {}).get("state_registry", {})
        unlabeled = data.keys.unlabeled in _texts(labels.get("categorical_mapping"))
        cells = models.template(data, unlabeled=unlabeled)
        of_cells: Any = known.load(where, adata=cells, prefix=prefix)
        models.give_sample_counts(data, of_cells)
        of_cells.to_device(to)
        done: _Model = of_cells
        return done
    made: Any = models.new_model(data, cls, **models.parameters_of(attributes.pop("init_params_")))
    for key, value in attributes.items():
        setattr(made, key, value)
    state = {key: value for key, value in saved["model_state_dict"].items() if key != _PYRO}
    made.module.load_state_dict(state)
    made.to_device(to)
    made.module.eval()
    model: _Model = made
    return model


_PYRO = "pyro_param_store"  # among the weights, and none of them


def _read(where: str, prefix: str | None) -> dict[str, Any]:
    import torch

    path = Path(where) / f"{prefix or ''}model.pt"
    try:
        # As scvi-tools reads it: the histories of a model are tables of pandas.
        saved = torch.load(path, map_location="cpu", weights_only=False)
    except FileNotFoundError as error:
        raise AbsentStoreError(
            "there is no saved model", store=path, remedy="Name the folder that save() wrote."
        ) from error
    except (OSError, EOFError, RuntimeError, BadZipFile, pickle.UnpicklingError) as error:
        raise StoreError(f"cannot be read ({error})", store=path) from error
    if not isinstance(saved, dict) or "registry_" not in saved.get("attr_dict", {}):
        raise StoreError("is no saved model of scvi-tools", store=path)
    return saved


def check_same(data: Data, registry: Mapping[str, Any], what: str) -> None:
    """Refuse a model whose genes or codes are not those of the data.

    Parameters
    ----------
    data
        The data module.
    registry
        That of the model.
    what
        What the model is called in the message.

    Raises
    ------
    RecipeError
        It names what differs, and how.
    """
    here, there = (
        _facts(one, data.keys.unlabeled) for one in (data.registry_for("SCVI"), registry)
    )
    for key in here:
        if key in ("X", "labels", "sample") and not there[key]:
            continue  # a model that knows none does not mind them
        if here[key] != there[key]:
            raise RecipeError(
                f"the model was trained on another collection: {_WORDS[key]} were "
                f"{_some(there[key])}, and are {_some(here[key])} here{_first(there[key], here[key])}",
                key=what,
                remedy=_REMEDIES.get(key, _ELSE),
            )


_WORDS = {
    "X": "genes",
    "batch": "batches",
    "labels": "labels",
    "sample": "samples",
    "extra_categorical_covs": "categorical covariates",
    "extra_continuous_covs": "continuous covariates",
}
_ELSE = (
    "Codes mean what they meant with the same keys and encoders={key: "
    "Encoder.from_categories([…])} of the collection."
)
_REMEDIES = {
    "X": "Read these genes in this order: join='outer' with var_names=[…] of the model.",
    "extra_continuous_covs": "Name the same continuous_covariate_keys.",
}


def _facts(registry: Mapping[str, Any], unlabeled: str) -> dict[str, list[str]]:
    """Return the names of the codes of each field, in their order; of labels, those that are one."""
    fields = {
        key: one.get("state_registry", {}) for key, one in registry["field_registries"].items()
    }
    facts = {"X": _texts(fields.get("X", {}).get("column_names"))}
    for key in ("batch", "labels", "sample"):
        facts[key] = _texts(fields.get(key, {}).get("categorical_mapping"))
    none = str(fields.get("labels", {}).get("unlabeled_category") or unlabeled)
    facts["labels"] = [name for name in facts["labels"] if name != none]
    if facts["labels"] == ["0"]:  # no key
        facts["labels"] = []
    categorical = fields.get("extra_categorical_covs", {})
    named = categorical.get("mapping", categorical.get("mappings", {}))  # ours; setup_anndata's
    facts["extra_categorical_covs"] = [
        f"{key}: {name}" for key in categorical.get("field_keys", ()) for name in named[key]
    ]
    facts["extra_continuous_covs"] = _texts(fields.get("extra_continuous_covs", {}).get("columns"))
    return facts


def _texts(names: Any) -> list[str]:
    return [] if names is None else [str(name) for name in names]


def _some(names: Sequence[str]) -> str:
    return f"{listed(names, most=_MOST)}" if names else "none"


def _first(there: Sequence[str], here: Sequence[str]) -> str:
    """Name the first difference where the beginnings that are shown may be the same."""
    if min(len(there), len(here)) <= _MOST:
        return ""
    place = next(
        (i for i, (a, b) in enumerate(zip(there, here, strict=False)) if a != b),
        min(len(there), len(here)),
    )
    names = [one[place] if place < len(one) else "none" for one in (there, here)]
    return f" (number {place + 1:,}: {names[0]}, and {names[1]})"
