"""Who goes where: rows and groups of rows on two sides, from codes. Pure functions.

A split depends on what is split and on the seed, not on the order of stores or groups: every
group (or row) draws a number that only its name and the seed decide, and those with the smallest
numbers are for validation. Adding a donor moves few of the others.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import RecipeError

if TYPE_CHECKING:
    from mappedviz.recipe.labels import Labels

# Of all rows, near enough to the share that was asked for: a quarter of the average group, within
# these bounds. Nearer, few groups would leave the seed no choice.
_NEAR = (0.01, 0.05)
_MOST_STEPS = 1000
_MOST_SWAPPED = 2000  # groups, of which all pairs are tried


def chances_of_names(names: Sequence[Any], seed: int) -> Array:
    """A random number for every name, the same wherever and beside whatever it stands.

    Parameters
    ----------
    names
        Labels; 1 and "1" are two.
    seed
        Another seed, other numbers.

    Returns
    -------
    ndarray
        uint64 (n,).

    Examples
    --------
    >>> some, more = chances_of_names(["d1", "d2"], 0), chances_of_names(["d0", "d2", "d1"], 0)
    >>> bool(some[0] == more[2] and some[1] == more[1])
    True
    """
    key = str(int(seed)).encode()
    draws = [blake2b(repr(name).encode(), digest_size=8, key=key).digest() for name in names]
    return np.frombuffer(b"".join(draws), dtype="<u8").astype(np.uint64)


def chances_of_rows(store: str, n_obs: int, seed: int) -> Array:
    """A random number for every row of a store, uint64 (n_obs,).

    Parameters
    ----------
    store
        Name of the store.
    n_obs
        Rows in its file.
    seed
        Another seed, other numbers.
    """
    # Raw bits: numpy promises that they never change.
    drawn = np.random.PCG64([seed, zlib.crc32(store.encode("utf-8", "surrogateescape"))])
    return np.asarray(drawn.random_raw(n_obs), dtype=np.uint64)


def split_rows(chances: Array, fraction: float, strata: Array | None = None) -> Array:
    """Rows for validation: those with the smallest numbers, of each stratum its share.

    Parameters
    ----------
    chances
        A number for every row (n_rows,).
    fraction
        Share of the rows for validation.
    strata
        Codes (n_rows,); -1 is a stratum too.

    Returns
    -------
    ndarray
        Boolean (n_rows,), True for validation: the share rounded to whole rows, in every
        stratum to within one. Both sides have a row.

    Raises
    ------
    RecipeError
        There are fewer than two rows.

    Examples
    --------
    >>> split_rows(np.array([5, 1, 9, 3]), 0.5).tolist()
    [False, True, False, True]
    >>> split_rows(np.array([5, 1, 9, 3]), 0.5, np.array([0, 1, 0, 1])).tolist()
    [True, True, False, False]
    """
    n = len(chances)
    if n < 2:
        raise RecipeError(
            f"leaves {n} rows, of which no two sides can be made",
            key="split",
            remedy="Split a collection with more rows.",
        )
    mask = np.zeros(n, dtype=bool)
    if strata is None:
        wanted = min(max(_rounded(fraction * n), 1), n - 1)
        mask[np.argpartition(chances, wanted - 1)[:wanted]] = True
        return mask
    # Rounded along the strata: each is right to within one row, and so are all together.
    _, codes, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    order = np.lexsort((chances, codes))
    ends = np.cumsum(sizes)
    up_to = np.floor(fraction * ends + 0.5).astype(np.int64)
    wanted_of = np.diff(up_to, prepend=0)
    begins = np.repeat(ends - sizes, sizes)
    mask[order] = np.arange(n) - begins < np.repeat(wanted_of, sizes)
    if not mask.any():
        mask[np.argmin(chances)] = True
    elif mask.all():
        mask[np.argmax(chances)] = False
    return mask


def split_groups(
    codes: Array,
    names: Sequence[Any],
    fraction: float,
    seed: int,
    strata: Array | None = None,
) -> Array:
    """Groups for validation, so that their rows come near a share of all.

    Groups are taken in random order until the share is reached; if it is missed by more than
    1 % (with few groups 5 %) of the rows, groups change sides, singly and in pairs, as long as
    that helps.

    Parameters
    ----------
    codes
        Group of every row (n_rows,), -1 for rows without one, which do not count here.
    names
        The groups that the codes point to.
    fraction
        Share of the rows for validation.
    seed
        Of the random order.
    strata
        Codes (n_rows,), such as classes: each should come near the share too, as far as whole
        groups allow. Rows with -1 are in none.

    Returns
    -------
    ndarray
        Boolean (n_groups,), True for validation; False for a group without rows. Both sides
        have rows.

    Raises
    ------
    RecipeError
        Fewer than two groups have rows.

    Examples
    --------
    >>> donors = np.repeat([0, 1, 2, 3, 4], [40, 10, 30, 11, 9])
    >>> sides = split_groups(donors, ["d1", "d2", "d3", "d4", "d5"], 0.2, seed=0)
    >>> sides.tolist(), float(sides[donors].mean())
    ([False, False, False, True, True], 0.2)
    """
    has = codes >= 0
    groups = codes[has].astype(np.int64)
    sizes = np.bincount(groups, minlength=len(names))
    there = np.flatnonzero(sizes)
    if len(there) < 2:
        some = f", {names[int(there[0])]!r}" if len(there) else ""
        raise RecipeError(
            f"has {len(there)} group{'s' * (len(there) != 1)} with rows{some}: no two sides can be made",
            key="split",
            remedy="Split by another obs key, or single rows with by=False.",
        )
    parts = [sizes[there, None]]
    if strata is not None:
        of_rows = strata[has].astype(np.int64)
        n = int(of_rows.max(initial=-1)) + 1
        here = of_rows >= 0
        pairs = np.bincount(groups[here] * n + of_rows[here], minlength=len(names) * n)
        table = pairs.reshape(len(names), n)[there]
        parts.append(table[:, table.any(axis=0)])
    order = np.argsort(chances_of_names([names[i] for i in there.tolist()], seed), kind="stable")
    chosen = _near_share([part[order] for part in parts], fraction)
    mask = np.zeros(len(names), dtype=bool)
    mask[there[order[chosen]]] = True
    return mask


def split_labels(groups: Labels, fraction: float, seed: int, strata: Array | None = None) -> Array:
    """Rows for validation, whole groups of them: see :func:`split_groups`.

    Parameters
    ----------
    groups
        The group of every row. Rows without one are for training, never for validation.
    fraction, seed, strata
        As for :func:`split_groups`.

    Returns
    -------
    ndarray
        Boolean (n_rows,), True for validation.

    Examples
    --------
    >>> from mappedviz.recipe.labels import Labels
    >>> donors = Labels(np.array([0, 1, 1, -1]), ("d1", "d2"))
    >>> split_labels(donors, 0.3, seed=0)
    array([ True, False, False, False])
    """
    sides = split_groups(groups.codes, groups.categories, fraction, seed, strata)
    return np.append(sides, False)[groups.codes]  # the last entry: rows without a group


def _rounded(value: float) -> int:
    return int(np.floor(value + 0.5))


def _near_share(parts: Sequence[Array], fraction: float) -> Array:
    """Some of the rows of tables of counts, the first ones if that does, whose sums come near a share.

    The first table is of one column: all rows. Each table counts as much as another.
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
