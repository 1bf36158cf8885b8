"""The weights: what drawing rare classes more often does to an epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import ipywidgets as widgets
import traitlets

from mappedviz.audits.tables.weights import DEFAULT_SCALER
from mappedviz.recipe.weights import FORMULAS
from mappedviz.text.display import names, quantity, share, shown
from mappedviz.views.base import View, handler
from mappedviz.views.charts import Bars, Table
from mappedviz.views.controls import Numbers, dropdown, offer, row
from mappedviz.views.series import Ids
from mappedviz.views.state import Several

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.result import Audit
    from mappedviz.audits.tables.weights import WeightTable

_GREY, _BLUE = "#999999", "#0072b2"
_SCHEMES = {**FORMULAS, "uniform": "all cells alike"}


class WeightsView(View):
    """Share of each class among the cells and among what is drawn; how much of the data is left.

    Parameters
    ----------
    source, label, renderer, bare, active
        As for :class:`~mappedviz.views.base.View`.

    Attributes
    ----------
    use
        Draw rows by weight: the recipe has ``weights_keys``.
    by
        Obs keys that are weighed; several are combined.
    scheme
        ``"uniform"``, ``"inverse"``, ``"scaled"`` or ``"sqrt"``; see
        :func:`mappedviz.recipe.weights.class_weights`.
    scaler
        s of s/(n+s).
    top_n
        Classes to show.

    Examples
    --------
    >>> import mappedviz as mv
    >>> view = mv.WeightsView("notebooks/data/pbmc3k_processed.v3sharded.zarr", label="louvain")
    >>> view.scheme, view.use = "sqrt", True
    >>> view.session.recipe.weights_keys, view.session.recipe.weights_scheme
    (('louvain',), 'sqrt')
    >>> round(view.weights().effective_fraction, 2)
    0.76
    """

    title = "Weights"
    sections: ClassVar = ("weights",)

    use = traitlets.Bool(False)
    by = Several()
    scheme = traitlets.Enum(tuple(_SCHEMES), "inverse")
    scaler = traitlets.Float(DEFAULT_SCALER, min=1e-9)
    top_n = traitlets.Int(25, min=1, max=150)

    def _build(self) -> list[Any]:
        self._ids = Ids()
        self.numbers = Numbers()
        self.use_control = widgets.Checkbox(
            description="draw cells by weight", indent=False, layout={"width": "auto"}
        )
        self.keys_control = widgets.SelectMultiple(
            description="classes of", rows=2, layout={"width": "300px"}
        )
        self.scheme_control = dropdown(
            "weight of a cell",
            "n: cells of its class",
            options=[(f"{words}  ({name})", name) for name, words in _SCHEMES.items()],
        )
        self.scaler_control = widgets.FloatLogSlider(
            DEFAULT_SCALER,
            min=0,
            max=6,
            step=0.25,
            description="s",
            continuous_update=False,
            readout_format=",.0f",
            layout={"width": "280px"},
        )
        self.bars = Bars(title="Share of each class, of the cells and of what is drawn", unit="%")
        self.grid = Table(title="Schemes side by side", selectable="one")
        self.grid.columns = [
            {"id": "scheme", "label": "weight of a cell", "align": "left"},
            {
                "id": "effective",
                "label": "effective cells",
                "align": "right",
                "title": "Kish: (Σw)²/Σw², how many equally weighted cells say as much",
            },
            {"id": "fraction", "label": "of all", "align": "right", "bar": True},
            {
                "id": "distinct",
                "label": "seen in an epoch",
                "align": "right",
                "bar": True,
                "title": "Σ(1−(1−p)^N)/N, expected",
            },
            {
                "id": "repeats",
                "label": "draws of each rarest cell",
                "align": "right",
                "title": "expected in an epoch",
            },
            {"id": "rarest", "label": "rarest class", "align": "right", "title": "share of draws"},
        ]
        for control, name in (
            (self.use_control, "use"),
            (self.keys_control, "by"),
            (self.scheme_control, "scheme"),
            (self.scaler_control, "scaler"),
        ):
            self.bind(control, name)
        self.grid.observe(self._scheme_clicked, "selected")
        self.bars.selectable = "many"
        self.bars.observe(self._bars_selected, "selected")
        return [
            row(self.use_control, self.keys_control, self.scheme_control, self.scaler_control),
            self.numbers,
            self.picture(self.bars, self.plot),
            self.grid,
        ]

    # --- recipe -> controls ----------------------------------------------------------------

    def _follow(self) -> None:
        recipe = self.session.recipe
        self.use = bool(recipe.weights_keys)
        if recipe.weights_keys:
            self.by = recipe.weights_keys
            self.scheme = recipe.weights_scheme or (
                "inverse" if recipe.weights_scaler is None else "scaled"
            )
            if recipe.weights_scaler is not None:
                self.scaler = recipe.weights_scaler
        else:
            kept = tuple(key for key in self.by if key in recipe.obs_keys)
            self.by = kept or recipe.obs_keys[:1]
        self._controls()

    def _controls(self) -> None:
        known = dict.fromkeys([*self.session.recipe.obs_keys, *self.by])
        offer(self.keys_control, [(shown(key, 40), key) for key in known], self.by, several=True)
        self.keys_control.rows = min(max(len(known), 1), 4)
        self.use_control.value = self.use
        self.scheme_control.value = self.scheme
        low, high = 10**self.scaler_control.min, 10**self.scaler_control.max
        self.scaler_control.value = min(max(self.scaler, low), high)
        self.scaler_control.layout.display = None if self.scheme == "scaled" else "none"

    # --- controls -> recipe ----------------------------------------------------------------

    @traitlets.observe("use", "by", "scheme", "scaler")
    @handler
    def _weights_changed(self, change: Any) -> None:
        if self.use:
            self.session.edit(
                weights_keys=self.by,
                weights_scheme=self.scheme,
                weights_scaler=self.scaler if self.scheme == "scaled" else None,
            )
        elif change["name"] == "use":
            self.session.edit(weights_keys=(), weights_scheme=None, weights_scaler=None)
        with self.setting():
            self._controls()
        self.draw()

    @traitlets.observe("top_n")
    @handler
    def _look_changed(self, _: Any) -> None:
        self.draw()

    @handler
    def _scheme_clicked(self, change: Any) -> None:
        if change["new"]:
            self.scheme = change["new"][0]

    @handler
    def _bars_selected(self, change: Any) -> None:
        self.session.classes = tuple(self._ids.values(change["new"]))

    # --- drawing ---------------------------------------------------------------------------

    def _draw(self, audit: Audit) -> None:
        self.bars.rows, self.grid.rows = [], []
        self.numbers.show([])
        if not self.by:
            self.message = "Choose a label first: weights are those of its classes."
            return
        found = self._weights(audit)
        if not len(found.table):
            self.message = (
                f"No cell has a label in {shown(found.key)!r}: there is nothing to weigh."
            )
            return
        self.numbers.show(
            [
                (
                    quantity(round(found.effective_size)),
                    f"effective cells, {share(found.effective_fraction)} of {quantity(found.n_rows)}",
                ),
                (share(found.distinct_fraction), "of the cells are drawn in an epoch"),
                (f"{found.rarest_repeats:,.3g}", "times each cell of the rarest class is drawn"),
                *(
                    [(quantity(found.n_missing), "cells without a label are never drawn")]
                    if found.n_missing
                    else []
                ),
            ]
        )
        some = found.table.iloc[: self.top_n]
        self._ids = Ids(some.index, "w")
        rows = [
            {
                "id": self._ids.of(label),
                "label": text,
                "values": [100 * float(facts["share_before"]), 100 * float(facts["share_after"])],
                "text": f"{share(facts['share_before'])} → {share(facts['share_after'])}",
                "title": f"{facts['n']:,.0f} cells, weight {facts['weight']:.3g}, "
                f"each drawn {facts['draws_per_cell']:.3g} times",
            }
            for (label, facts), text in zip(some.iterrows(), names(some.index), strict=True)
        ]
        rest = found.table.iloc[self.top_n :]
        if len(rest):
            before, after = rest["share_before"].sum(), rest["share_after"].sum()
            rows.append(
                {
                    "id": "other",
                    "label": f"other ({len(rest):,} more)",
                    "values": [100 * float(before), 100 * float(after)],
                    "text": f"{share(before)} → {share(after)}",
                }
            )
        with self.bars.hold_sync():
            self.bars.mode = "grouped"
            self.bars.series = [
                {"name": "of the cells", "colour": _GREY, "hatch": False},
                {"name": "of what is drawn", "colour": _BLUE, "hatch": False},
            ]
            self.bars.rows = rows
        self._draw_schemes(audit)

    def _draw_schemes(self, audit: Audit) -> None:
        rows = []
        for name, facts in self.schemes().iterrows():
            words = _SCHEMES[str(name)]
            if name == "scaled":
                words += f", s = {self.scaler:,.10g}"
            rows.append(
                {
                    "id": str(name),
                    "cells": [
                        {"text": words, "value": words},
                        _number(facts["effective_size"], quantity(round(facts["effective_size"]))),
                        {
                            **_number(facts["effective_fraction"]),
                            "bar": facts["effective_fraction"],
                        },
                        {**_number(facts["distinct_fraction"]), "bar": facts["distinct_fraction"]},
                        _number(facts["rarest_repeats"], f"{facts['rarest_repeats']:,.3g}"),
                        _number(facts["rarest_share"]),
                    ],
                }
            )
        self.grid.rows = rows
        self.grid.selected = [self.scheme]

    def _focus(self) -> None:
        self.bars.selected = self._ids.known(self.session.classes)

    # --- for scripts -----------------------------------------------------------------------

    def _weights(self, audit: Audit) -> WeightTable:
        scheme: Any = self.scheme
        return audit.weights(list(self.by), scheme, self.scaler if scheme == "scaled" else None)

    def weights(self) -> WeightTable:
        """See :class:`mappedviz.audits.WeightTable`."""
        return self._weights(self.audit)

    def schemes(self) -> pd.DataFrame:
        """The schemes side by side: see :func:`mappedviz.audits.compare_schemes`."""
        return self.audit.schemes(list(self.by), self.scaler)

    def table(self) -> pd.DataFrame:
        """Return one row per class: n, weight, share_before, share_after, draws_per_cell."""
        return self.weights().table

    def plot(self, ax: Axes | None = None) -> Axes:
        """See :func:`mappedviz.plots.plot_weights`."""
        from mappedviz.plots import plot_weights

        return plot_weights(self.weights(), ax, top_n=self.top_n)

    def code(self) -> str:
        """Return code that makes this table in a script."""
        given = [repr(list(self.by)), f"scheme={self.scheme!r}"]
        if self.scheme == "scaled":
            given.append(f"scaler={self.scaler!r}")
        return self.audit_code(f"audit.weights({', '.join(given)}).table")


def _number(value: Any, text: str | None = None) -> dict[str, Any]:
    return {"text": share(value) if text is None else text, "value": float(value)}
