"""The hand-off: what was decided as code, as JSON, as a Dataset and a DataLoader, tried out at once."""

from __future__ import annotations

import pprint
import threading
import time
from ast import literal_eval
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import ipywidgets as widgets
import traitlets

from mappedviz.collection.split import split_recipe
from mappedviz.report.html import fragment
from mappedviz.report.values import Content
from mappedviz.text.display import names, quantity, share, shown
from mappedviz.views.base import View, handler
from mappedviz.views.charts import Bars, Code
from mappedviz.views.controls import Numbers, button, dropdown, offer, row, sentence
from mappedviz.views.series import Ids
from mappedviz.views.trial import SECONDS, Trial, try_loader
from mappedviz.views.work import Report, Work

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from torch.utils.data import DataLoader

    from mappedviz.audits.result import Audit
    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.collection.split import Parts
    from mappedviz.recipe.recipe import Recipe

_GREY, _BLUE = "#999999", "#0072b2"
_ORDERS = {"true random": True, "blocks, shuffled": "block", "in order": False}
_DTYPES = ("", "float32", "float16", "float64", "int32")
_SPLIT_OPTIONS = ("by", "fraction", "seed", "stratify", "holdout")
_NO_SPLIT: dict[str, Any] = {
    "split_by": None,
    "stratify": (),
    "split_parts": (),
    "holdout": {},
    "part": None,
}
_MOST_CLASSES = 15
_WIDTH = 84


