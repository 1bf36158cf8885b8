"""The weights: what drawing rare classes more often does to an epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from mappedviz.audits.tables.weights import DEFAULT_SCALER
from mappedviz.views.base import View, handler
from mappedviz.views.models import weights as model
from mappedviz.views.models.weights import SCHEMES
from mappedviz.views.state import Several

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.result import Audit
    from mappedviz.audits.tables.weights import WeightTable
    from mappedviz.views.nodes import Node


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
    >>> view = mv.WeightsView(mv.datasets.demo() / "boston.zarr", label="celltype")
    >>> view.scheme, view.use = "sqrt", True
    >>> view.session.recipe.weights_keys, view.session.recipe.weights_scheme
    (('celltype',), 'sqrt')
    >>> round(view.weights().effective_fraction, 2)
    0.87
    """

    title = "Weights"
    decides = "Decide whether rare classes are drawn more often."
    sections: ClassVar = ("weights",)
    controls: ClassVar = ("use", "scheme")
    events: ClassVar = {
        ("by", "value"): "_keys_chosen",
        ("scaler", "value"): "_scaler_moved",
        ("grid", "selected"): "_scheme_clicked",
        ("bars", "selected"): "_bars_selected",
    }
    drawn: ClassVar = ("bars",)

    use = traitlets.Bool(False)
    by = Several()
    scheme = traitlets.Enum(tuple(SCHEMES), "inverse")
    scaler = traitlets.Float(DEFAULT_SCALER, min=1e-9)
    top_n = traitlets.Int(25, min=1, max=150)

    def _state(self) -> model.State:
        return model.State(
            keys=self.session.recipe.obs_keys,
            use=self.use,
            by=self.by,
            scheme=self.scheme,
            scaler=self.scaler,
            top_n=self.top_n,
            classes=self.session.classes,
        )

    def _body(self, audit: Audit) -> list[Node]:
        return model.body(audit, self._state())

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

    # --- traits -> recipe ------------------------------------------------------------------

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

    # --- events ----------------------------------------------------------------------------

    def _keys_chosen(self, value: Any) -> None:
        self.by = tuple(model.key_ids(self._state()).values(value))

    def _scaler_moved(self, value: Any) -> None:
        self.scaler = 10 ** float(value)  # the slider is logarithmic

    def _scheme_clicked(self, value: Any) -> None:
        if value:
            self.scheme = value[0]

    def _bars_selected(self, value: Any) -> None:
        state = self._state()
        ids = model.class_ids(model.weights_of(self.audit, state), state)
        self.session.classes = tuple(ids.values(value))

    # --- for scripts -----------------------------------------------------------------------

    def weights(self) -> WeightTable:
        """See :class:`mappedviz.audits.WeightTable`."""
        return model.weights_of(self.audit, self._state())

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
