"""Many AnnData stores as one PyTorch map-style dataset."""

from __future__ import annotations

import operator
import sys
import weakref
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np

from mappedviz._types import Array, PathLike
from mappedviz.collection.plan import Plan, make_plan
from mappedviz.collection.row_batch import teach_default_collate
from mappedviz.errors import ClosedError, RecipeError
from mappedviz.recipe.labels import Encoder, Labels
from mappedviz.recipe.recipe import Join, Recipe
from mappedviz.recipe.weights import LabelWeights, Scheme, labels_to_weigh
from mappedviz.text.rendering import renderer_of

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.collection.reader import Reader, Window
    from mappedviz.collection.row_batch import RowBatch
    from mappedviz.stores.store import Store


class MappedCollection:
    """Many AnnData stores as one PyTorch map-style dataset, read from the files as they are.

    The stores are concatenated virtually: rows are numbered through, variables are joined by
    name, labels are merged and encoded. Nothing is converted or written.

    Parameters
    ----------
    path_list
        ``.h5ad`` files, ``.zarr`` stores (v2, v3, sharded) and ``.zarr.zip`` files, mixed
        freely: one path, a list of them, a glob such as ``"data/*.h5ad"``, or a directory.
    layers_keys
        Matrices to read: ``"X"`` (the default), ``"raw.X"``, names in ``.layers``. A sample
        of a store without the layer lacks the key; in a batch its rows are NaN.
    obs_keys
        Columns of obs to read.
    obsm_keys
        Elements of obsm to read, under ``f"obsm_{key}"``; sparse ones come back dense.
    join
        How X and layers are joined over variables: ``"inner"`` keeps those that every store has,
        in the order of the first store; ``"outer"`` those that any store has, sorted, zeros
        filled; None reads each store in its own width. ``raw.X`` and obsm are never joined. Stores with
        equal variables keep their order.
    encode_labels
        Make labels integers: True for all ``obs_keys``, or a list out of them. Codes
        0 … n-1 follow the sorted merged categories, unused ones included.
    unknown_label
        The label that becomes -1, or a dict of one per key.
    cache_categories
        Accepted for compatibility; results are the same either way.
    parallel
        True makes :meth:`close` have no effect. Worker processes are safe either way.
    dtype
        Type to convert X, layers and obsm to, such as ``"float32"``; default: as stored. Over
        stores of different types a batch has the type that holds all of them.
    obs_filter
        ``{column: value or list of values}``: only rows that meet all conditions. NaN or None among
        the values selects rows without a label; a store without the column contributes nothing.
        Lengths, labels, weights and shapes speak of the filtered rows.
    var_key
        What identifies a variable: None for the index, a column of var such as
        ``"gene_ids"``, or a dict store -> column or None.
    strip_version
        Drop the version of Ensembl identifiers before joining.
    duplicates
        Where a store repeats a variable name: ``"error"``, read the ``"first"`` one, or the
        ``"sum"`` of all.
    min_stores
        Keep variables that at least so many stores have, sorted, zeros filled. Replaces ``join``.
    var_names
        Keep exactly these variables in this order, zeros where a store lacks one (see
        :attr:`var_measured`). Replaces ``join``.
    obs_alias
        Columns that are named differently: ``{key: {store: column}}``, or ``{key: [candidates]}``
        of which the first that a store has is taken.
    relabel
        ``{key: {old label: new label}}``; None as the new label makes it missing.
    encoders
        ``{key: Encoder}`` to use instead of making one from the categories.
    unseen
        A label without a code in a given encoder: ``"error"``, or ``"ignore"`` to code it -1.
    on_error
        A store that cannot be read, a pattern that matches nothing or a directory without stores:
        ``"raise"``, or ``"skip"`` it with a warning that lists them.
    cache_bytes
        Memory for decoded chunks, shared by all stores; default: a quarter of the
        memory that this process may use.
    open_timeout
        Seconds that opening one store may take; default: no bound. See
        :func:`mappedviz.stores.open_stores`.

    Raises
    ------
    StoreError
        A store cannot be read (an ``OSError``).
    ElementError
        Something in a readable store is malformed (an ``OSError`` and ``ValueError``).
    MissingKeyError
        A key is in no store (a ``KeyError``).
    JoinError
        The variables cannot be joined (a ``ValueError``).
    RecipeError
        The request contradicts itself (a ``ValueError``).

    See Also
    --------
    mappedviz.dataloader : batches of a collection for training.
    mappedviz.Recipe : the request as a value.

    Notes
    -----
    A row without a label (missing value, or no such column in its store) is NaN in a single
    sample where its store has the column, and left out where it has not. In a batch every key is
    there: encoded labels are -1, numbers NaN.

    Examples
    --------
    >>> from mappedviz import MappedCollection
    >>> ds = MappedCollection(
    ...     ["notebooks/data/10x_pbmc68k_reduced.h5ad", "notebooks/data/pbmc3k_processed.v3sharded.zarr"],
    ...     obs_keys="cell_type",
    ...     obs_alias={"cell_type": ["bulk_labels", "louvain"]},
    ... )
    >>> ds.shape
    (3338, 764)
    >>> ds[0]["X"].shape, ds[0]["cell_type"]
    ((764,), 1)
    >>> ds[[0, 3000, 0]]
    RowBatch of 3 rows (X: (3, 764) float32, cell_type: (3,) int64, _store_idx: (3,) int64)
    """

    def __init__(
        self,
        path_list: PathLike | Iterable[PathLike],
        layers_keys: str | Iterable[str] | None = None,
        obs_keys: str | Iterable[str] | None = None,
        obsm_keys: str | Iterable[str] | None = None,
        join: Join = "inner",
        encode_labels: bool | Iterable[str] = True,
        unknown_label: Any = None,
        cache_categories: bool = True,
        parallel: bool = False,
        dtype: Any = None,
        *,
        obs_filter: Mapping[str, Any] | None = None,
        var_key: str | Mapping[str, str | None] | None = None,
        strip_version: bool = False,
        duplicates: Literal["error", "first", "sum"] = "error",
        min_stores: int | None = None,
        var_names: Iterable[str] | None = None,
        obs_alias: Mapping[str, Any] | None = None,
        relabel: Mapping[str, Mapping[Any, Any]] | None = None,
        encoders: Mapping[str, Mapping[Any, int]] | None = None,
        unseen: Literal["error", "ignore"] = "error",
        on_error: Literal["raise", "skip"] = "raise",
        cache_bytes: int | None = None,
        open_timeout: float | None = None,
    ) -> None:
        request: dict[str, Any] = {
            "paths": path_list,
            "layers_keys": layers_keys,
            "obs_keys": obs_keys,
            "obsm_keys": obsm_keys,
            "join": join,
            "encode_labels": encode_labels,
            "unknown_label": unknown_label,
            "dtype": dtype,
            "obs_filter": obs_filter,
            "var_key": var_key,
            "strip_version": strip_version,
            "duplicates": duplicates,
            "min_stores": min_stores,
            "var_names": var_names,
            "obs_alias": obs_alias,
            "relabel": relabel,
            "encoders": encoders,
            "unseen": unseen,
            "on_error": on_error,
        }
        plan = make_plan(Recipe(**request), open_timeout=open_timeout)
        self._set_up(plan, parallel=parallel, cache_bytes=cache_bytes)

    @classmethod
    def from_recipe(
        cls,
        recipe: Recipe,
        *,
        stores: Sequence[Store] | None = None,
        parallel: bool = False,
        cache_bytes: int | None = None,
        open_timeout: float | None = None,
    ) -> Self:
        """The collection that a recipe describes.

        Parameters
        ----------
        recipe
            What to read.
        stores
            Stores that are open already; their facts are not read again. Default: open
            those of ``recipe.paths``.
        parallel, cache_bytes, open_timeout
            As for the constructor.

        Examples
        --------
        >>> from mappedviz import MappedCollection, Recipe
        >>> recipe = Recipe(paths=["notebooks/data/10x_pbmc68k_reduced.h5ad"], obs_keys=["phase"])
        >>> ds = MappedCollection.from_recipe(recipe)
        >>> ds.recipe == recipe, len(ds)
        (True, 700)
        """
        self = cls.__new__(cls)
        plan = make_plan(recipe, stores, open_timeout=open_timeout)
        self._set_up(plan, parallel=parallel, cache_bytes=cache_bytes)
        return self

    def subset(self, rows: slice | Sequence[int] | Array) -> Self:
        """Some of the rows as a collection of their own.

        Stores, joint variables, encoders and the types of batches are those of the whole; lengths,
        labels, weights and row numbers are those of the part. It reads as fast as a collection that
        was filtered, and shares decoded chunks with the whole.

        Parameters
        ----------
        rows
            Integers (negative ones count from the end), a slice, or a boolean mask (n_obs,).
            The rows come in the order of the collection, each once, in whatever order they are
            named.

        Raises
        ------
        IndexError
            A row is out of range, or the rows are no integers.

        Notes
        -----
        The :attr:`recipe` is that of the whole: it says nothing of these rows. What a recipe can
        say is ``obs_filter``, and the :meth:`split`.

        Examples
        --------
        >>> from mappedviz import MappedCollection
        >>> ds = MappedCollection("notebooks/data/pbmc5k_small_cd4_vs_cd8.h5ad", obs_keys="cell_type")
        >>> some = ds.subset(ds.get_merged_labels("cell_type") == "CD8_T")
        >>> len(some), some.encoders == ds.encoders
        (250, True)
        """
        chosen = np.unique(as_rows(rows, self._offsets[-1]))
        return self._part(self._plan.take(chosen))

    def split(
        self,
        by: str | Literal[False] | None = None,
        fraction: float | None = None,
        seed: int | None = None,
        stratify: str | Sequence[str] | None = None,
    ) -> tuple[Self, Self]:
        """Rows for training and rows for validation, as two collections.

        Parameters
        ----------
        by
            Obs key of what must not be on both sides, such as ``"donor"``; loaded or not.
            False splits single rows. Default: ``split_by`` of the recipe.
        fraction
            Share of the rows for validation; default: ``split_fraction`` of the recipe. Whole groups come as
            near to it as their sizes allow.
        seed
            Default: ``split_seed`` of the recipe.
        stratify
            Obs key, or several combined, whose labels should have that share each: of single
            rows to within one, of groups as far as possible.

        Returns
        -------
        tuple
            The training and the validation collection, each a :meth:`subset`. Their recipe is that of
            this collection with the split that was made, so that saving it keeps the split.

        Raises
        ------
        MissingKeyError
            No store has the key.
        RecipeError
            There is only one group, or only one row; the fraction is not between 0 and 1.

        Notes
        -----
        Rows without a group label are used for training, never for validation: their group is not
        known, so nobody can say of a validation row among them that it was not learned from. The
        fraction is of the rows that have a label.

        A group's side is decided by its name, the seed and the sizes of the groups; the side of a
        single row by the name of its store's file, its place in there and the seed. The order of stores
        changes nothing, and both sides have the same encoders.

        Examples
        --------
        >>> from mappedviz import MappedCollection
        >>> ds = MappedCollection("notebooks/data/10x_pbmc68k_reduced.h5ad", obs_keys="bulk_labels")
        >>> train, validation = ds.split(by="louvain", fraction=0.25)
        >>> len(train), len(validation)
        (511, 189)
        >>> set(train.get_merged_labels("louvain")) & set(validation.get_merged_labels("louvain"))
        set()
        """
        given: dict[str, Any] = {"split_fraction": fraction, "split_seed": seed}
        changes = {name: value for name, value in given.items() if value is not None}
        if by is not None:
            changes["split_by"] = None if by is False else by
        recipe = self.recipe.replace(**changes)
        strata = None
        if stratify is not None:
            keys = [stratify] if isinstance(stratify, str) else list(stratify)
            strata = Labels.combine([self._plan.labels_of(key) for key in keys]).codes
        validation = self._validation(recipe, strata)
        plan = replace(self._plan, recipe=recipe)
        parts = [plan.take(np.flatnonzero(side)) for side in (~validation, validation)]
        return self._part(parts[0]), self._part(parts[1])

    def _validation(self, recipe: Recipe, strata: Array | None) -> Array:
        """Boolean (n_obs,): which rows are for validation."""
        from mappedviz.recipe import splits

        if recipe.split_by is None:
            rows = self._plan.rows
            chances = [
                splits.chances_of_rows(store.name, store.facts.n_obs, recipe.split_seed)
                for store in self.stores
            ]
            kept = [
                some if local is None else some[local]
                for some, local in zip(chances, rows.kept, strict=True)
            ]
            return splits.split_rows(np.concatenate(kept), recipe.split_fraction, strata)
        groups = self._plan.labels_of(recipe.split_by)
        try:
            return splits.split_labels(groups, recipe.split_fraction, recipe.split_seed, strata)
        except RecipeError as error:
            error.key = recipe.split_by
            raise

    def _part(self, plan: Plan) -> Self:
        part = type(self).__new__(type(self))
        part._set_up(plan, parallel=self.parallel, cache_bytes=self.cache_bytes)
        part._reading = self._reading
        return part

    def _set_up(self, plan: Plan, *, parallel: bool, cache_bytes: int | None) -> None:
        self._plan = plan
        self.parallel = bool(parallel)
        self.cache_bytes = cache_bytes
        self._closed = False
        self._reader: Reader | None = None
        self._reading = _Reading()
        self._offsets: list[int] = plan.rows.offsets.tolist()
        # What ds[i] asks of the plan for every row, looked up once.
        self._sample_keys = [
            (key, column, column.present.tolist()) for key, column in plan.obs.items()
        ]

    def __getstate__(self) -> dict[str, Any]:
        # Addresses, maps and recipe travel to worker processes; handles and caches never.
        return {**self.__dict__, "_reader": None, "_reading": _Reading()}

    # --- what it is -------------------------------------------------------------------

    @property
    def recipe(self) -> Recipe:
        """Everything that was asked, as a frozen value."""
        return self._plan.recipe

    @property
    def stores(self) -> tuple[Store, ...]:
        """The stores that are read, with their facts."""
        return self._plan.stores

    @property
    def path_list(self) -> list[str]:
        """Absolute paths of the stores."""
        return [store.path for store in self._plan.stores]

    @property
    def layers_keys(self) -> list[str]:
        """The matrices that are read."""
        return list(self.recipe.layers_keys)

    @property
    def obs_keys(self) -> list[str]:
        """The obs keys that are read."""
        return list(self.recipe.obs_keys)

    @property
    def obsm_keys(self) -> list[str]:
        """The obsm elements that are read."""
        return list(self.recipe.obsm_keys)

    @property
    def n_obs(self) -> int:
        """Number of rows, filtered."""
        return self._offsets[-1]

    def __len__(self) -> int:
        return self._offsets[-1]

    @property
    def n_obs_list(self) -> list[int]:
        """Number of rows of each store, filtered."""
        return self._plan.rows.counts

    @property
    def part_of(self) -> int | None:
        """Of a :meth:`subset`, the number of rows of the whole; else None."""
        return self._plan.part_of

    @property
    def n_vars(self) -> int | None:
        """Number of joint variables; None for ``join=None``."""
        return None if self._plan.join is None else len(self._plan.join)

    @property
    def shape(self) -> tuple[int, int | None]:
        """Rows and joint variables."""
        return self.n_obs, self.n_vars

    @property
    def original_shapes(self) -> list[tuple[int, int]]:
        """Rows (filtered) and variables (before the join) of each store."""
        counts = self._plan.rows.counts
        return [(n, store.facts.n_vars) for n, store in zip(counts, self.stores, strict=True)]

    @property
    def var_joint(self) -> pd.Index | None:
        """Names of the joint variables; None for ``join=None``."""
        from pandas import Index

        return None if self._plan.join is None else Index(self._plan.join.joint, dtype=object)

    @property
    def var_indices(self) -> list[Array] | None:
        """How each store's variables are joined; None where nothing is changed.

        For an outer join the joint column of each of the store's columns; else the store's
        column of each joint variable, -1 where the store lacks it.
        """
        join = self._plan.join
        if join is None or join.aligned:
            return None
        if self.recipe.join == "outer" and not (self.recipe.min_stores or self.recipe.var_names):
            maps = [join.column_map(i) for i in range(len(self.stores))]
            return [
                np.arange(len(join)) if one is None else one.array.astype(np.intp) for one in maps
            ]
        return [join.columns(i) for i in range(len(self.stores))]

    @property
    def var_measured(self) -> Array | None:
        """Boolean (n_stores, n_vars): which store has which joint variable; None for ``join=None``."""
        return None if self._plan.join is None else self._plan.join.measured()

    @property
    def var_list(self) -> list[pd.Index]:
        """The variable names of each store, as in its file."""
        from pandas import Index

        return [Index(store.var_names, dtype=object) for store in self.stores]

    @property
    def storage_idx(self) -> Array:
        """Position of its store for every row, smallest integers (n_obs,)."""
        return self._plan.rows.store_of_rows()

    @property
    def indices(self) -> Array:
        """Row inside its store for every row, int64 (n_obs,)."""
        return self._plan.rows.local_rows()

    @property
    def encoders(self) -> dict[str, Encoder]:
        """For each encoded key the mapping label -> code."""
        return {
            key: column.encoder
            for key, column in self._plan.obs.items()
            if column.encoder is not None
        }

    def __repr__(self) -> str:
        n_vars = "native" if self.n_vars is None else f"{self.n_vars:,}"
        keys = "".join(
            f", {name}={value}"
            for name, value in (("obs_keys", self.obs_keys), ("obsm_keys", self.obsm_keys))
            if value
        )
        whole = self.part_of
        n_obs = f"{self.n_obs:,}" if whole is None else f"{self.n_obs:,} of {whole:,}"
        return (
            f"MappedCollection of {len(self.stores)} stores: {n_obs} obs × {n_vars} vars "
            f"(join={self.recipe.join!r}, layers_keys={self.layers_keys}{keys})"
        )

    def _repr_html_(self) -> str:
        return renderer_of(self).fragment(self)

    # --- rows -------------------------------------------------------------------------

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice | Sequence[int] | Array) -> RowBatch: ...
    def __getitem__(self, index: Any) -> Any:
        """One sample for an integer; a :class:`~mappedviz.RowBatch` for a slice, list or array.

        Raises
        ------
        IndexError
            The row is out of range, or the index is no integer.
        ClosedError
            The collection was closed.
        """
        try:
            row = operator.index(index)
        except TypeError:
            return self.read_rows(index)
        n = self._offsets[-1]
        if not -n <= row < n:
            raise IndexError(f"row {row} of a collection of {n} rows")
        if row < 0:
            row += n
        reader = self._reader or self._open_reader()
        store = bisect_right(self._offsets, row) - 1
        kept = self._plan.rows.kept[store]
        local = (
            row - self._offsets[store] if kept is None else int(kept[row - self._offsets[store]])
        )
        sample = reader.sample(store, local)
        for key, column, present in self._sample_keys:
            if present[store]:
                sample[key] = column.sample(row)
        sample["_store_idx"] = store
        return sample

    def __getitems__(self, indices: Sequence[int]) -> RowBatch:
        """The whole batch that PyTorch's DataLoader asks for at once."""
        if "torch" in sys.modules:
            teach_default_collate()
        return self.read_rows(indices)

    def read_rows(
        self, indices: slice | Sequence[int] | Array, *, sparse: bool = False
    ) -> RowBatch:
        """Rows in the order asked for, repeats included; the one primitive that all reading is.

        Parameters
        ----------
        indices
            Integers (negative ones count from the end), a slice, or a boolean mask (n_obs,).
        sparse
            Hand out X and layers as scipy CSR matrices: sorted, repeats summed.

        Returns
        -------
        RowBatch
            Every key that was asked for, in types that depend on the recipe alone: matrices
            (n, n_vars), or lists of arrays where stores differ in width and are not joined;
            encoded labels int64 with -1 for "no label"; ``_store_idx`` int64.

        Raises
        ------
        IndexError
            A row is out of range, or the indices are no integers.
        StoreError
            A store was removed, replaced or truncated since it was opened.
        ClosedError
            The collection was closed.
        """
        rows = as_rows(indices, self._offsets[-1])
        reader = self._reader or self._open_reader()
        return reader.batch(rows, sparse=sparse)

    def read_window(
        self, indices: Sequence[int] | Array, *, sparse: bool = False, batch_size: int = 0
    ) -> Window:
        """Many rows read at once, from which batches are cut: every chunk is decoded once.

        Parameters
        ----------
        indices, sparse
            As for :meth:`read_rows`.
        batch_size
            Rows of the batches, if that is known: large ones may then be read from the decoded
            chunks themselves.

        Returns
        -------
        Window
            Its ``cut(start, stop)`` is ``read_rows(indices[start:stop], sparse=sparse)``.
        """
        rows = as_rows(indices, self._offsets[-1])
        reader = self._reader or self._open_reader()
        return reader.window(rows, sparse=sparse, batch_size=batch_size)

    @property
    def stored_plainly(self) -> bool:
        """Whether all matrices that are read are uncompressed parts of single files."""
        return all(
            store.kind == "h5ad" and store.facts.matrices[key].codec == "none"
            for store in self.stores
            for key in self.recipe.layers_keys
            if key in store.facts.matrices
        )

    def _open_reader(self) -> Reader:
        if self._closed and not self.parallel:
            raise ClosedError(
                "the collection was closed", remedy="Make it again, or read inside the with block."
            )
        self._reader = self._reading.reader(self._plan, self.cache_bytes)
        return self._reader

    # --- labels -----------------------------------------------------------------------

    def get_merged_labels(self, label_key: str) -> Array:
        """Labels of all rows: (n_obs,), numbers or objects, NaN where a row has none.

        Parameters
        ----------
        label_key
            Any column of obs, loaded or not; alias and relabelling apply.

        Raises
        ------
        MissingKeyError
            No store has the key.
        """
        return self._plan.labels_of(label_key).values()

    def get_merged_categories(self, label_key: str) -> list[Any]:
        """Sorted distinct labels of all stores, unused categories included.

        Raises
        ------
        MissingKeyError
            No store has the key.
        """
        return list(self._plan.labels_of(label_key).categories)

    def get_label_weights(
        self,
        obs_keys: str | Sequence[str] | None = None,
        scaler: float | None = None,
        return_categories: bool = False,
        *,
        scheme: Scheme | None = None,
        missing: Literal["zero", "class"] | None = None,
    ) -> Any:
        """Weight of every row, for a weighted sampler.

        Parameters
        ----------
        obs_keys
            One key, or several whose labels are joined with ``"__"``; loaded or not. Default: the
            ``weights_keys`` of the recipe, with its scheme and scaler unless one is given here.
        scaler
            Weights ``scaler / (scaler + n)`` instead of ``1 / n``, n being the rows of the label.
        return_categories
            Return ``{label as text: weight}`` instead.
        scheme
            ``"inverse"`` 1/n (default), ``"scaled"`` (default with a scaler), ``"sqrt"`` 1/√n,
            ``"uniform"``.
        missing
            Rows without a label: ``"zero"`` never draws them; ``"class"`` weighs them as a class of
            their own, together with the key's ``unknown_label`` if there is one. Default: ``"class"``
            if there is an ``unknown_label`` for the key, else ``"zero"``.

        Returns
        -------
        ndarray or dict
            float64 (n_obs,), in the order of the rows; or a weight per label.

        Raises
        ------
        MissingKeyError
            No store has the key.
        RecipeError
            The scheme is not known or contradicts the scaler; no key, and the recipe names none.

        Examples
        --------
        >>> from mappedviz import MappedCollection
        >>> ds = MappedCollection("notebooks/data/pbmc5k_small_cd4_vs_cd8.h5ad", obs_keys="cell_type")
        >>> ds.get_label_weights("cell_type", return_categories=True)
        {'CD4_T': 0.004, 'CD8_T': 0.004}
        """
        if obs_keys is None:
            obs_keys = self.recipe.weights_keys
            if scheme is None and scaler is None:
                scheme, scaler = self.recipe.weights_scheme, self.recipe.weights_scaler
        keys = [obs_keys] if isinstance(obs_keys, str) else list(obs_keys)
        if not keys:
            raise RecipeError(
                "names no key",
                key="obs_keys",
                remedy="Name at least one obs key, here or as weights_keys of the recipe.",
            )
        several = [
            labels_to_weigh(self._plan.labels_of(key), self.recipe.unknown_label_of(key), missing)
            for key in keys
        ]
        weights = LabelWeights.of(Labels.combine(several), scheme, scaler)
        return weights.by_label() if return_categories else weights.of_rows()

    # --- variables --------------------------------------------------------------------

    def check_vars_sorted(self, ascending: bool = True) -> bool:
        """Whether every store's variables are sorted."""
        if ascending:
            return all(names.is_monotonic_increasing for names in self.var_list)
        return all(names.is_monotonic_decreasing for names in self.var_list)

    def check_vars_non_aligned(self, vars: pd.Index | Sequence[str]) -> list[int]:
        """Positions of the stores whose variables are not exactly these, in this order."""
        from pandas import Index

        wanted = Index(vars)
        return [i for i, names in enumerate(self.var_list) if not names.equals(wanted)]

    # --- life -------------------------------------------------------------------------

    def close(self) -> None:
        """Give back memory and descriptors; reading afterwards is an error.

        No effect with ``parallel=True``.
        """
        if not self.parallel:
            self._closed = True
            self._reader = None

    @property
    def closed(self) -> bool:
        """Whether the collection was closed."""
        return self._closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @staticmethod
    def torch_worker_init_fn(worker_id: int) -> None:
        """Kept for compatibility: worker processes need no preparation."""


