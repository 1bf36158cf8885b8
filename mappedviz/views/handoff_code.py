"""What was decided, as code: the recipe, and a data module of scvi-tools."""

from __future__ import annotations

import pprint
from ast import literal_eval
from collections.abc import Collection
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mappedviz.recipe.recipe import Recipe

_WIDTH = 84


def laid_out(recipe: Recipe) -> str:
    """Return the recipe as code, one line per field; long values take several."""
    lines = []
    for one in fields(recipe):
        if getattr(recipe, one.name) != one.default:
            code = recipe.code_of(one.name)
            if len(code) > _WIDTH:
                name, _, value = code.partition("=")
                with suppress(ValueError):  # nan and inf are no literals
                    pretty = pprint.pformat(literal_eval(value), width=_WIDTH, sort_dicts=False)
                    code = f"{name}={pretty}".replace("\n", "\n    " + " " * (len(name) + 1))
            lines.append(f"    {code},\n")
    return f"recipe = mv.Recipe(\n{''.join(lines)})" if lines else "recipe = mv.Recipe()"


def quoted(text: Any) -> str:
    """Return a text as it stands between double quotes."""
    return str(text).encode("unicode_escape").decode("ascii").replace('"', '\\"')


def scvi_arguments(
    recipe: Recipe, batch_key: str | None, known: Collection[str], shuffle: Any, batch_size: int
) -> dict[str, Any]:
    """Return the arguments of a data module, but its split.

    Parameters
    ----------
    recipe
        The recipe.
    batch_key
        Obs key of the batches; None: each store is one.
    known
        Obs keys, which the column of stores must not have as its name.
    shuffle, batch_size
        As for the loader.
    """
    given: dict[str, Any] = {"batch_key": batch_key}
    if batch_key is None:
        key = "store" if "store" not in {*known, *recipe.obs_keys} else "store of the cell"
        given = {"batch_key": key, "store_key": key}
    if recipe.obs_keys and recipe.obs_keys[0] != batch_key:
        given["labels_key"] = recipe.obs_keys[0]
    layers = recipe.layers_keys
    layer = "counts" if "counts" in layers else layers[0]
    if layer != "X":
        given["layer"] = layer
    if recipe.weights_keys:
        given["weights"] = True
    elif shuffle is not True:
        given["shuffle"] = shuffle
    return {**given, "batch_size": batch_size}


def scvi_code(recipe: Recipe, arguments: dict[str, Any], *, validate: bool) -> str:
    """Return code that trains a model of scvi-tools on the cells of the recipe.

    Parameters
    ----------
    recipe
        The recipe.
    arguments
        Those of :func:`scvi_arguments`.
    validate
        Whether cells are set aside.
    """
    values = {
        key: f'"{quoted(value)}"' if isinstance(value, str) else repr(value)
        for key, value in arguments.items()
    }
    values["split"] = "ds.split()" if validate else "False"
    checks = ", check_val_every_n_epoch=1" if validate else ""
    remark = "  # or SCANVI, which learns the labels" if "labels_key" in values else ""
    return "\n".join(
        [
            "import mappedviz as mv",
            "import scvi",
            "from mappedviz.scvi import DataModule",
            "",
            laid_out(recipe),
            "ds = mv.MappedCollection.from_recipe(recipe)",
            "data = DataModule(",
            "    ds,",
            *(f"    {key}={value}," for key, value in values.items()),
            ")",
            f"model = data.model(scvi.model.SCVI){remark}",
            f"model.train(max_epochs=20, datamodule=data{checks})",
            "latent = model.get_latent_representation(dataloader=data.inference_dataloader())",
        ]
    )
