"""Who goes where: rows and groups of rows in parts, from codes. Pure functions.

A split depends on what is split and on the seed, not on the order of stores or groups: every
group (or row) draws a number that only its name and the seed decide, and those with the smallest
numbers are for validation. Adding a donor moves few of the others, as long as there are many.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import RecipeError
from mappedviz.recipe.earlier import first_rule
from mappedviz.recipe.labels import canonical
from mappedviz.recipe.nearest import nearest_parts
from mappedviz.text.addresses import in_memory


def chances_of_names(names: Sequence[Any], seed: int) -> Array:
    """A random number for every name, the same beside whatever other names.

    Parameters
    ----------
    names
        Labels, or tuples of labels. 1, 1.0 and True are one, 1 and "1" are two.
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
    return _drawn([repr(canonical(name)) for name in names], seed)


def _drawn(texts: Sequence[str], seed: int) -> Array:
    key = str(int(seed)).encode()
    draws = [
        blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
        for text in texts
    ]
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
    drawn = np.random.PCG64([seed, _number_of_store(store)])
    return np.asarray(drawn.random_raw(n_obs), dtype=np.uint64)


def _number_of_store(name: str) -> int:
    return zlib.crc32(name.encode("utf-8", "surrogateescape"))


def ranks_of_namesakes(paths: Sequence[str]) -> list[tuple[int, int]]:
    """Tell stores apart that draw the same numbers, for their names are equal.

    Parameters
    ----------
    paths
        Of the stores.

    Returns
    -------
    list
        For each store its rank among its namesakes, and their number. The rank follows from the
        folders, from the last to the first, not from the order.

    Examples
    --------
    >>> ranks_of_namesakes(["/data/b/cells.h5ad", "/data/a/cells.h5ad", "/data/a/other.h5ad"])
    [(1, 2), (0, 2), (0, 1)]
    """
    folders = [_folders(path) for path in paths]
    alike: dict[int, list[int]] = {}
    for i, names in enumerate(folders):
        alike.setdefault(_number_of_store(names[0]), []).append(i)
    ranks = [(0, 1)] * len(paths)
    for several in alike.values():
        for rank, i in enumerate(sorted(several, key=folders.__getitem__)):
            ranks[i] = rank, len(several)
    return ranks


def chances_of_stores(
    stores: Sequence[tuple[str, int]], kept: Sequence[Array | None], seed: int
) -> Array:
    """A random number for every row of several stores, uint64 (n_rows,).

    A row draws its number by the file name of its store and its position there, whatever stores and
    rows are beside it. In stores of the same name no two rows have the same number.

    Parameters
    ----------
    stores
        Path and number of rows of each store.
    kept
        The rows that are asked for of each store; None for all.
    seed
        Another seed, other numbers.
    """
    drawn = [np.empty(0, dtype=np.uint64)]
    ranks = ranks_of_namesakes([path for path, _ in stores])
    for (path, n_obs), rows, (rank, of) in zip(stores, kept, ranks, strict=True):
        chances = chances_of_rows(_name_of(path), n_obs, seed)
        if of > 1:  # the last bits say which store it is: the order stays, unless two are equal
            last = np.uint64((1 << (of - 1).bit_length()) - 1)
            chances = (chances & ~last) | np.uint64(rank)
        drawn.append(chances if rows is None else chances[rows])
    return np.concatenate(drawn)


def _folders(path: str) -> list[str]:
    names = path.replace("\\", "/").rstrip("/").split("/")[::-1]
    # The number of an object in memory is another one in each session.
    return [*names[:-1], "memory"] if in_memory(path) else names


