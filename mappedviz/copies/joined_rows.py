"""A store of a copy with rows of a collection: joined, labelled and chosen as its recipe has it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.collection.matrices import RAW, facts_of
from mappedviz.collection.observations import names_of, obs_of
from mappedviz.collection.reader import Reader
from mappedviz.collection.to_anndata import (
    is_sparse,
    names_of_stores,
    unique_names,
    variables_of,
)
from mappedviz.copies.matrices import Block, Spooled, rows_at_a_time
from mappedviz.errors import RecipeError
from mappedviz.formats.new_stores import StoreFormat, new_store
from mappedviz.gather.csr import CsrRows

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.collection.plan import Plan
    from mappedviz.recipe.recipe import Recipe

__all__ = ["JoinedRows", "check_joined", "columns_named"]

_CACHE_BYTES = 256 << 20


def columns_named(recipe: Recipe) -> list[str]:
    """Return the columns of obs that a recipe names: to read, to weigh and to split by."""
    splits = [key for step in (*recipe.splits, recipe) for key in step.keys_of_split()]
    return list(dict.fromkeys([*recipe.obs_keys, *recipe.weights_keys, *splits]))


def check_joined(plan: Plan, store_key: str | None) -> None:
    """Raise an error if the rows of a plan cannot be rows of one table.

    Raises
    ------
    JoinError
        The stores are not joined, and differ in their variables.
    RecipeError
        raw.X is not joined, or an obs key has the name of the column of stores.
    """
    if RAW in plan.recipe.layers_keys and RAW not in plan.recipe.layer_alias:
        raise RecipeError(
            "names raw.X, which has variables of its own and is not joined",
            key="layers_keys",
            remedy='Join it: layer_alias={"raw.X": ["raw.X"]}, or leave it out.',
        )
    if store_key is not None and store_key in columns_named(plan.recipe):
        raise RecipeError(
            f"is {store_key!r}, which is an obs key too",
            key="store_key",
            remedy="Give another name for the column of stores, or None for no such column.",
        )
    variables_of(plan, plan.stores, plan.recipe.layers_keys)


@dataclass(frozen=True, eq=False)
class JoinedRows:
    """Rows of a plan, in any order.

    Parameters
    ----------
    plan
        The plan of these rows.
    order
        The row of the plan for each row of the store; None for the order of the plan.
    store_key
        Name of the column of obs that says which store a row comes from; None for no column.
    """

    plan: Plan
    order: Array | None
    store_key: str | None

    @classmethod
    def of(cls, plan: Plan, rows: Array, store_key: str | None) -> JoinedRows:
        """Return some rows of a plan in the order given, each once."""
        ascending = np.argsort(rows, kind="stable")
        in_order = bool((ascending == np.arange(len(rows))).all())
        order = None if in_order else np.argsort(ascending)
        return cls(plan.take(rows[ascending]), order, store_key)

    @property
    def addresses(self) -> list[str]:
        """The stores that are read."""
        plan = self.plan
        return [s.path for s, n in zip(plan.stores, plan.rows.counts, strict=True) if n]

    @property
    def n_obs(self) -> int:
        """Number of rows."""
        return len(self.plan.rows)

    def what(self) -> object:
        """Return plain values that tell this shard from others of the same stores."""
        digest = hashlib.sha256()
        for numbers in self.plan.rows.locate(self._rows()):
            digest.update(np.ascontiguousarray(numbers, "<i8").data)
        paths = [store.path for store in self.plan.stores]
        return [
            self.plan.recipe.replace(paths=()).to_json(),
            paths,
            digest.hexdigest(),
            self.store_key,
        ]

    def _rows(self) -> Array:
        """Rows of the plan in the order of the store."""
        return np.arange(self.n_obs) if self.order is None else self.order

    def write(
        self,
        target: str,
        kind: StoreFormat,
        folder: str,
        stop: Callable[[], None],
        *,
        narrow: bool,
    ) -> dict[str, Array]:
        """Write the store; see :meth:`mappedviz.copies.whole_stores.WholeStore.write`."""
        recipe, hashes = self.plan.recipe, {}
        obsm: dict[str, Array] = {}
        with new_store(target, kind, target) as new:
            new.put("obs", self._obs())
            new.put("var", self._var())
            new.put_group("layers")
            if RAW in recipe.layers_keys:
                new.put_group("raw", "raw")
                new.put("raw/var", self._var())
            for i, key in enumerate(recipe.layers_keys):
                at = os.path.join(folder, str(i))
                wanted = recipe.obsm_keys if i == 0 else ()
                spooled, found = self._spooled(key, wanted, at, stop, narrow=narrow)
                hashes[key] = spooled.finish(self.order)
                obsm |= found
                where = {"X": "X", RAW: "raw/X"}.get(key, f"layers/{key}")
                new.put_matrix(where, spooled.spool)
            new.put("obsm", {key: values[self._rows()] for key, values in obsm.items()})
            for key in ("varm", "obsp", "varp", "uns"):
                new.put_group(key)
        return hashes

    def _obs(self) -> pd.DataFrame:
        import pandas as pd

        plan, rows = self.plan, self._rows()
        store, _ = plan.rows.locate(rows)
        names = names_of_stores(plan.stores)
        obs = obs_of(plan, rows, columns_named(plan.recipe))
        if self.store_key is not None:
            categories = pd.Index(list(names), dtype=object)
            obs[self.store_key] = pd.Categorical.from_codes(store, categories=categories)
        obs.index = unique_names(names_of(plan, rows), store, names)
        return obs

    def _var(self) -> pd.DataFrame:
        import pandas as pd

        names = variables_of(self.plan, self.plan.stores, self.plan.recipe.layers_keys)
        return pd.DataFrame(index=pd.Index(names, dtype=object))

    def _spooled(
        self,
        key: str,
        obsm_keys: tuple[str, ...],
        folder: str,
        stop: Callable[[], None],
        *,
        narrow: bool,
    ) -> tuple[Spooled, dict[str, Array]]:
        """Rows of one matrix in the order of the stores, and obsm elements beside them."""
        plan = self.plan
        alias = {k: v for k, v in plan.recipe.layer_alias.items() if k == key}
        recipe = plan.recipe.replace(layers_keys=[key], layer_alias=alias, obsm_keys=obsm_keys)
        reader = Reader(replace(plan, recipe=recipe, obs={}), _CACHE_BYTES)
        [column] = [one for one in reader.columns if one.name == key]
        sparse = is_sparse(plan, key) and column.dtype != np.float16
        width = len(variables_of(plan, plan.stores, plan.recipe.layers_keys))
        index = np.dtype(np.int32) if sparse else None
        spooled = Spooled(folder, width, column.dtype, index, narrow=narrow)
        elements: dict[str, list[Array]] = {one: [] for one in obsm_keys}
        rows = np.arange(self.n_obs)
        step = rows_at_a_time(_values_per_row(plan, key) if sparse else width)
        for begin in range(0, len(rows), step):
            stop()
            batch = reader.batch(rows[begin : begin + step], sparse=sparse)
            spooled.append(_block(batch.columns[key], column.dtype, width))
            for one in obsm_keys:
                elements[one].append(_element(one, batch.columns[f"obsm_{one}"]))
        return spooled, {one: np.concatenate(parts) for one, parts in elements.items() if parts}


def _values_per_row(plan: Plan, key: str) -> float:
    found = [facts_of(plan.recipe, key, store) for store in plan.stores]
    known = [facts for facts in found if facts is not None and facts.nnz is not None]
    rows = sum(facts.shape[0] for facts in known)
    return sum(cast(int, facts.nnz) for facts in known) / max(rows, 1)


def _block(values: Any, dtype: np.dtype[Any], width: int) -> Block:
    """Rows as they go into a spool; those of a store without the matrix are NaN, as in a batch."""
    if isinstance(values, list):  # not joined: the same variables, and stores that lack the matrix
        out = np.full((len(values), width), np.nan if dtype.kind == "f" else 0, dtype)
        for row, one in zip(out, values, strict=True):
            if len(one):
                row[:] = one
        return out
    if isinstance(values, np.ndarray):
        return values
    return CsrRows(values.indptr, values.indices, values.data, values.shape)


def _element(key: str, values: Any) -> Array:
    if isinstance(values, list):
        raise RecipeError(
            "has another number of columns in each store",
            key=f"obsm/{key}",
            remedy="Leave it out of obsm_keys.",
        )
    elements = np.array(values)
    return elements.reshape(len(elements), 1) if elements.ndim == 1 else elements
