"""Rows as an AnnData in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.collection.matrices import RAW, facts_of, frames_of
from mappedviz.collection.observations import as_column, names_of
from mappedviz.collection.reader import Reader
from mappedviz.collection.sources import GivenStore
from mappedviz.collection.variables import harmonised, identifier_of
from mappedviz.errors import JoinError, RecipeError
from mappedviz.gather.csr import CsrRows
from mappedviz.recipe.store_paths import store_names

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData  # type: ignore[import-untyped]

    from mappedviz.collection.plan import Plan
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.stores.store import Store


def to_anndata(plan: Plan, reader: Reader, rows: Array, store_key: str | None) -> AnnData:
    """Read rows of a plan into memory; see :meth:`mappedviz.MappedCollection.to_anndata`.

    Parameters
    ----------
    plan
        What the rows are of.
    reader
        A reader of this plan.
    rows
        Row numbers in ``[0, n_obs)``.
    store_key
        Name of the column of obs that says which store a row comes from; None for no column.

    Raises
    ------
    JoinError
        The rows come from stores of other variables, which are not joined.
    RecipeError
        ``store_key`` is an obs key too, or an obsm element has several widths.
    """
    import pandas as pd
    from anndata import AnnData

    store, _ = plan.rows.locate(rows)
    names = names_of_stores(plan.stores)
    obs = _obs(plan, rows, store, names, store_key)
    obs.index = unique_names(names_of(plan, rows), store, names)
    used = [plan.stores[s] for s in (np.unique(store) if len(store) else range(len(plan.stores)))]
    variables = variables_of(plan, used, [key for key in plan.recipe.layers_keys if key != RAW])
    columns = _read(plan, reader, rows)
    raw = None
    if RAW in columns:
        aliased = RAW in plan.recipe.layer_alias
        of_raw = variables_of(plan, used, [RAW]) if aliased else _variables_of_raw(used)
        raw = {
            "X": _matrix(columns.pop(RAW), len(of_raw)),
            "var": pd.DataFrame(index=pd.Index(of_raw, dtype=object)),
        }
    matrices = {
        key: _matrix(columns[key], len(variables))
        for key in plan.recipe.layers_keys
        if key in columns
    }
    return AnnData(
        matrices.pop("X", None),
        obs=obs,
        var=pd.DataFrame(index=pd.Index(variables, dtype=object)),
        layers=matrices,
        obsm={key: _obsm(key, columns[f"obsm_{key}"]) for key in plan.recipe.obsm_keys},
        raw=raw,
    )


def _read(plan: Plan, reader: Reader, rows: Array) -> dict[str, Any]:
    """Read matrices, each sparse or dense, and obsm."""
    columns = {column.name: column for column in reader.columns if not column.obsm}
    sparse = [
        key for key, column in columns.items() if column.shape is not None and is_sparse(plan, key)
    ]
    if len(sparse) in (0, len(columns)):
        return reader.batch(rows, sparse=bool(sparse)).columns
    read: dict[str, Any] = {}
    others = [key for key in columns if key not in sparse]
    for some, obsm, as_csr in ((sparse, (), True), (others, plan.recipe.obsm_keys, False)):
        alias = {key: value for key, value in plan.recipe.layer_alias.items() if key in some}
        recipe = plan.recipe.replace(layers_keys=some, layer_alias=alias, obsm_keys=obsm)
        part = Reader(replace(plan, recipe=recipe, obs={}), None)
        read |= part.batch(rows, sparse=as_csr).columns
    return read


def is_sparse(plan: Plan, key: str) -> bool:
    """True if all stores that have a matrix keep it sparse."""
    every = (facts_of(plan.recipe, key, store) for store in plan.stores)
    return all(facts is None or facts.kind != "dense" for facts in every)


def _matrix(values: Any, width: int) -> Any:
    """One matrix of scipy or numpy."""
    if isinstance(values, CsrRows):  # scipy has no matrices of float16
        return values.toarray() if values.dtype == np.float16 else values.to_scipy()
    if isinstance(values, list):  # stores differ in width, but not those of these rows
        dtype: np.dtype[Any] = values[0].dtype if values else np.dtype(np.float32)
        # A store that lacks the matrix gives rows of no width, in a type that has NaN.
        matrix = np.full((len(values), width), np.nan if dtype.kind == "f" else 0, dtype=dtype)
        for row, one in zip(matrix, values, strict=True):
            if len(one):
                row[:] = one
        return matrix
    return values


def _obsm(key: str, values: Any) -> Array:
    if isinstance(values, list):
        widths = sorted({len(one) for one in values if len(one)})
        if len(widths) > 1:
            raise RecipeError(
                f"has {' and '.join(map(str, widths))} columns in the stores of these rows",
                key=f"obsm/{key}",
                remedy="Leave it out of obsm_keys, or take rows of stores that agree.",
            )
        values = _matrix(values, widths[0] if widths else 0)
    elements: Array = values
    return elements.reshape(len(elements), 1) if elements.ndim == 1 else elements


def variables_of(plan: Plan, used: Sequence[Store], keys: Sequence[str]) -> Array:
    """Names of the variables: the joint ones, or those that all stores of the rows have."""
    if plan.join is not None:
        return plan.join.joint
    return _same(
        (
            (store, _names_by_recipe(plan.recipe, store, raw=raw))
            for store in used
            for raw in frames_of(plan.recipe, store, keys)
        ),
        key="join=None",
        remedy='Join them with join="inner" or join="outer", or take rows of stores that agree.',
    )


def _names_by_recipe(recipe: Recipe, store: Store, *, raw: bool) -> Array:
    column = identifier_of(recipe, store.path)
    names = GivenStore(store).var_names(column, raw=raw)
    return harmonised(recipe, names, store.path).values


def _variables_of_raw(used: Sequence[Store]) -> Array:
    having = (store for store in used if RAW in store.facts.matrices)
    return _same(
        ((store, store.read_var_names(raw=True)) for store in having),
        key="raw.X",
        remedy="Leave raw.X, which is not joined, out of layers_keys, or take rows of stores that agree.",
    )


def _same(named: Iterable[tuple[Store, Array]], *, key: str, remedy: str) -> Array:
    """The names that all stores have in common order."""
    found: Array | None = None
    first = None
    for store, names in named:
        if found is None:
            found, first = names, store
        elif not np.array_equal(found, names):
            assert first is not None
            raise JoinError(
                f"has {len(names)} variables that are not the {len(found)} of {first.path}",
                store=store.path,
                key=key,
                remedy=remedy,
            )
    return np.empty(0, dtype=object) if found is None else found


def _obs(
    plan: Plan, rows: Array, store: Array, names: Sequence[str], store_key: str | None
) -> pd.DataFrame:
    import pandas as pd

    columns: dict[str, Any] = {key: as_column(column, rows) for key, column in plan.obs.items()}
    if store_key is not None:
        if store_key in columns:
            raise RecipeError(
                f"is {store_key!r}, which is an obs key too",
                key="store_key",
                remedy="Give another name for the column of stores, or None for no such column.",
            )
        columns[store_key] = pd.Categorical.from_codes(store, categories=pd.Index(list(names)))
    return pd.DataFrame(columns, index=range(len(rows)))


def names_of_stores(stores: Sequence[Store]) -> list[str]:
    """Return short names that tell the stores apart: file names, with suffix or path where needed."""
    for stem in (2, 1, 0):
        names = [store_names(store.path)[stem] for store in stores]
        if len(set(names)) == len(names):
            return names
    return [f"{store.path} ({i})" for i, store in enumerate(stores)]


def unique_names(found: Array, store: Array, names: Sequence[str]) -> pd.Index:
    """Names of the observations, made unique."""
    import pandas as pd
    from anndata.utils import make_index_unique  # type: ignore[import-untyped]

    pairs = pd.DataFrame({"name": found, "store": store}).drop_duplicates()
    in_several = pairs["name"][pairs["name"].duplicated()]
    for k in np.flatnonzero(pd.Index(found).isin(in_several)).tolist():
        found[k] = f"{found[k]}-{names[store[k]]}"
    index = pd.Index(found, dtype=object)
    return index if index.is_unique else make_index_unique(index)
