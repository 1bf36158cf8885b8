"""Groups into parts, so that the rows of each part come as near to its share as whole groups allow.

Pure functions of counts. Groups come in a random order that only their names and the seed decide;
of several choices that are equally near, the one is taken that puts the first groups into the last
part, and so on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mappedviz._types import Array

_MOST_CHOICES = 1 << 20  # all of which are tried: 20 groups in two parts, 12 in three
_EXACT = 20  # groups, of which all choices for two parts are tried
_FILLING = 40  # groups, of which the best sum is found by halves
_MOST_STEPS = 1000
_MOST_SWAPPED = 2000  # groups, of which all pairs are tried


def nearest_parts(sizes: Array, shares: Sequence[float], strata: Array | None = None) -> Array:
    """Return the part of each group.

    The distance that is made small is, with n rows in a part and N in all, the root of the sum over
    parts of (n - share * N)². With strata it is the root of the sum over parts of (n / N - share)²
    and of the mean over strata of (n_s / N_s - share)².

    Parameters
    ----------
    sizes
        Rows of each group (n_groups,), in random order.
    shares
        Of the rows, for each part.
    strata
        Rows of each group in each stratum (n_groups, n_strata); no stratum without rows.

    Returns
    -------
    ndarray
        int64 (n_groups,). Every part has a group. The least distance is found if there are few
        groups (2²⁰ choices: 20 groups in two parts). Otherwise the parts are filled one after
        another, from the last to the second: by the best choice if at most 20 groups are left,
        else by groups in random order until the share is reached, which then change sides, singly
        and in pairs, as long as the share is missed by more than half of the smallest group and
        that helps. If it still is missed by more than the smallest group, 40 groups at a time are
        chosen once more, as well as can be.

    Examples
    --------
    >>> nearest_parts(np.array([40, 9, 30, 11, 10]), [0.7, 0.3]).tolist()
    [0, 1, 0, 1, 1]
    >>> nearest_parts(np.array([40, 9, 30, 11, 10]), [0.5, 0.3, 0.2]).tolist()
    [0, 2, 1, 2, 0]
    """
    counts = np.asarray(sizes, dtype=np.float64)[:, None]
    if strata is not None:
        table = np.asarray(strata, dtype=np.float64)
        scaled = table / (table.sum(axis=0) * np.sqrt(max(table.shape[1], 1)))
        counts = np.concatenate([counts / counts.sum(), scaled], axis=1)
    targets = np.outer(shares, counts.sum(axis=0))
    digits = 6 if strata is None else 9  # of rows, or of shares: nearer is equally near
    n, k = len(counts), len(shares)
    if k**n <= _MOST_CHOICES:
        return _best_choice(counts, targets, np.ones(k, dtype=np.int64), digits)
    parts = np.zeros(n, dtype=np.int64)
    left = np.arange(n)
    for part in range(k - 1, 0, -1):
        of_part = _subset(counts[left], targets[part], part, digits)
        parts[left[of_part]] = part
        left = left[~of_part]
    return parts


def _subset(counts: Array, target: Array, others: int, digits: int) -> Array:
    """Groups whose counts come near a target; at least so many others are left."""
    n = len(counts)
    if n <= _EXACT:
        both = np.stack([counts.sum(axis=0) - target, target])
        return np.asarray(_best_choice(counts, both, np.array([others, 1]), digits) == 1)
    chosen = _first_groups(counts, target, others)
    chosen = _changed(counts, target, chosen, others)
    if counts.shape[1] == 1:
        chosen = _filled(counts[:, 0], float(target[0]), chosen, others)
    return chosen


def _filled(sizes: Array, target: float, chosen: Array, others: int) -> Array:
    """The choice after some of the groups were chosen once more, where it misses more than the smallest.

    First the 40 smallest, then others of all sizes: of 40 groups the best choice can be found.
    """
    by_size = np.argsort(sizes, kind="stable")
    stride = -(-len(sizes) // _FILLING)
    for some in [by_size[:_FILLING], *(by_size[i::stride] for i in range(stride))]:
        missing = target - float(sizes[chosen].sum())
        if abs(missing) <= sizes[by_size[0]]:
            break
        again = chosen.copy()
        again[some] = _best_sum(sizes[some], missing + float(sizes[some[chosen[some]]].sum()))
        valid = 0 < again.sum() <= len(sizes) - others
        if valid and abs(target - float(sizes[again].sum())) < abs(missing):
            chosen = again
    return chosen


def _best_sum(sizes: Array, target: float) -> Array:
    """The groups whose sum is nearest to a target: the sums of one half, each with the best of the other."""
    n, half = len(sizes), len(sizes) // 2
    first, second = (_choices(part[:, None], 2)[0][:, 1] for part in (sizes[:half], sizes[half:]))
    order = np.argsort(second, kind="stable")
    at = np.searchsorted(second[order], target - first).clip(1, len(second) - 1)
    pairs = np.stack([order[at - 1], order[at]])
    best = int(np.argmin(np.round(np.abs(first + second[pairs] - target), 6)))
    i, j = best % len(first), int(pairs.ravel()[best])
    return np.asarray(np.concatenate([_digits(i, half, 2), _digits(j, n - half, 2)]) == 1)


# --- all choices -----------------------------------------------------------------------------------


def _best_choice(counts: Array, targets: Array, least: Array, digits: int) -> Array:
    """The part of each group, of all ways to choose.

    Both halves of the groups have few ways each; their sums are combined.
    """
    n, k = len(counts), len(targets)
    half = n // 2
    (first, n_first), (second, n_second) = (
        _choices(counts[:half], k),
        _choices(counts[half:], k),
    )
    off = first - targets.ravel()
    loss = (
        np.einsum("ij,ij->i", off, off)[:, None]
        + np.einsum("ij,ij->i", second, second)
        + 2 * off @ second.T
    )
    for part in range(k):
        loss[n_first[:, part, None] + n_second[:, part] < least[part]] = np.inf
    # What rounding may have hidden is computed once more, without cancellation.
    scale = float((np.abs(targets).sum() + np.abs(counts).sum()) ** 2)
    near = np.flatnonzero(loss.ravel() <= loss.min() + 1e-13 * scale)
    best, distance = 0, np.inf
    step = max(1, (1 << 22) // targets.size)
    for begin in range(0, len(near), step):
        some = near[begin : begin + step]
        exact = (first[some // len(second)] + second[some % len(second)]) - targets.ravel()
        distances = np.round(np.sqrt(np.einsum("ij,ij->i", exact, exact)), digits)
        at = int(np.argmin(distances))  # the first one of equal ones
        if distances[at] < distance:
            best, distance = int(some[at]), float(distances[at])
    return np.concatenate(
        [_digits(best // len(second), half, k), _digits(best % len(second), n - half, k)]
    )


def _choices(counts: Array, k: int) -> tuple[Array, Array]:
    """Sums of each part for every choice (k**n, k * n_columns), and its groups (k**n, k)."""
    sums = np.zeros((1, k, counts.shape[1]))
    groups = np.zeros((1, k), dtype=np.int64)
    for one in counts[::-1]:
        taller, more = [], []
        for part in range(k - 1, -1, -1):  # the last part comes first
            added, with_it = sums.copy(), groups.copy()
            added[:, part] += one
            with_it[:, part] += 1
            taller.append(added)
            more.append(with_it)
        sums, groups = np.concatenate(taller), np.concatenate(more)
    return sums.reshape(len(sums), -1), groups


def _digits(choice: int, n: int, k: int) -> Array:
    parts = np.empty(n, dtype=np.int64)
    for i in range(n - 1, -1, -1):
        choice, digit = divmod(choice, k)
        parts[i] = k - 1 - digit
    return parts


# --- many groups -----------------------------------------------------------------------------------


def _first_groups(counts: Array, target: Array, others: int) -> Array:
    n = len(counts)
    first = int(np.argmin(np.abs(np.cumsum(counts[:, 0]) - target[0]))) + 1
    return np.arange(n) < min(first, n - others)


def _changed(counts: Array, target: Array, chosen: Array, others: int) -> Array:
    """The choice after groups changed sides, as long as that helps."""
    near = (counts[:, 0].min() / 2) ** 2 if counts.shape[1] == 1 else 0.0
    for _ in range(_MOST_STEPS):
        off = counts[chosen].sum(axis=0) - target
        loss = float(off @ off)
        if loss <= near:
            break
        better = _best_change(counts, chosen, off, loss, others)
        if better is None:
            break
        chosen[better] = ~chosen[better]
    return chosen


def _best_change(
    counts: Array, chosen: Array, off: Array, loss: float, others: int
) -> Array | None:
    """The groups, one or two, that should change sides."""
    inside, outside = np.flatnonzero(chosen), np.flatnonzero(~chosen)
    squares = np.einsum("ij,ij->i", counts, counts)
    along = counts @ off
    step = np.where(chosen, -2 * along, 2 * along) + squares  # what moving one adds to the loss
    single = step.copy()
    if len(inside) == 1:
        single[inside] = np.inf
    if len(outside) <= others:
        single[outside] = np.inf
    single = _rounded(single, loss)
    best = int(np.argmin(single))
    change, gain = np.array([best]), float(single[best])
    if len(counts) <= _MOST_SWAPPED:
        pairs = step[inside, None] + step[outside] - 2 * counts[inside] @ counts[outside].T
        pairs = _rounded(pairs, loss)
        least = np.unravel_index(int(np.argmin(pairs)), pairs.shape)
        if float(pairs[least]) < gain:
            change = np.array([inside[least[0]], outside[least[1]]])
            gain = float(pairs[least])
    return change if gain < -1e-9 * loss else None


def _rounded(gains: Array, loss: float) -> Array:
    """Gains without the digits in which processors differ."""
    return np.round(gains / loss, 10) * loss