class HandoffView(View):
    """The recipe as code and JSON; its first batch; the Dataset and the DataLoader themselves.

    Parameters
    ----------
    source, label, renderer, bare, active
        As for :class:`~mappedviz.views.base.View`.

    Attributes
    ----------
    batch_size
        Rows per batch.
    shuffle
        True, ``"block"`` or False; not asked where the recipe has weights.
    validate
        Set cells aside for validation.
    script
        The kind of code that :meth:`code` returns: ``"notebook"``, ``"script"`` or ``"json"``.
    trial
        The last trial: a :class:`Trial`, or None.

    Examples
    --------
    >>> import mappedviz as mv
    >>> view = mv.HandoffView("notebooks/data/pbmc3k_processed.v3sharded.zarr", label="louvain")
    >>> view.session.wait()
    True
    >>> view.dataset().shape
    (2638, 13714)
    >>> next(iter(view.dataloader(batch_size=16)))["louvain"].shape
    torch.Size([16])
    """

    title = "Hand-off"
    sections: ClassVar = ()

    batch_size = traitlets.Int(512, min=1)
    shuffle = traitlets.Any(True)
    validate = traitlets.Bool(False)
    script = traitlets.Enum(("notebook", "script", "json"), "notebook")
    trial = traitlets.Instance(Trial, allow_none=True)

    def _build(self) -> list[Any]:
        self._ids = Ids()
        self._made: tuple[Recipe, MappedCollection] | None = None
        self._work = Work(self.session.lock)
        several: dict[str, Any] = {"rows": 3, "layout": {"width": "230px"}}
        self.layers_control = widgets.SelectMultiple(description="read", **several)
        self.obsm_control = widgets.SelectMultiple(description="obsm", **several)
        self.keys_control = widgets.SelectMultiple(description="also obs", **several)
        self.dtype_control = dropdown(
            "dtype",
            "of X and layers in a batch",
            options=[("as stored", ""), *((name, name) for name in _DTYPES[1:])],
        )
        self.size_control = widgets.BoundedIntText(
            512, 1, 1_000_000, description="batch size", layout={"width": "180px"}
        )
        self.order_control = dropdown(
            "order", "in which cells are visited", options=list(_ORDERS.items())
        )
        self.validate_control = widgets.Checkbox(
            description="set cells aside for validation", indent=False, layout={"width": "auto"}
        )
        self.by_control = dropdown("never split a", "no donor on both sides")
        self.fraction_control = widgets.FloatSlider(
            0.2,
            min=0.01,
            max=0.9,
            step=0.01,
            readout_format=".0%",
            description="share",
            continuous_update=False,
            layout={"width": "260px"},
        )
        self.strata_control = widgets.Checkbox(
            description="each class with its share", indent=False, layout={"width": "auto"}
        )
        self.script_control = widgets.ToggleButtons(
            options=[
                ("in this notebook", "notebook"),
                ("training script", "script"),
                ("recipe as JSON", "json"),
            ],
            style={"button_width": "auto"},
        )
        self.text = Code(title="Code", language="python")
        self.file_control = widgets.Text(
            value="recipe.json", description="file", layout={"width": "300px"}
        )
        self.save_button = button("Save the recipe", "write it as JSON", icon="save")
        self.try_button = button(
            "Take a first batch",
            "make the loader and draw from it for a second",
            icon="play",
            style="primary",
        )
        self.stop_button = button("Stop", "stop drawing", icon="stop")
        self.said = sentence()
        self.numbers = Numbers()
        self.bars = Bars(title="Classes drawn, and what was expected", unit="%", mode="grouped")
        self._connect()
        self._bars = self.picture(self.bars, self.plot)
        self._bars.layout.display = "none"
        return [
            row(self.layers_control, self.keys_control, self.obsm_control, self.dtype_control),
            row(self.size_control, self.order_control),
            row(self.validate_control, self.by_control, self.fraction_control, self.strata_control),
            self.script_control,
            self.text,
            row(self.file_control, self.save_button),
            row(self.try_button, self.stop_button),
            self.said,
            self.numbers,
            self._bars,
        ]

    def _connect(self) -> None:
        """Let controls change the view and the recipe."""
        for control, name in (
            (self.size_control, "batch_size"),
            (self.order_control, "shuffle"),
            (self.validate_control, "validate"),
            (self.script_control, "script"),
        ):
            self.bind(control, name)
        for control, field in (
            (self.layers_control, "layers_keys"),
            (self.obsm_control, "obsm_keys"),
            (self.dtype_control, "dtype"),
            (self.by_control, "split_by"),
            (self.fraction_control, "split_fraction"),
        ):
            control.observe(self._edited(field), "value")
        self.keys_control.observe(self._keys_edited, "value")
        self.strata_control.observe(self._strata_edited, "value")
        self.press(self.save_button, self._save)
        self.press(self.try_button, self.try_out)
        self.stop_button.on_click(lambda _: self._stop())
        self.stop_button.layout.display = "none"

    def _edited(self, field: str) -> Any:
        def edit(self: HandoffView, change: Any) -> None:
            value = change["new"]
            self.session.edit(**{field: None if value == "" else value})
            self.follow()

        return handler(edit).__get__(self)

    # --- recipe -> controls ----------------------------------------------------------------

    def _follow(self) -> None:
        recipe, audit = self.session.recipe, self.session.audit
        layers, obsm, obs = {"X": 0}, {}, {}
        if audit is not None:
            good = audit.stores[audit.stores["status"] == "ok"]
            for of_store in good["layers"]:
                layers.update(dict.fromkeys(map(str, of_store), 0))
            if bool(good["raw"].any()):
                layers["raw.X"] = 0
            for of_store in good["obsm"]:
                obsm.update(dict.fromkeys(map(str, of_store), 0))
            obs = dict.fromkeys(map(str, audit.obs_schema.index[:300]), 0)
        label = self.session.label
        also = tuple(key for key in recipe.obs_keys if key != label)
        for control, known, chosen in (
            (self.layers_control, layers, recipe.layers_keys),
            (self.obsm_control, obsm, recipe.obsm_keys),
            (self.keys_control, {key: 0 for key in obs if key != label}, also),
        ):
            every = dict.fromkeys([*known, *chosen])
            offer(control, [(shown(key, 40), key) for key in every], chosen, several=True)
            control.layout.display = None if every else "none"
        self.dtype_control.value = recipe.dtype if recipe.dtype in _DTYPES else ""
        if recipe.dtype is not None and recipe.dtype not in _DTYPES:
            offer(self.dtype_control, list(self.dtype_control.options), recipe.dtype)
        weighted = bool(recipe.weights_keys)
        orders: list[tuple[str, Any]] = list(_ORDERS.items())
        if weighted:
            orders = [("by weight", self.shuffle)]
        if list(self.order_control.options) != orders:
            offer(self.order_control, orders, self.shuffle)
        self.order_control.disabled = weighted
        split = (recipe.split_by, recipe.stratify, recipe.split_parts, recipe.holdout)
        self.validate = self.validate or any(split)
        self._controls()
        groups: list[tuple[str, Any]] = [("(any cell alone)", None)]
        groups += [(shown(key, 40), key) for key in obs if key != label]
        if len(recipe.split_keys) > 1:
            groups.append(
                (" + ".join(shown(key, 40) for key in recipe.split_keys), recipe.split_by)
            )
        offer(self.by_control, groups, recipe.split_by)
        self.fraction_control.disabled = bool(recipe.split_parts)
        self.strata_control.value = label is not None and label in recipe.stratify
        self.strata_control.disabled = label is None
        fraction = recipe.split_fraction
        low, high = self.fraction_control.min, self.fraction_control.max
        self.fraction_control.value = min(max(fraction, low), high)
        self._show_code()

    def _controls(self) -> None:
        self.size_control.value = self.batch_size
        if not self.session.recipe.weights_keys:
            self.order_control.value = self.shuffle
        self.validate_control.value = self.validate
        self.script_control.value = self.script
        for control in (self.by_control, self.fraction_control, self.strata_control):
            control.layout.display = None if self.validate else "none"

    def _show_code(self) -> None:
        self.text.language = "json" if self.script == "json" else "python"
        self.text.text = self.code()

    # --- controls -> recipe ----------------------------------------------------------------

    @handler
    def _keys_edited(self, change: Any) -> None:
        label = self.session.label
        keys = [*([label] if label is not None else []), *change["new"]]
        self.session.edit(obs_keys=keys)
        self.follow()

    @handler
    def _strata_edited(self, change: Any) -> None:
        label = self.session.label
        others = tuple(key for key in self.session.recipe.stratify if key != label)
        self.session.edit(stratify=(*others, label) if change["new"] and label else others)
        self.follow()

    @traitlets.validate("shuffle")
    def _valid_shuffle(self, proposal: Any) -> Any:
        value = proposal["value"]
        if value not in (True, False, "block"):
            raise traitlets.TraitError(f"shuffle is True, False or 'block', not {value!r}")
        return value

    @traitlets.observe("batch_size", "shuffle", "validate", "script")
    @handler
    def _look_changed(self, change: Any) -> None:
        if change["name"] == "validate" and not change["new"]:
            self.session.edit(**_NO_SPLIT)
        with self.setting():
            self._controls()
            self._show_code()

    def _save(self) -> None:
        path = self.session.recipe.save(Path(self.file_control.value).expanduser())
        self.session.tell(f"Saved {path}.")

    # --- trying it out ---------------------------------------------------------------------

    def try_out(self) -> None:
        """Make the loader and draw from it for about a second, on a thread."""
        self.said.value = "Making the loader …"
        self.try_button.disabled = True
        self.stop_button.layout.display = None

        def do(_: Report, cancel: threading.Event) -> Trial:
            return self.first_batch(cancel=cancel)

        self._work.start(do, self._tried, self._not_tried)

    def _idle(self) -> None:
        self.try_button.disabled = False
        self.stop_button.layout.display = "none"

    def _stop(self) -> None:
        if self._work.cancel():
            self._idle()
            self.said.value = "Stopped."

    def _not_tried(self, error: Exception) -> None:
        self._idle()
        kind = "" if not isinstance(error, (MemoryError, OSError)) else f"{type(error).__name__}: "
        self.said.value = "⚠ " + shown(f"{kind}{error}", 600)

    def _tried(self, trial: Trial) -> None:
        self._idle()
        self.trial = trial

    @traitlets.observe("trial")
    def _show_trial(self, _: Any) -> None:
        trial = self.trial
        if trial is None:
            self.said.value = ""
            self.numbers.show([])
            self._bars.layout.display = "none"
            return
        classes = f"; {shown(trial.key)}: {len(trial.drawn):,} classes" if trial.key else ""
        self.said.value = f"{trial}{classes}"
        self.numbers.show(
            [
                (f"{trial.rate:,.0f}", "cells a second"),
                (f"{1000 * trial.first:,.0f} ms", "until the first batch"),
                (f"{1000 * trial.opened:,.0f} ms", "to make the loader"),
                (quantity(trial.n_rows), "cells were drawn"),
            ]
        )
        some = trial.drawn.sort_values("expected", ascending=False).iloc[:_MOST_CLASSES]
        self._bars.layout.display = None if len(some) else "none"
        self._ids = Ids(some.index, "d")
        self.bars.series = [
            {"name": "expected", "colour": _GREY, "hatch": False},
            {"name": "drawn", "colour": _BLUE, "hatch": False},
        ]
        self.bars.rows = [
            {
                "id": self._ids.of(label),
                "label": text,
                "values": [100 * float(facts["expected"]), 100 * float(facts["drawn"])],
                "text": f"{share(facts['expected'])} → {share(facts['drawn'])}",
            }
            for (label, facts), text in zip(some.iterrows(), names(some.index), strict=True)
        ]
        self._bars.draw(self.renderer)

    def first_batch(
        self, *, seconds: float = SECONDS, cancel: threading.Event | None = None
    ) -> Trial:
        """Make the loader, draw from it for a while, and return what came."""
        began = time.perf_counter()
        recipe = self.session.recipe
        ds = self.dataset()
        rows = ds.split()[0] if self.validate else ds
        loader = self.dataloader(of=rows)
        key = self.session.label if self.session.label in ds.encoders else None
        return try_loader(
            loader,
            rows,
            key=key,
            weighted=bool(recipe.weights_keys),
            seconds=seconds,
            opened=time.perf_counter() - began,
            cancel=cancel,
        )

    # --- what is handed over ---------------------------------------------------------------

    def dataset(self) -> MappedCollection:
        """The collection of the recipe; the same one until the recipe changes."""
        recipe = self.session.recipe
        if self._made is None or self._made[0] != recipe or self._made[1].closed:
            self._made = recipe, self.session.dataset()
        return self._made[1]

    def split(self, **options: Any) -> Parts[MappedCollection]:
        """Train and validation, or parts with names: see :meth:`mappedviz.MappedCollection.split`.

        Parameters
        ----------
        **options
            All are decisions, and become part of the recipe.
        """
        if options:
            named = {name: options.pop(name) for name in list(options) if name in _SPLIT_OPTIONS}
            self.session.recipe = split_recipe(self.session.recipe, **named, parts=options)
        self.validate = True
        return self.dataset().split()

    def dataloader(
        self, batch_size: int | None = None, *, of: MappedCollection | None = None, **options: Any
    ) -> DataLoader[dict[str, Any]]:
        """The loader that was decided upon: see :func:`mappedviz.dataloader`.

        Parameters
        ----------
        batch_size
            Default: that of this view, which becomes what is given.
        of
            Of a part of the dataset, such as ``ui.split()[0]``; default: all of it.
        **options
            Options that differ: ``shuffle``, ``weights``, ``num_workers``, ``sparse``, …
        """
        from mappedviz.loaders.loader import dataloader

        if batch_size is not None:
            self.batch_size = batch_size
        if "weights" not in options and "shuffle" not in options:
            if self.session.recipe.weights_keys:
                options["weights"] = True
            else:
                options["shuffle"] = self.shuffle
        return dataloader(self.dataset() if of is None else of, self.batch_size, **options)

    # --- drawing ---------------------------------------------------------------------------

    def _draw(self, audit: Audit) -> None:
        self.try_button.disabled = audit.fatal
        if audit.fatal:
            self.message = audit.verdict
        if self._made is not None and self._made[0] != self.session.recipe:
            self.trial = None

    def table(self) -> pd.DataFrame:
        """Return the classes that the last trial drew: DataFrame n, drawn, expected."""
        import pandas as pd

        return pd.DataFrame() if self.trial is None else self.trial.drawn

    def plot(self, ax: Axes | None = None) -> Axes:
        """Expected and drawn shares of the classes: see :func:`mappedviz.plots.plot_drawn`."""
        from mappedviz.plots import plot_drawn

        return plot_drawn(self.table(), ax)

    def code(self) -> str:
        """The hand-off as code, or the recipe as JSON: what :attr:`script` says."""
        recipe = self.session.recipe
        if self.script == "json":
            return recipe.to_json()
        source = recipe.part_names[0] if self.validate else "ds"
        order = "weights=True" if recipe.weights_keys else f"shuffle={self.shuffle!r}"
        lines = ["import mappedviz as mv", ""]
        if self.script == "script":
            lines.append(f'recipe = mv.Recipe.load("{_quoted(self.file_control.value)}")')
        else:
            lines.append(_laid_out(recipe))
        lines.append("ds = mv.MappedCollection.from_recipe(recipe)")
        if self.validate:
            lines.append(f"{', '.join(recipe.part_names)} = ds.split()")
        lines.append(f"loader = mv.dataloader({source}, batch_size={self.batch_size}, {order})")
        if self.script == "script":
            target = f'batch["{_quoted(self.session.label)}"]' if self.session.label else "..."
            lines += [
                "",
                "for epoch in range(10):",
                "    for batch in loader:",
                f'        inputs, targets = batch["{_quoted(recipe.layers_keys[0])}"], {target}',
                "        ...  # one step of your model",
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        self.session.wait(2.0)
        return fragment(Content(verdict=self.session.status, code=self.code()))


def _laid_out(recipe: Recipe) -> str:
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


def _quoted(text: Any) -> str:
    return str(text).encode("unicode_escape").decode("ascii").replace('"', '\\"')
