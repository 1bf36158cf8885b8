"""Which shards a copy is made of, and the recipe that reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.collection.matrices import facts_of
from mappedviz.copies.joined_rows import JoinedRows, check_joined, columns_named
from mappedviz.copies.manifests import content_of
from mappedviz.copies.names import names_of_copies
from mappedviz.copies.shards import Shard
from mappedviz.copies.space import bytes_of_matrix, expected_bytes
from mappedviz.copies.whole_stores import WholeStore
from mappedviz.errors import RecipeError, StoreError
from mappedviz.recipe.recipe import SPLIT_FIELDS, Recipe
from mappedviz.text.sizes import bytes_of

if TYPE_CHECKING:
    from mappedviz.collection.plan import Plan
    from mappedviz.formats.new_stores import StoreFormat
    from mappedviz.stores.store import Store

__all__ = ["joined_shards", "recipe_of_copy", "whole_shards"]

_SHARD_BYTES = 1_000_000_000
_DECIDED = (
    "join", "obs_filter", "obs_query", "var_key", "strip_version", "var_map", "var_alias",
    "duplicates", "min_stores", "var_names", "layer_alias", "obs_alias", "relabel",
)  # fmt: skip


def whole_shards(
    stores: Sequence[Store],
    out_dir: str,
    kind: StoreFormat,
    failed: dict[str, StoreError] | None,
    *,
    narrow: bool,
) -> list[Shard]:
    """Return one shard per store.

    Parameters
    ----------
    stores
        What is copied.
    out_dir, kind, narrow
        As of :class:`~mappedviz.copies.shards.Shard`.
    failed
        Where given, a store that is not there any more is noted here; else that is raised.
    """
    names = names_of_copies([store.path for store in stores], f".{kind}")
    expected = expected_bytes(stores, None, narrow=narrow)
    shards = []
    for store, name in zip(stores, names, strict=True):
        try:
            contents = ((store.path, content_of(store.path)),)
        except StoreError as error:
            if failed is None:
                raise
            failed[store.path] = error
            continue
        source, n_bytes = WholeStore(store), expected[store.path]
        shards.append(Shard(out_dir, name, source, kind, narrow, contents, n_bytes))
    return shards


def joined_shards(
    plan: Plan,
    out_dir: str,
    kind: StoreFormat,
    *,
    narrow: bool,
    order: np.random.Generator | None,
    shard_size: int | str | None,
    store_key: str | None,
) -> list[Shard]:
    """Return shards of the rows of a plan, all of about the same size.

    Parameters
    ----------
    plan
        The rows.
    out_dir, kind, narrow, store_key
        As of :class:`~mappedviz.copies.shards.Shard` and
        :class:`~mappedviz.copies.joined_rows.JoinedRows`.
    order
        Shuffles the rows; None leaves them in order.
    shard_size
        Rows, or bytes as a text; None for about a gigabyte.
    """
    check_joined(plan, store_key)
    n_obs = len(plan.rows)
    if not n_obs:
        raise RecipeError(
            "selects no row, of which there is nothing to copy",
            key="obs_filter",
            remedy="See whether its conditions are met anywhere.",
        )
    for key in columns_named(plan.recipe):
        plan.obs_key(key)  # read once, and not for each shard
    rows = np.arange(n_obs) if order is None else order.permutation(n_obs)
    n_bytes = _bytes_of(plan, narrow=narrow)
    most = _rows_of(shard_size, n_bytes / n_obs)
    n_shards = -(-n_obs // most)
    cuts = np.arange(n_shards + 1) * n_obs // n_shards
    contents = {store.path: content_of(store.path) for store in plan.stores}
    digits = max(3, len(str(n_shards - 1)))
    shards = []
    for i, (begin, end) in enumerate(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)):
        source = JoinedRows.of(plan, rows[begin:end], store_key)
        used = tuple((address, contents[address]) for address in source.addresses)
        name, share = f"shard_{i:0{digits}}.{kind}", n_bytes * (end - begin) // n_obs
        shards.append(Shard(out_dir, name, source, kind, narrow, used, share))
    return shards


def _bytes_of(plan: Plan, *, narrow: bool) -> int:
    """Return about how many bytes the rows of a plan take in a copy."""
    recipe, counts = plan.recipe, plan.rows.counts
    total = 0.0
    for store, n in zip(plan.stores, counts, strict=True):
        if not n:
            continue
        for key in recipe.layers_keys:
            facts = facts_of(recipe, key, store)
            if facts is not None:
                total += (
                    bytes_of_matrix(facts, facts.dtype.itemsize, narrow=False) * n / facts.shape[0]
                )
        widths = [store.facts.obsm[k].shape[1:] for k in recipe.obsm_keys if k in store.facts.obsm]
        total += n * (64 + 16 * len(columns_named(recipe)) + 8 * sum(map(_product, widths)))
    if not narrow:
        return int(total)
    sampled = [store for store, n in zip(plan.stores, counts, strict=True) if n][:4]
    slots = {"X", *(k for s in sampled for k in s.facts.matrices)}
    wide = sum(expected_bytes(sampled, slots, narrow=False).values())
    small = sum(expected_bytes(sampled, slots, narrow=True).values())
    return int(total * small / max(wide, 1))


def _product(shape: Sequence[int]) -> int:
    return int(np.prod(shape))


def _rows_of(shard_size: int | str | None, bytes_per_row: float) -> int:
    """The number of rows that a size of shards means."""
    remedy = 'Give a number of rows, such as 100_000, or of bytes, such as "2GB".'
    size = float(_SHARD_BYTES)
    if isinstance(shard_size, str):
        size = bytes_of(shard_size) or 0.0
    elif shard_size is not None:
        if isinstance(shard_size, bool) or shard_size < 1:
            raise RecipeError(f"is {shard_size}", key="shard_size", remedy=remedy)
        return int(shard_size)
    if size <= 0:
        raise RecipeError(f"is {shard_size!r}", key="shard_size", remedy=remedy)
    return max(1, int(size / max(bytes_per_row, 1.0)))


def recipe_of_copy(
    recipe: Recipe | None, paths: Sequence[str], encoders: Mapping[str, Any]
) -> Recipe:
    """Return the recipe that reads a copy: what was applied is left out.

    Parameters
    ----------
    recipe
        The recipe that was applied; None for stores that were copied as they are.
    paths
        The stores of the copy.
    encoders
        The encoders of the collection, which labels keep.
    """
    if recipe is None:
        return Recipe(paths=tuple(paths))
    default = Recipe()
    changes: dict[str, Any] = {name: getattr(default, name) for name in _DECIDED}
    if recipe.part is not None:  # the rows are those of this part
        changes |= {name: getattr(default, name) for name in (*SPLIT_FIELDS, "within")}
    return recipe.replace(paths=list(paths), encoders=dict(encoders), **changes)
