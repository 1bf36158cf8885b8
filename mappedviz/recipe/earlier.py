"""The first rule of splits by groups, for recipes that were saved with it: they keep their rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mappedviz._types import Array

# Of all rows, near enough to the share that was asked for: a quarter of the average group, within
# these bounds.
_NEAR = (0.01, 0.05)
_MOST_STEPS = 1000
_MOST_SWAPPED = 2000  # groups, of which all pairs are tried


def first_rule(parts: Sequence[Array], fraction: float) -> Array:
    """Return which groups are for validation, by the first rule.

    Groups are taken in their order until the share is reached; if it is missed by more than 1 %
    (with few groups 5 %) of the rows, groups change sides, singly and in pairs, as long as that
    helps.

    Parameters
    ----------
    parts
        Tables of counts (n_groups, …), the first of one column: all rows. Each table counts as
        much as another.
    fraction
        Share of the rows for validation.

    Examples
    --------
    >>> first_rule([np.array([[40], [10], [30], [11], [9]])], 0.2).tolist()
    [False, False, False, True, True]
    """
    # Scaled so that the squared distance from the target says how far the shares are off.
    scaled = [
        part / (np.maximum(part.sum(axis=0), 1) * np.sqrt(max(part.shape[1], 1))) for part in parts
    ]
    counts = np.concatenate(scaled, axis=1)
    target = fraction * counts.sum(axis=0)
    n = len(counts)
    shares = np.cumsum(counts[:, 0])
    first = int(np.argmin(np.abs(shares - fraction))) + 1
    chosen = np.arange(n) < min(first, n - 1)
    near = len(parts) * float(np.clip(0.25 / n, *_NEAR)) ** 2
    for _ in range(_MOST_STEPS):
        off = counts[chosen].sum(axis=0) - target
        loss = float(off @ off)
        if loss <= near:
            break
        better = _best_change(counts, chosen, off, loss)
        if better is None:
            break
        chosen[better] = ~chosen[better]
    return chosen


def _best_change(counts: Array, chosen: Array, off: Array, loss: float) -> Array | None:
    """The groups, one or two, that should change sides."""
    inside, outside = np.flatnonzero(chosen), np.flatnonzero(~chosen)
    squares = np.einsum("ij,ij->i", counts, counts)
    along = counts @ off
    step = np.where(chosen, -2 * along, 2 * along) + squares  # what moving one adds to the loss
    single = step.copy()
    if len(inside) == 1:
        single[inside] = np.inf
    if len(outside) == 1:
        single[outside] = np.inf
    best = int(np.argmin(single))
    change, gain = np.array([best]), float(single[best])
    if len(counts) <= _MOST_SWAPPED:
        pairs = step[inside, None] + step[outside] - 2 * counts[inside] @ counts[outside].T
        least = np.unravel_index(int(np.argmin(pairs)), pairs.shape)
        if float(pairs[least]) < gain:
            change = np.array([inside[least[0]], outside[least[1]]])
            gain = float(pairs[least])
    return change if gain < -1e-9 * max(loss, 1e-9) else None
