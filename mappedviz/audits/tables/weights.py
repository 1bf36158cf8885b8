"""Effect of weights on an epoch: shares, draws, effective size. Pure functions of class counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array
from mappedviz.recipe.weights import Scheme, class_weights

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.tables.labels import LabelTable
    from mappedviz.recipe.labels import Label
    from mappedviz.recipe.recipe import Recipe

#: The scaler that schemes are compared with, where none is given.
DEFAULT_SCALER = 1000.0


@dataclass(eq=False)
class WeightTable:
    """Effect of drawing rows by weight, expected over an epoch of as many draws as rows.

    Build it with :meth:`of`.

    Attributes
    ----------
    key
        The obs keys, joined with ``"__"``.
    scheme, scaler
        How the weights are made; see :func:`~mappedviz.recipe.weights.class_weights`.
    table
        DataFrame, one row per class: n, weight (of one row), share_before, share_after,
        draws_per_cell (of one row, per epoch). Largest class first; classes without rows are left out.
    n_rows
        Rows that have a label.
    n_missing
        Rows without one: their weight is 0.
    effective_size
        Kish: (Σw)² / Σw². As many rows with equal weights say as much.
    effective_fraction
        That over the number of rows.
    distinct_fraction
        Share of the rows that an epoch is expected to draw at least once: mean of 1 - (1 - p)^N.
    rarest_repeats
        How often each row of the rarest class is expected to be drawn in an epoch.

    Examples
    --------
    >>> table = WeightTable.of("cell_type", ["T", "B"], np.array([90, 10]))
    >>> table.table.loc["B"].round(3).tolist()
    [10.0, 0.1, 0.1, 0.5, 5.0]
    >>> round(table.effective_fraction, 2), round(table.rarest_repeats, 1)
    (0.36, 5.0)
    """

    key: str
    scheme: Scheme
    scaler: float | None
    table: pd.DataFrame
    n_rows: int
    n_missing: int
    effective_size: float
    effective_fraction: float
    distinct_fraction: float
    rarest_repeats: float

    @classmethod
    def of(
        cls,
        key: str,
        classes: Sequence[Label],
        counts: Array,
        scheme: Scheme = "inverse",
        scaler: float | None = None,
        missing: int = 0,
    ) -> WeightTable:
        """Make the table of classes and their numbers of rows.

        Raises
        ------
        RecipeError
            The scheme is not known, or ``"scaled"`` has no positive scaler.
        """
        import pandas as pd

        counts = np.asarray(counts, dtype=np.int64)
        order = np.argsort(-counts, kind="stable")
        order = order[counts[order] > 0]
        n = counts[order]
        weight = class_weights(n, scheme, scaler)
        rows = int(n.sum())
        total = float((n * weight).sum())
        chance = weight / total if total else weight  # of one row, at every draw
        table = pd.DataFrame(
            {
                "n": n,
                "weight": weight,
                "share_before": n / rows if rows else np.empty(0),
                "share_after": n * chance,
                "draws_per_cell": rows * chance,
            },
            index=pd.Index([classes[i] for i in order.tolist()], name="class", dtype=object),
        )
        squares = float((n * weight**2).sum())
        effective = total**2 / squares if squares else 0.0
        with np.errstate(divide="ignore"):
            never = np.exp(rows * np.log1p(-np.minimum(chance, 1.0)))
        distinct = float((n * (1 - never)).sum()) / rows if rows else 0.0
        repeats = float(rows * chance[-1]) if len(n) else 0.0
        return cls(
            key,
            scheme,
            scaler,
            table,
            rows,
            missing,
            effective,
            effective / rows if rows else 0.0,
            distinct,
            repeats,
        )


def compare_schemes(counts: Array | Sequence[int], scaler: float | None = None) -> pd.DataFrame:
    """The schemes side by side, for classes of these sizes.

    Parameters
    ----------
    counts
        Rows per class.
    scaler
        Of ``"scaled"``; default 1,000.

    Returns
    -------
    DataFrame
        Index scheme; columns effective_size, effective_fraction, distinct_fraction,
        rarest_repeats, largest_share, rarest_share.

    Examples
    --------
    >>> compare_schemes([100_000, 20_000, 3_000, 200, 12]).round(3).effective_fraction.tolist()
    [1.0, 0.002, 0.17, 0.456]
    """
    import pandas as pd

    sizes = np.asarray(counts)
    rows = {}
    schemes: tuple[Scheme, ...] = ("uniform", "inverse", "scaled", "sqrt")
    for scheme in schemes:
        of_scheme = (scaler or DEFAULT_SCALER) if scheme == "scaled" else None
        made = WeightTable.of("", list(range(len(sizes))), sizes, scheme, of_scheme)
        shares = made.table["share_after"]
        rows[scheme] = {
            "effective_size": made.effective_size,
            "effective_fraction": made.effective_fraction,
            "distinct_fraction": made.distinct_fraction,
            "rarest_repeats": made.rarest_repeats,
            "largest_share": float(shares.iloc[0]) if len(shares) else 0.0,
            "rarest_share": float(shares.iloc[-1]) if len(shares) else 0.0,
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "scheme"
    return table


def weights_of(
    labels: LabelTable, recipe: Recipe, scheme: Scheme, scaler: float | None
) -> WeightTable:
    """Weights for the classes of one key, as the engine makes them: an unknown label is a class."""
    missing = int(labels.missing.sum() + labels.absent.sum())
    totals = dict(zip(labels.classes, labels.total.tolist(), strict=True))
    unknown = recipe.unknown_label_of(labels.key)
    if unknown is not None and missing:
        totals[unknown] = totals.get(unknown, 0) + missing
        missing = 0
    counts = np.array(list(totals.values()), dtype=np.int64)
    return WeightTable.of(labels.key, list(totals), counts, scheme, scaler, missing)