def _name_of(path: str) -> str:
    return _folders(path)[0]


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

    See Also
    --------
    parts_of_rows : The same for several parts.

    Examples
    --------
    >>> split_rows(np.array([5, 1, 9, 3]), 0.5).tolist()
    [False, True, False, True]
    >>> split_rows(np.array([5, 1, 9, 3]), 0.5, np.array([0, 1, 0, 1])).tolist()
    [True, True, False, False]
    """
    return np.asarray(parts_of_rows(chances, (1 - fraction, fraction), strata) == 1)


def parts_of_rows(chances: Array, shares: Sequence[float], strata: Array | None = None) -> Array:
    """Return the part of each row: those with the smallest numbers are in the last one.

    Parameters
    ----------
    chances
        A number for every row (n_rows,).
    shares
        Of the rows, for each part.
    strata
        Codes (n_rows,); -1 is a stratum too.

    Returns
    -------
    ndarray
        int64 (n_rows,). A part has its share of the rows, rounded down or up, and in each stratum
        its share of that, rounded down or up: up where the remainders are largest. Every part has
        a row.

    Raises
    ------
    RecipeError
        There are fewer rows than parts.

    Examples
    --------
    >>> parts_of_rows(np.array([5, 1, 9, 3]), [0.5, 0.25, 0.25]).tolist()
    [0, 2, 0, 1]
    """
    n, k = len(chances), len(shares)
    if n < k:
        raise RecipeError(
            f"leaves {n} rows, of which no {_sides(k)} can be made",
            key="split",
            remedy="Split a collection with more rows.",
        )
    wanted = _whole(n, shares)
    if strata is None:
        parts = np.zeros(n, dtype=np.int64)
        order = np.argpartition(chances, np.cumsum(wanted[:0:-1]) - 1)
        parts[order] = np.repeat(np.arange(k)[::-1], wanted[::-1])
        return parts
    _, codes, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    order = np.lexsort((chances, codes))
    starts = np.cumsum(sizes) - sizes
    table = _rounded_table(sizes, shares, wanted, chances[order[starts]])
    parts = np.empty(n, dtype=np.int64)
    parts[order] = np.repeat(np.tile(np.arange(k)[::-1], len(sizes)), table[:, ::-1].ravel())
    for part in np.flatnonzero(np.bincount(parts, minlength=k) == 0).tolist():
        most = np.flatnonzero(parts == np.argmax(np.bincount(parts)))
        parts[most[np.argmin(chances[most])]] = part
    return parts


def _sides(k: int) -> str:
    return "two sides" if k == 2 else f"{k} parts"


def _whole(n: int, shares: Sequence[float]) -> Array:
    """Rows of each part: its share rounded, by the largest remainders; at least one each."""
    if len(shares) == 2:
        last = min(max(int(np.floor(shares[1] * n + 0.5)), 1), n - 1)
        return np.array([n - last, last])
    exact = np.asarray(shares) * n
    whole = np.floor(exact + 1e-9).astype(np.int64)
    most = np.lexsort((-np.arange(len(shares)), -np.round(exact - whole, 9)))
    whole[most[: n - int(whole.sum())]] += 1
    for part in np.flatnonzero(whole == 0).tolist():
        whole[np.argmax(whole)] -= 1
        whole[part] += 1
    return whole


def _rounded_table(sizes: Array, shares: Sequence[float], wanted: Array, ties: Array) -> Array:
    """Rows of each part in each stratum (n_strata, n_parts): shares, rounded down or up.

    Where the remainders are largest they are rounded up, as long as stratum and part lack rows.
    """
    exact = np.outer(sizes, shares)
    table = np.floor(exact + 1e-9).astype(np.int64)
    remainders = np.round(exact - table, 9)
    lack_here = (sizes - table.sum(axis=1)).tolist()
    lack = (wanted - table.sum(axis=0)).tolist()
    k = len(shares)
    # Of equal remainders the later part comes first, and the stratum that drew the smallest number.
    keys = (np.repeat(ties, k), np.tile(-np.arange(k), len(sizes)), -remainders.ravel())
    later = []
    for cell in np.lexsort(keys).tolist():
        stratum, part = divmod(cell, k)
        if lack_here[stratum] and lack[part] > 0:
            table[stratum, part] += 1
            lack_here[stratum] -= 1
            lack[part] -= 1
        elif remainders[stratum, part] > 0:
            later.append((stratum, part))
    for stratum, part in later:
        if lack_here[stratum]:
            table[stratum, part] += 1
            lack_here[stratum] -= 1
    return table


def split_groups(
    codes: Array,
    names: Sequence[Any],
    fraction: float,
    seed: int,
    strata: Array | None = None,
    *,
    rule: int = 2,
) -> Array:
    """Groups for validation, so that their rows come as near to a share of all as their sizes allow.

    Parameters
    ----------
    codes
        Group of every row (n_rows,), -1 for rows without one, which do not count here.
    names
        The groups that the codes point to: labels, or tuples of them.
    fraction
        Share of the rows for validation.
    seed
        Of the random order.
    strata
        Codes (n_rows,), such as classes: each should come near the share too, as far as whole
        groups allow. Rows with -1 are in none.
    rule
        1 is that of earlier recipes: any choice to within 1 to 5 % of the rows.

    Returns
    -------
    ndarray
        Boolean (n_groups,), True for validation; False for a group without rows. Both sides
        have rows.

    Raises
    ------
    RecipeError
        Fewer than two groups have rows.

    See Also
    --------
    mappedviz.recipe.nearest.nearest_parts : What is near.

    Examples
    --------
    >>> donors = np.repeat([0, 1, 2, 3, 4], [40, 10, 30, 11, 9])
    >>> sides = split_groups(donors, ["d1", "d2", "d3", "d4", "d5"], 0.2, seed=0)
    >>> sides.tolist(), float(sides[donors].mean())
    ([False, False, False, True, True], 0.2)
    """
    parts = parts_of_groups(codes, names, (1 - fraction, fraction), seed, strata, rule=rule)
    return np.asarray(parts == 1)


def parts_of_groups(
    codes: Array,
    names: Sequence[Any],
    shares: Sequence[float],
    seed: int,
    strata: Array | None = None,
    *,
    rule: int = 2,
) -> Array:
    """Return the part of each group, int64 (n_groups,), 0 for a group without rows.

    Parameters
    ----------
    codes, names, seed, strata, rule
        As for :func:`split_groups`.
    shares
        Of the rows, for each part.

    Raises
    ------
    RecipeError
        Fewer groups have rows than there are parts.
    """
    has = codes >= 0
    groups = codes[has].astype(np.int64)
    sizes = np.bincount(groups, minlength=len(names))
    there = np.flatnonzero(sizes)
    k = len(shares)
    if len(there) < k:
        some = f", {names[int(there[0])]!r}" if len(there) else ""
        raise RecipeError(
            f"has {len(there)} group{'s' * (len(there) != 1)} with rows{some}: no {_sides(k)} can be made",
            key="split",
            remedy="Split by another obs key, or single rows with by=False.",
        )
    table = None
    if strata is not None:
        of_rows = strata[has].astype(np.int64)
        n = int(of_rows.max(initial=-1)) + 1
        here = of_rows >= 0
        pairs = np.bincount(groups[here] * n + of_rows[here], minlength=len(names) * n)
        table = pairs.reshape(len(names), n)[there]
        table = table[:, table.any(axis=0)]
    named = [names[i] for i in there.tolist()]
    chances = chances_of_names(named, seed) if rule > 1 else _drawn(list(map(repr, named)), seed)
    order = np.argsort(chances, kind="stable")
    ordered = None if table is None else table[order]
    parts = np.zeros(len(names), dtype=np.int64)
    if rule > 1:
        # Columns in an order that no name decides: sums are rounded the same way.
        if ordered is not None:
            ordered = ordered[:, np.lexsort(ordered[::-1])] if ordered.shape[1] else None
        parts[there[order]] = nearest_parts(sizes[there[order]], shares, ordered)
    else:
        tables = [sizes[there[order], None], *([] if ordered is None else [ordered])]
        parts[there[order]] = first_rule(tables, shares[1])
    return parts