class _Reading:
    """What a collection and its subsets share: open matrices and the cache of decoded chunks.

    It holds them weakly: with the last reader, memory comes back.
    """

    def __init__(self) -> None:
        self._first: weakref.ref[Reader] | None = None

    def reader(self, plan: Plan, cache_bytes: int | None) -> Reader:
        """A reader of a plan that has the same stores as the plans before."""
        from mappedviz.collection.reader import Reader

        first = None if self._first is None else self._first()
        if first is None:
            made = Reader(plan, cache_bytes)
            self._first = weakref.ref(made)
            return made
        return first.of(plan)


def as_rows(indices: slice | Sequence[int] | Array, n: int) -> Array:
    """Row numbers as int64 in ``[0, n)``.

    Raises
    ------
    IndexError
        A row is out of range, or the indices are no integers.
    """
    if isinstance(indices, slice):
        return np.arange(*indices.indices(n), dtype=np.int64)
    if isinstance(indices, (str, bytes, Path, Mapping)):
        raise IndexError(f"{indices!r} is no row number, slice, list or array of them")
    if not isinstance(indices, np.ndarray) and hasattr(indices, "__array__"):
        indices = np.asarray(indices)
    try:
        rows = np.asarray(list(indices) if not isinstance(indices, np.ndarray) else indices)
    except (TypeError, ValueError) as error:
        raise IndexError(
            f"{type(indices).__name__} is no row number, slice, list or array"
        ) from error
    if rows.ndim != 1:
        raise IndexError(f"row numbers have {rows.ndim} dimensions where 1 was expected")
    if rows.dtype.kind == "b":
        if len(rows) != n:
            raise IndexError(f"a mask of {len(rows)} values for a collection of {n} rows")
        return np.flatnonzero(rows)
    if rows.dtype.kind not in "iu" and len(rows):
        raise IndexError(f"row numbers of {rows.dtype} are no integers")
    rows = rows.astype(np.int64)
    if len(rows):
        low, high = int(rows.min()), int(rows.max())
        if low < -n or high >= n:
            raise IndexError(f"row {low if low < -n else high} of a collection of {n} rows")
        if low < 0:
            rows[rows < 0] += n
    return rows
