"""The hand-off: what is read, in which order, what is set aside, the code, and a trial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mappedviz.recipe.in_files import in_files
from mappedviz.text.display import listed, names, quantity, share, shown
from mappedviz.views import nodes, pictures
from mappedviz.views.models.tables import count, part, things
from mappedviz.views.series import Ids

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.views.nodes import Node
    from mappedviz.views.preview import Preview
    from mappedviz.views.trial import Trial

ORDERS: dict[str, tuple[str, Any]] = {
    "random": ("True random", True),
    "block": ("Blocks, shuffled", "block"),
    "given": ("In order", False),
}
DTYPES = ("", "float32", "float16", "float64", "int32")
SCRIPTS = {
    "notebook": "In this notebook",
    "script": "Training script",
    "scvi": "scvi-tools",
    "json": "Recipe as JSON",
}
LOW, HIGH = 0.01, 0.9  # share of the validation
_GREY, _BLUE = "#999999", "#0072b2"
_MOST_CLASSES = 15
_MOST_KEYS = 190


@dataclass(frozen=True)
class State:
    """The state of the view: its traits, the recipe, and what a trial and a preview said."""

    recipe: Recipe
    batch_size: int = 512
    shuffle: Any = True
    validate: bool = False
    script: str = "notebook"
    code: str = ""
    batch_key: str = ""
    file: str = "recipe.json"
    said: str = ""
    trying: bool = False
    trial: Trial | None = None
    preview: Preview | None = None

    @property
    def label(self) -> str | None:
        """The obs key of the class."""
        return self.recipe.obs_keys[0] if self.recipe.obs_keys else None


def body(audit: Audit, state: State) -> list[Node]:
    """Return the tab."""
    # The verdict itself is in the status line above.
    said = "No batch can be read before that is put right: Checks says how."
    made = [nodes.note("message", said, "error")] if audit.fatal else []
    return [
        *made,
        *_in_memory(state.recipe),
        nodes.row("reading", _reading(audit, state)),
        nodes.row("batching", _batching(state)),
        nodes.row("splitting", _splitting(audit, state)),
        *_preview(state.preview),
        nodes.segments("script", "Code", state.script, list(SCRIPTS.items())),
        *_batches(audit, state),
        nodes.code(
            "code",
            state.code,
            language="json" if state.script == "json" else "python",
            title="Code",
        ),
        nodes.row(
            "saving",
            [
                nodes.text_field("file", "File", state.file),
                nodes.button("save", "Save the recipe", "write it as JSON", icon="save"),
            ],
        ),
        nodes.row("trying", _trying(audit, state)),
        *([nodes.note("said", state.said)] if state.said else []),
        *_trial(state.trial),
    ]


def first_written(files: Mapping[str, str]) -> list[str]:
    """Return comments that say how objects in memory become files, by their addresses.

    Examples
    --------
    >>> print(first_written({"memory:0": "memory_0.h5ad"})[1])
    # adata.write_h5ad('memory_0.h5ad')  # adata being memory:0
    """
    if not files:
        return []
    says = "# AnnData objects in memory, which no other session has, are named as files: write them first."
    written = (f"# adata.write_h5ad({file!r})  # adata being {one}" for one, file in files.items())
    return [says, *written]


def _in_memory(recipe: Recipe) -> list[Node]:
    """Say how objects in memory are handed over, if there are any."""
    files = in_files(recipe)[1]
    if not files:
        return []
    some = listed([f'write_h5ad("{file}")' for file in files.values()], most=3)
    said = f"{things(len(files), 'store')} in memory: the recipe can be saved once they are written, {some}."
    return [nodes.note("in_memory", shown(said, 300), "warning")]


# ------------------------------------------------------------------------ what is read


def elements(audit: Audit, recipe: Recipe) -> tuple[list[str], list[str], list[str]]:
    """Return what can be read: X, raw.X and layers; obsm; obs keys but the class."""
    layers, obsm, obs = {"X": 0}, dict[str, int](), dict[str, int]()
    good = audit.stores[audit.stores["status"] == "ok"]
    for of_store in good["layers"]:
        layers.update(dict.fromkeys(map(str, of_store), 0))
    if bool(good["raw"].any()):
        layers["raw.X"] = 0
    for of_store in good["obsm"]:
        obsm.update(dict.fromkeys(map(str, of_store), 0))
    obs = dict.fromkeys(map(str, audit.obs_schema.index[:_MOST_KEYS]), 0)
    label = recipe.obs_keys[0] if recipe.obs_keys else None
    every = (
        [*layers, *recipe.layers_keys],
        [*obsm, *recipe.obsm_keys],
        [key for key in (*obs, *recipe.obs_keys) if key != label],
    )
    layers_, obsm_, obs_ = (list(dict.fromkeys(some))[:_MOST_KEYS] for some in every)
    return layers_, obsm_, obs_


def ids_of(some: Iterable[Any]) -> Ids:
    """Return the ids of keys."""
    return Ids(some, "k")


def _reading(audit: Audit, state: State) -> list[Node]:
    recipe = state.recipe
    layers, obsm, obs = elements(audit, recipe)
    made = []
    for name, label, known, chosen in (
        ("layers_keys", "Read", layers, recipe.layers_keys),
        ("obsm_keys", "From obsm", obsm, recipe.obsm_keys),
        ("obs_keys", "Also from obs", obs, recipe.obs_keys),
    ):
        if known:
            named = ids_of(known)
            alias = recipe.layer_alias if name == "layers_keys" else {}
            options = [(named.of(key), _words(key, alias.get(key))) for key in known]
            made.append(nodes.checks(name, label, named.known(chosen), options))
    return made


def _words(key: str, alias: tuple[str, ...] | Mapping[str, str] | None) -> str:
    """A key, and which matrices it stands for."""
    slots = list(dict.fromkeys(alias.values() if isinstance(alias, Mapping) else alias or ()))
    return shown(key, 40) + (f" (from {listed(slots, most=4)})" if slots else "")


def _batching(state: State) -> list[Node]:
    recipe = state.recipe
    dtype = recipe.dtype or ""
    options: list[Node] = [{"id": name, "text": name or "as stored"} for name in DTYPES]
    if recipe.weights_keys:
        order = nodes.select("shuffle", "Order", "weight", [("weight", "By weight")], disabled=True)
    else:
        value = next(name for name, (_, shuffle) in ORDERS.items() if shuffle == state.shuffle)
        orders = [(name, words) for name, (words, _) in ORDERS.items()]
        order = nodes.select("shuffle", "Order", value, orders, title="in which cells are visited")
    return [
        nodes.select("dtype", "dtype", dtype, options, title="of X and layers in a batch"),
        nodes.number_field("batch_size", "Batch size", state.batch_size, low=1, high=1_000_000),
        order,
    ]


# ------------------------------------------------------------------------ what is set aside


def groups(audit: Audit, recipe: Recipe) -> dict[str, Any]:
    """Return the id of each way to keep cells together -> ``split_by`` of the recipe."""
    found: dict[str, Any] = {"": None}
    obs = elements(audit, recipe)[2]
    named = ids_of(obs)
    found.update({named.of(key): key for key in obs})
    if len(recipe.split_keys) > 1 or not set(recipe.split_keys) <= set(obs):
        found[f"k{len(obs)}"] = recipe.split_by  # an id that no key has
    return found


def _splitting(audit: Audit, state: State) -> list[Node]:
    recipe = state.recipe
    made = [nodes.check("validate", "Set cells aside for validation", state.validate)]
    if not state.validate:
        return made
    found = groups(audit, recipe)
    keys = recipe.split_keys
    texts = {
        name: "(any cell alone)"
        if by is None
        else shown(by, 40)
        if isinstance(by, str)
        else " + ".join(shown(key, 40) for key in keys)
        for name, by in found.items()
    }
    wanted = (None,) if not keys else (recipe.split_by, keys[0] if len(keys) == 1 else keys)
    value = next(name for name, by in found.items() if by in wanted)
    fraction = min(max(recipe.split_fraction, LOW), HIGH)
    return [
        *made,
        nodes.select(
            "split_by",
            "Never split a",
            value,
            list(texts.items()),
            title="no donor on both sides",
        ),
        nodes.slider(
            "split_fraction",
            "Share",
            fraction,
            low=LOW,
            high=HIGH,
            step=0.01,
            text_=f"{fraction:.0%}",
            title="of the validation",
            disabled=bool(recipe.split_parts),
        ),
        nodes.check(
            "stratify",
            "Each class with its share",
            state.label is not None and state.label in recipe.stratify,
            disabled=state.label is None,
        ),
        nodes.button(
            "show_split", "Show the split", "cells, classes and groups of each part", icon="eye"
        ),
    ]


def batches(audit: Audit, recipe: Recipe) -> dict[str, str]:
    """Return the id of each choice of batches -> obs key, "" for the stores."""
    label = recipe.obs_keys[0] if recipe.obs_keys else None
    keys = [key for key in elements(audit, recipe)[2] if key != label]
    named = ids_of(keys)
    return {"": "", **{named.of(key): key for key in keys}}


def _batches(audit: Audit, state: State) -> list[Node]:
    if state.script != "scvi":
        return []
    found = batches(audit, state.recipe)
    options = [(name, shown(key, 40) if key else "Each store") for name, key in found.items()]
    value = next((name for name, key in found.items() if key == state.batch_key), state.batch_key)
    made = [
        nodes.select("batch_key", "Batches", value, options, title="what the model corrects for")
    ]
    # A layer that is named after counts is taken at its word until the data module looks into it.
    stores = audit.stores[audit.stores["status"] == "ok"]
    other = stores.index[(stores["x_scale"] != "counts") & stores["x_scale"].notna()]
    if len(other) and set(state.recipe.layers_keys) <= {"X"}:
        where = listed(list(other), most=3)
        said = f"X holds no counts in {where}. Read the matrix that does: others are refused."
        made.append(nodes.note("no_counts", said, "warning"))
    return made


def _preview(found: Preview | None) -> list[Node]:
    if found is None:
        return []
    columns: list[Node] = [
        {"id": "part", "label": "part", "sticky": True},
        {"id": "cells", "label": "cells", "align": "right"},
        {"id": "share", "label": "share", "align": "right", "bar": True},
    ]
    if found.groups is not None:
        columns.append({"id": "groups", "label": shown(found.by, 40), "align": "right"})
    if found.classes is not None:
        columns.append({"id": "classes", "label": "classes", "align": "right"})
    lines = []
    for i, name in enumerate(found.names):
        cells = [
            {"text": shown(name, 40)},
            count(found.cells[i]),
            part(found.cells[i] / max(sum(found.cells), 1), bar=True),
        ]
        if found.groups is not None:
            cells.append(count(found.groups[i]))
        if found.classes is not None:
            cells.append(count(found.classes[i]))
        lines.append({"id": f"p{i}", "cells": cells})
    made = [pictures.table("parts", "The split", columns, lines, copies=())]
    if found.lacking:
        n = len(found.lacking)
        said = f"{things(n, 'class', 'classes')} not in every part: "
        some = ", ".join(names(found.lacking[:5])) + (f" and {n - 5:,} more" if n > 5 else "")
        made.append(nodes.note("lacking", said + some, "warning"))
    return made


# ------------------------------------------------------------------------ trying it out


def _trying(audit: Audit, state: State) -> list[Node]:
    made = [
        nodes.button(
            "try_out",
            "Take a first batch",
            "make the loader and draw from it for a second",
            icon="play",
            mood_="primary",
            disabled=state.trying or audit.fatal,
        )
    ]
    if state.trying:
        made.append(nodes.button("stop", "Stop", "stop drawing", icon="stop"))
    return made


def seconds(value: float) -> str:
    """Return a time in words.

    Examples
    --------
    >>> seconds(5.46), seconds(0.012), seconds(75)
    ('5.5 s', '12 ms', '75 s')
    """
    if value < 0.9995:
        return f"{1000 * value:,.0f} ms"
    return f"{value:.1f} s" if value < 9.95 else f"{value:,.0f} s"


def _trial(trial: Trial | None) -> list[Node]:
    if trial is None:
        return []
    made = [
        nodes.numbers(
            "numbers",
            [
                (f"{trial.rate:,.0f}", "cells a second"),
                (seconds(trial.first), "until the first batch"),
                (seconds(trial.opened), "to make the loader"),
                (quantity(trial.n_rows), "cells were drawn"),
            ],
        )
    ]
    some = trial.drawn.sort_values("expected", ascending=False).iloc[:_MOST_CLASSES]
    if not len(some):
        return made
    named = Ids(some.index, "d")
    rows = [
        {
            "id": named.of(label),
            "label": text,
            "values": [100 * float(facts["expected"]), 100 * float(facts["drawn"])],
            "text": f"{share(facts['expected'])} → {share(facts['drawn'])}",
        }
        for (label, facts), text in zip(some.iterrows(), names(some.index), strict=True)
    ]
    series = [{"name": "expected", "colour": _GREY}, {"name": "drawn", "colour": _BLUE}]
    bars = pictures.bars(
        "bars", "Classes expected and drawn", rows, series, mode="grouped", unit="%"
    )
    return [*made, bars]
