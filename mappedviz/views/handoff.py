"""The hand-off: what was decided as code, as JSON, as a Dataset and a DataLoader, tried out at once."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from mappedviz.collection.split import split_recipe
from mappedviz.recipe.in_files import in_files
from mappedviz.report.html import fragment
from mappedviz.report.values import Content
from mappedviz.text.display import shown
from mappedviz.views.base import View, handler
from mappedviz.views.handoff_code import laid_out, quoted, scvi_arguments, scvi_code
from mappedviz.views.models import handoff as model
from mappedviz.views.preview import Preview, preview_of
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
    from mappedviz.scvi import DataModule
    from mappedviz.views.nodes import Node

_SPLIT_OPTIONS = ("by", "fraction", "seed", "stratify", "holdout")
_NO_SPLIT: dict[str, Any] = {
    "split_by": None,
    "stratify": (),
    "split_parts": (),
    "holdout": {},
    "part": None,
}


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
        The kind of code that :meth:`code` returns: ``"notebook"``, ``"script"``, ``"scvi"`` (a model of
        scvi-tools, trained on the collection) or ``"json"``.
    batch_key
        Obs key of the batches of :meth:`scvi`; ``""``: each store is one. None: what the audit was asked
        for as its ``batch``, else each store.
    trial
        The last trial: a :class:`Trial`, or None.

    Examples
    --------
    >>> import mappedviz as mv
    >>> view = mv.HandoffView(mv.datasets.demo() / "boston.zarr", label="celltype")
    >>> view.session.wait()
    True
    >>> view.dataset().shape
    (500, 640)
    >>> next(iter(view.dataloader(batch_size=16)))["celltype"].shape
    torch.Size([16])
    """

    title = "Hand-off"
    decides = "Decide what a batch holds and what is set aside, then take the code or the loader."
    sections: ClassVar = ()
    controls: ClassVar = ("batch_size", "validate", "script")
    actions: ClassVar = ("save", "try_out", "stop", "show_split")
    events: ClassVar = {
        ("layers_keys", "value"): "_layers_chosen",
        ("obsm_keys", "value"): "_obsm_chosen",
        ("obs_keys", "value"): "_keys_chosen",
        ("dtype", "value"): "_dtype_chosen",
        ("shuffle", "value"): "_order_chosen",
        ("split_by", "value"): "_group_chosen",
        ("split_fraction", "value"): "_fraction_chosen",
        ("stratify", "value"): "_strata_chosen",
        ("batch_key", "value"): "_batches_chosen",
        ("file", "value"): "_file_named",
    }
    drawn: ClassVar = ("bars",)

    batch_size = traitlets.Int(512, min=1)
    shuffle = traitlets.Any(True)
    validate = traitlets.Bool(False)
    script = traitlets.Enum(tuple(model.SCRIPTS), "notebook")
    batch_key = traitlets.Unicode(None, allow_none=True)
    trial = traitlets.Instance(Trial, allow_none=True)

    def _start(self) -> None:
        self._made: tuple[Recipe, MappedCollection] | None = None
        self._work = Work(self.session.lock)
        self._file = "recipe.json"
        self._said = ""
        self._trying = False
        self._preview: tuple[Recipe, Preview] | None = None

    def _body(self, audit: Audit) -> list[Node]:
        recipe = self.session.recipe
        state = model.State(
            recipe=recipe,
            batch_size=self.batch_size,
            shuffle=self.shuffle,
            validate=self.validate,
            script=self.script,
            code=self.code(),
            batch_key=self._batch_key(),
            file=self._file,
            said=self._said,
            trying=self._trying,
            trial=self.trial,
            preview=self._preview[1]
            if self._preview is not None and self._preview[0] == recipe and self.validate
            else None,
        )
        return model.body(audit, state)

    def _follow(self) -> None:
        recipe = self.session.recipe
        split = (recipe.split_by, recipe.stratify, recipe.split_parts, recipe.holdout)
        self.validate = self.validate or any(split)

    def _audit_changed(self, change: Any) -> None:
        if self._made is not None and self._made[0] != self.session.recipe:
            self.trial = None
        super()._audit_changed(change)

    # --- events ----------------------------------------------------------------------------

    def _layers_chosen(self, value: Any) -> None:
        ids = model.ids_of(model.elements(self.audit, self.session.recipe)[0])
        keys = ids.values(value)
        alias = self.session.recipe.layer_alias  # of what is not read, the recipe says nothing
        kept = {key: one for key, one in alias.items() if key in keys}
        self.session.edit(layers_keys=keys, layer_alias=kept)

    def _obsm_chosen(self, value: Any) -> None:
        ids = model.ids_of(model.elements(self.audit, self.session.recipe)[1])
        self.session.edit(obsm_keys=ids.values(value))

    def _keys_chosen(self, value: Any) -> None:
        label = self.session.label
        ids = model.ids_of(model.elements(self.audit, self.session.recipe)[2])
        keys = [*([label] if label is not None else []), *ids.values(value)]
        self.session.edit(obs_keys=keys)

    def _dtype_chosen(self, value: Any) -> None:
        self.session.edit(dtype=value or None)

    def _order_chosen(self, value: Any) -> None:
        self.shuffle = model.ORDERS[value][1]

    def _group_chosen(self, value: Any) -> None:
        by = model.groups(self.audit, self.session.recipe)[value]
        self.session.edit(split_by=by)

    def _fraction_chosen(self, value: Any) -> None:
        self.session.edit(split_fraction=float(value))

    def _strata_chosen(self, value: Any) -> None:
        label = self.session.label
        others = tuple(key for key in self.session.recipe.stratify if key != label)
        self.session.edit(stratify=(*others, label) if value and label else others)

    def _batches_chosen(self, value: Any) -> None:
        self.batch_key = model.batches(self.audit, self.session.recipe)[value]

    def _file_named(self, value: Any) -> None:
        self._file = str(value)

    # --- traits ----------------------------------------------------------------------------

    @traitlets.validate("shuffle")
    def _valid_shuffle(self, proposal: Any) -> Any:
        value = proposal["value"]
        if value not in (True, False, "block"):
            raise traitlets.TraitError(f"shuffle is True, False or 'block', not {value!r}")
        return value

    @traitlets.observe("validate")
    @handler
    def _validate_changed(self, change: Any) -> None:
        if not change["new"]:
            self.session.edit(**_NO_SPLIT)

    @traitlets.observe("trial")
    @handler
    def _trial_changed(self, _: Any) -> None:
        self._say_trial()

    def _say_trial(self) -> None:
        trial = self.trial
        if trial is None:
            self._said = ""
        else:
            classes = f"; {shown(trial.key)}: {len(trial.drawn):,} classes" if trial.key else ""
            self._said = f"{trial}{classes}"

    def save(self) -> None:
        """Write the recipe as JSON to the file that is named."""
        path = self.session.recipe.save(Path(self._file).expanduser())
        self.toast(f"Saved {path}.", "ok")

    # --- trying it out ---------------------------------------------------------------------

    @property
    def said(self) -> str:
        """The sentence on the last trial or split."""
        return self._said

    def try_out(self) -> None:
        """Make the loader and draw from it for about a second, on a thread."""

        def do(_: Report, cancel: threading.Event) -> Trial:
            return self.first_batch(cancel=cancel)

        with self.session.together():
            self._tell("Making the loader …", trying=True)
            self._work.start(do, self._tried, self._not_tried)

    def stop(self) -> None:
        """Stop the trial."""
        if self._work.cancel():
            self._tell("Stopped.")

    def show_split(self) -> None:
        """Count cells, groups and classes of each part of the split, on a thread."""
        recipe, label = self.session.recipe, self.session.label

        def do(_: Report, __: threading.Event) -> Preview:
            return preview_of(self.split(), label)

        def done(found: Preview) -> None:
            self._preview = recipe, found
            self._tell("")

        with self.session.together():
            self._tell("Splitting …", trying=True)
            self._work.start(do, done, self._not_tried)

    def _tell(self, text: str, *, trying: bool = False) -> None:
        with self.session.together():
            self._said, self._trying = text, trying
            self.changed()

    def _not_tried(self, error: Exception) -> None:
        kind = "" if not isinstance(error, (MemoryError, OSError)) else f"{type(error).__name__}: "
        self._tell("⚠ " + shown(f"{kind}{error}", 600))

    def _tried(self, trial: Trial) -> None:
        with self.session.together():
            self._trying = False
            self.trial = trial
            self._say_trial()
            self.changed()

    def _forget(self) -> None:
        super()._forget()
        self._work.cancel()

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

    def scvi(self, **options: Any) -> DataModule:
        """The data module for models of scvi-tools: see :class:`mappedviz.scvi.DataModule`.

        Batches, labels, the matrix, the split, weights and the order are what was decided here.

        Parameters
        ----------
        **options
            Arguments of the data module that differ or come on top: ``batch_key``,
            ``categorical_covariate_keys``, ``seed``, …

        Raises
        ------
        ModuleNotFoundError
            scvi-tools is not installed.
        MappedvizError
            The data module refuses the cells, by name: a matrix without counts, a cell without a batch.
        """
        from mappedviz.scvi import DataModule

        made = self._scvi_arguments()
        if "batch_key" in options:
            made.pop("store_key", None)
        ds = self.dataset()
        split = ds.split() if self.validate and "split" not in options else False
        return DataModule(ds, **{**made, "split": split, **options})

    def _batch_key(self) -> str:
        """Return the obs key of the batches, or "" where each store is one."""
        audit = self.session.audit
        named = None if audit is None else audit.batch
        return self.batch_key if self.batch_key is not None else named or ""

    def _scvi_arguments(self) -> dict[str, Any]:
        audit = self.session.audit
        known = () if audit is None else tuple(map(str, audit.obs_schema.index))
        return scvi_arguments(
            self.session.recipe, self._batch_key() or None, known, self.shuffle, self.batch_size
        )

    # --- for scripts -----------------------------------------------------------------------

    def table(self) -> pd.DataFrame:
        """Return the classes that the last trial drew: DataFrame n, drawn, expected."""
        import pandas as pd

        return pd.DataFrame() if self.trial is None else self.trial.drawn

    def plot(self, ax: Axes | None = None) -> Axes:
        """Expected and drawn shares of the classes: see :func:`mappedviz.plots.plot_drawn`."""
        from mappedviz.plots import plot_drawn

        return plot_drawn(self.table(), ax)

    def code(self) -> str:
        """The hand-off as code, or the recipe as JSON: what :attr:`script` says.

        AnnData objects in memory are named as the files that they have to be written to first.
        """
        recipe, files = in_files(self.session.recipe)
        if self.script == "json":
            return recipe.to_json()
        return "\n".join([*model.first_written(files), self._code_of(recipe)])

    def _code_of(self, recipe: Recipe) -> str:
        source = recipe.part_names[0] if self.validate else "ds"
        order = "weights=True" if recipe.weights_keys else f"shuffle={self.shuffle!r}"
        if self.script == "scvi":
            return scvi_code(recipe, self._scvi_arguments(), validate=self.validate)
        lines = ["import mappedviz as mv", ""]
        if self.script == "script":
            lines.append(f'recipe = mv.Recipe.load("{quoted(self._file)}")')
        else:
            lines.append(laid_out(recipe))
        lines.append("ds = mv.MappedCollection.from_recipe(recipe)")
        if self.validate:
            lines.append(f"{', '.join(recipe.part_names)} = ds.split()")
        lines.append(f"loader = mv.dataloader({source}, batch_size={self.batch_size}, {order})")
        if self.script == "script":
            target = f'batch["{quoted(self.session.label)}"]' if self.session.label else "..."
            lines += [
                "",
                "for epoch in range(10):",
                "    for batch in loader:",
                f'        inputs, targets = batch["{quoted(recipe.layers_keys[0])}"], {target}',
                "        ...  # one step of your model",
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        self.session.wait(2.0)
        return fragment(Content(verdict=self._kept_status(), code=self.code()))
