"""Weights: how often a row of each class should be drawn. Pure functions over counts and codes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import RecipeError

if TYPE_CHECKING:
    from mappedviz.recipe.labels import Labels

Scheme = Literal["uniform", "inverse", "scaled", "sqrt"]
SCHEMES: tuple[Scheme, ...] = ("uniform", "inverse", "scaled", "sqrt")
#: The weight of each of a class's n rows; s is the scaler.
FORMULAS: dict[str, str] = {
    "uniform": "1",
    "inverse": "1/n",
    "scaled": "s/(n+s)",
    "sqrt": "1/√n",
}


def scheme_of(scheme: Scheme | None, scaler: float | None) -> Scheme:
    """The scheme that is meant: without one, ``"scaled"`` if there is a scaler, else ``"inverse"``.

    Raises
    ------
    RecipeError
        The scheme is not known, ``"scaled"`` has no positive scaler, or another one has a scaler.

    Examples
    --------
    >>> scheme_of(None, None), scheme_of(None, 1000), scheme_of("sqrt", None)
    ('inverse', 'scaled', 'sqrt')
    """
    if scheme is None:
        scheme = "inverse" if scaler is None else "scaled"
    if scheme not in SCHEMES:
        raise RecipeError(
            f"is {scheme!r}",
            key="scheme",
            remedy="Use 'uniform', 'inverse', 'scaled' or 'sqrt'.",
        )
    if scheme == "scaled" and (scaler is None or not scaler > 0):
        raise RecipeError(
            f"is {scaler!r} for the scheme 'scaled'",
            key="scaler",
            remedy="Give a positive number of rows, such as 1000.",
        )
    if scheme != "scaled" and scaler is not None:
        raise RecipeError(
            f"is {scaler!r} for the scheme {scheme!r}, which has none",
            key="scaler",
            remedy="Leave it out, or use the scheme 'scaled'.",
        )
    return scheme


def class_weights(counts: Array, scheme: Scheme = "inverse", scaler: float | None = None) -> Array:
    """Weight of one row of each class.

    Parameters
    ----------
    counts
        Rows per class (n_classes,).
    scheme
        ``"uniform"`` 1; ``"inverse"`` 1/n; ``"scaled"`` s/(s+n); ``"sqrt"`` 1/√n.
    scaler
        s of ``"scaled"``.

    Returns
    -------
    ndarray
        float64 (n_classes,); 0 for a class without rows.

    Examples
    --------
    >>> class_weights(np.array([100, 4, 0]), "inverse")
    array([0.01, 0.25, 0.  ])
    >>> class_weights(np.array([100, 4]), "scaled", scaler=100).round(3)
    array([0.5  , 0.962])
    """
    n = np.asarray(counts, dtype=np.float64)
    safe = np.maximum(n, 1)
    scheme_of(scheme, scaler)
    if scheme == "uniform":
        weights = np.ones_like(n)
    elif scheme == "inverse":
        weights = 1 / safe
    elif scheme == "sqrt":
        weights = 1 / np.sqrt(safe)
    else:
        assert scaler is not None  # scheme_of saw to it
        weights = scaler / (scaler + safe)
    return np.where(n > 0, weights, 0.0)


def row_weights(codes: Array, per_class: Array, missing: float = 0.0) -> Array:
    """Weight of every row, float64 (n_rows,); rows without a label get ``missing``."""
    return np.append(per_class, missing)[codes]


@dataclass(frozen=True, eq=False)
class LabelWeights:
    """The weights of labels.

    Attributes
    ----------
    labels
        The labels of all rows.
    per_class
        float64 (n_categories,): the weight of one row of each category.

    Examples
    --------
    >>> from mappedviz.recipe.labels import Labels
    >>> weights = LabelWeights.of(Labels(np.array([0, -1, 1, 1]), ("B", "T", "unused")))
    >>> weights.of_rows(), weights.by_label()
    (array([1. , 0. , 0.5, 0.5]), {'B': 1.0, 'T': 0.5})
    """

    labels: Labels
    per_class: Array

    @classmethod
    def of(cls, labels: Labels, scheme: Scheme | None = None, scaler: float | None = None) -> Self:
        """The weights that a scheme gives to labels; see :func:`scheme_of` and :func:`class_weights`."""
        return cls(labels, class_weights(labels.counts(), scheme_of(scheme, scaler), scaler))

    def of_rows(self) -> Array:
        """Weight of every row, float64 (n_rows,); 0 where it has no label."""
        return row_weights(self.labels.codes, self.per_class)

    def by_label(self) -> dict[str, float]:
        """Weight of each label that rows have, by its text; of 1 and ``"1"`` by their repr."""
        used = self.labels.counts() > 0
        pairs = zip(self.labels.categories, self.per_class.tolist(), strict=True)
        weights = [pair for pair, some in zip(pairs, used.tolist(), strict=True) if some]
        found = Counter(str(label) for label, _ in weights)
        return {
            repr(label) if found[str(label)] > 1 else str(label): weight
            for label, weight in weights
        }


def labels_to_weigh(
    labels: Labels, unknown: Any = None, missing: Literal["zero", "class"] | None = None
) -> Labels:
    """The labels that are counted: with those of rows without one, if these are a class.

    Parameters
    ----------
    labels
        Of one key.
    unknown
        The key's ``unknown_label``, or None.
    missing
        ``"zero"``: rows without a label have none here either, and weigh nothing. ``"class"``: they are a
        class, together with the unknown label. Default: ``"class"`` if there is an unknown label.

    Raises
    ------
    RecipeError
        ``missing`` is something else.

    Examples
    --------
    >>> from mappedviz.recipe.labels import Labels
    >>> labels = Labels(np.array([0, -1, 1]), ("B", "T"))
    >>> labels_to_weigh(labels).n_missing, labels_to_weigh(labels, "T").counts()
    (1, array([1, 2]))
    """
    if missing is None:
        missing = "zero" if unknown is None else "class"
    if missing not in ("zero", "class"):
        raise RecipeError(f"is {missing!r}", key="missing", remedy="Use 'zero' or 'class'.")
    if missing == "zero":
        return labels
    return labels.fill_missing("missing" if unknown is None else unknown)
