"""Many AnnData stores as one PyTorch map-style dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from mappedviz._types import Array
from mappedviz.collection.dataset import PlanDataset
from mappedviz.collection.plan import make_plan
from mappedviz.collection.row_index import as_rows
from mappedviz.collection.split import Parts, split_plan, split_recipe
from mappedviz.errors import RecipeError
from mappedviz.formats.remote_options import noted
from mappedviz.recipe.labels import Labels
from mappedviz.recipe.recipe import Join, Recipe
from mappedviz.recipe.weights import LabelWeights, Scheme, labels_to_weigh
from mappedviz.stores.first_contact import OPEN_TIMEOUT
from mappedviz.text.rendering import shown_in_notebooks

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData  # type: ignore[import-untyped]

    from mappedviz.collection.sources import StoreSource
    from mappedviz.stores.fact_cache import CacheLike
    from mappedviz.stores.paths import StoresLike
    from mappedviz.stores.store import Store


class MappedCollection(PlanDataset):
    """Many AnnData stores as one PyTorch map-style dataset, read from the files as they are.

    The stores are concatenated virtually: rows are numbered through, variables are joined by
    name, labels are merged and encoded. Nothing is converted or written.

    Parameters
    ----------
    path_list
        ``.h5ad`` files, ``.zarr`` stores (v2, v3, sharded) and ``.zarr.zip`` files, mixed
        freely: one path, a list of them, a glob such as ``"data/*.h5ad"``, or a directory. AnnData
        objects in memory, too, alone or among the paths, whose matrices are not copied;
        ``{"berlin": adata}`` names them.
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
        filled; None reads each store in its own width. obsm is never joined, ``raw.X`` only under a key
        of ``layer_alias``. Stores with equal variables keep their order.
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
        stores of different types a batch has the type that holds all of them. With
        ``duplicates="sum"``, the default for joined matrices is a type that holds sums: int64 for
        integers and booleans (uint64 for uint64), float32 for float16. Where an integer type
        is too small for a sum, reading raises an ElementError.
    obs_filter
        ``{column: value or list of values}``: only rows that meet all conditions. NaN or None among
        the values selects rows without a label; a store without the column contributes nothing.
        Lengths, labels, weights and shapes speak of the filtered rows.
    obs_query
        A condition on obs as text, beside `obs_filter`: ``"n_genes > 200 and tissue not in
        ['blood'] and not is_doublet"``. Comparisons, ``and``, ``or``, ``not``, ``in``, arithmetic and
        values; names that are no identifiers in backticks. Values are compared as pandas does it:
        a missing one is unequal to all; ``x == None`` asks for it. In a store without the
        column all values are missing. Aliases and new names apply; nothing of it is executed.
    var_key
        What identifies a variable: None for the index, a column of var such as
        ``"gene_ids"``, or a dict store -> column or None.
    strip_version
        Drop the version of Ensembl identifiers before joining.
    var_map
        Map names of genes before joining: ``"symbol->ensembl"``, ``"ensembl->symbol"``,
        ``"symbol->symbol"`` (earlier symbols become today's) or ``"ensembl->ensembl"``, by the packaged table of
        the species that the names are of; ``"human: symbol->ensembl"`` by one table; ``{"map": …,
        "table": "zebrafish.csv"}`` by a table of yours. Versions of identifiers are dropped. A name that
        means several genes, or is not known where the kind of names changes, is left out of the join: see
        :attr:`var_unmapped`. The recipe names the release of the table; with another one it is refused.
    var_alias
        ``{name: new name}`` of single variables, after all of the above; a name that is given here, also
        as ``{"tdTomato": "tdTomato"}``, is not asked of `var_map`.
    duplicates
        Where a store repeats a variable name: ``"error"``, read the ``"first"`` one, or the
        ``"sum"`` of all. Sums are made in a type that holds them, before they become `dtype`.
    min_stores
        Keep variables that at least so many stores have, sorted, zeros filled. Replaces ``join``.
    var_names
        Keep exactly these variables in this order, zeros where a store lacks one (see
        :attr:`var_measured`). Replaces ``join``.
    layer_alias
        Matrices that are named differently: ``{key: {store: matrix}}``, or ``{key: [candidates]}`` of
        which the first that a store has is taken; ``"X"``, ``"raw.X"`` and names of layers. With
        ``layers_keys="counts", layer_alias={"counts": ["counts", "raw.X", "X"]}`` counts are read as
        ``"counts"``, wherever a store keeps them. All keys of ``layer_alias`` are joined, raw.X over
        the variables of raw; ``{"raw.X": ["raw.X"]}`` joins raw.X under its own name.
    obs_alias
        Columns that are named differently: ``{key: {store: column}}``, or ``{key: [candidates]}``
        of which the first that a store has is taken.
    relabel
        ``{key: {old label: new label}}``; None as the new label makes it missing. For single stores
        ``{key: {store: {old label: new label}}}``, where ``"*"`` means all stores; a store's own
        new names come before those. Labels are renamed in one step.
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
    cache
        Folder for what was read of stores (facts, names, obs columns), so that unchanged ones are not read again;
        False for none. Default: ``MAPPEDVIZ_CACHE`` (a folder, or ``off``), else a folder of the user. Not in the recipe.
    open_timeout
        Seconds that the first contact with one store may take. One that is not in the cache is read by a child
        process, which is ended then: damaged HDF5 can make the library spin. None or ``math.inf``: in this process, unbounded.
    storage_options
        How URLs are opened, as obstore or fsspec spell it; see :doc:`/remote`. Not in the recipe.

    Raises
    ------
    StoreError, ElementError
        A store cannot be read, or something in it is malformed (an ``OSError``; the latter a ``ValueError``, too).
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
    >>> from mappedviz.datasets import demo
    >>> ds = MappedCollection(
    ...     [demo() / "berlin.h5ad", demo() / "boston.zarr"],
    ...     obs_keys="cell_type",
    ...     obs_alias={"cell_type": ["cell_type", "celltype"]},
    ... )
    >>> ds.shape
    (1200, 640)
    >>> ds[0]["X"].shape, ds[0]["cell_type"]
    ((640,), 7)
    >>> ds[[0, 1000, 0]]
    RowBatch of 3 rows (X: (3, 640) float32, cell_type: (3,) int64, _store_idx: (3,) int64)
    """

    def __init__(
        self,
        path_list: StoresLike,
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
        obs_query: str | None = None,
        var_key: str | Mapping[str, str | None] | None = None,
        strip_version: bool = False,
        var_map: str | Mapping[str, Any] | None = None,
        var_alias: Mapping[str, str] | None = None,
        duplicates: Literal["error", "first", "sum"] = "error",
        min_stores: int | None = None,
        var_names: Iterable[str] | None = None,
        layer_alias: Mapping[str, Any] | None = None,
        obs_alias: Mapping[str, Any] | None = None,
        relabel: Mapping[str, Mapping[Any, Any]] | None = None,
        encoders: Mapping[str, Mapping[Any, int]] | None = None,
        unseen: Literal["error", "ignore"] = "error",
        on_error: Literal["raise", "skip"] = "raise",
        cache_bytes: int | None = None,
        cache: CacheLike = None,
        open_timeout: float | None = OPEN_TIMEOUT,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        request: dict[str, Any] = {
            "paths": noted(path_list, storage_options),
            "layers_keys": layers_keys,
            "obs_keys": obs_keys,
            "obsm_keys": obsm_keys,
            "join": join,
            "encode_labels": encode_labels,
            "unknown_label": unknown_label,
            "dtype": dtype,
            "obs_filter": obs_filter,
            "obs_query": obs_query,
            "var_key": var_key,
            "strip_version": strip_version,
            "var_map": var_map,
            "var_alias": var_alias,
            "duplicates": duplicates,
            "min_stores": min_stores,
            "var_names": var_names,
            "layer_alias": layer_alias,
            "obs_alias": obs_alias,
            "relabel": relabel,
            "encoders": encoders,
            "unseen": unseen,
            "on_error": on_error,
        }
        plan = make_plan(Recipe(**request), cache=cache, open_timeout=open_timeout)
        super().__init__(plan, parallel=parallel, cache_bytes=cache_bytes)

    @classmethod
    def from_recipe(
        cls,
        recipe: Recipe,
        *,
        stores: Sequence[Store | StoreSource] | None = None,
        parallel: bool = False,
        cache_bytes: int | None = None,
        cache: CacheLike = None,
        open_timeout: float | None = OPEN_TIMEOUT,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Self:
        """Make the collection that a recipe describes.

        Parameters
        ----------
        recipe
            What to read: the part of a split that it names, or all rows if it names none.
        stores
            Stores that are open already; their facts are not read again. Default: open
            those of ``recipe.paths``.
        parallel, cache_bytes, cache, open_timeout, storage_options
            As for the constructor.

        Examples
        --------
        >>> from mappedviz import MappedCollection, Recipe
        >>> from mappedviz.datasets import demo
        >>> recipe = Recipe(paths=[demo() / "berlin.h5ad"], obs_keys=["batch"])
        >>> ds = MappedCollection.from_recipe(recipe)
        >>> ds.recipe == recipe, len(ds)
        (True, 700)
        """
        noted(recipe.paths, storage_options)
        plan = make_plan(recipe, stores, cache=cache, open_timeout=open_timeout)
        return cls._of(plan, parallel=parallel, cache_bytes=cache_bytes)

    def subset(self, rows: slice | Sequence[int] | Array) -> Self:
        """Return some of the rows as a collection of their own.

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
            A row is out of range, or the rows are not integers.

        Notes
        -----
        The :attr:`recipe` is that of the whole and does not describe these rows. A recipe can
        describe ``obs_filter``, and the :meth:`split`.

        Examples
        --------
        >>> from mappedviz import MappedCollection
        >>> from mappedviz.datasets import demo
        >>> ds = MappedCollection(demo() / "berlin.h5ad", obs_keys="cell_type")
        >>> some = ds.subset(ds.get_merged_labels("cell_type") == "B cell")
        >>> len(some), some.encoders == ds.encoders
        (73, True)
        """
        chosen = np.unique(as_rows(rows, len(self)))
        return self._part(self._plan.take(chosen))

    def split(
        self,
        by: str | Sequence[str] | Literal[False] | None = None,
        fraction: float | None = None,
        seed: int | None = None,
        stratify: str | Sequence[str] | Literal[False] | None = None,
        *,
        holdout: Mapping[str, Any] | None = None,
        **parts: float,
    ) -> Parts[Self]:
        """Split the rows into a training and a validation collection, or into parts with names.

        Parameters
        ----------
        by
            Obs key of the groups that must not be in several parts, such as ``"donor"``; loaded or
            not. Several keys: their combinations are the groups. False splits single rows. Default:
            ``split_by`` of the recipe.
        fraction
            Share of the rows for validation; default: ``split_fraction`` of the recipe. Whole groups
            come as near to it as their sizes allow.
        seed
            Seed of the random choice; default: ``split_seed`` of the recipe.
        stratify
            Obs key, or several combined: each label should have that share of its rows for
            validation. Single rows meet it to within one row, groups as far as possible. False:
            none. Default: ``stratify`` of the recipe.
        holdout
            Groups that make up a part: ``{"donor": ["d1", "d2"]}`` for the last one, or
            ``{"test": {"donor": ["d1", "d2"]}}`` for the one that is named. Rows with any of these
            labels are in that part, and no other rows are. The other parts share the rest, in
            proportion to their shares. ``{}``: none. Default: ``holdout`` of the recipe.
        **parts
            Names of parts with their shares, which add up to 1: ``train=0.7, validation=0.15,
            test=0.15``. Default: ``split_parts`` of the recipe, else ``train`` and ``validation``.

        Returns
        -------
        Parts
            A tuple of the parts in order, which also are its attributes: ``parts.test``,
            ``parts["test"]``. Each is a :meth:`subset` whose recipe has the split that was made and
            names the part, so that saving it keeps the split.

        Raises
        ------
        MissingKeyError
            No store has the key.
        RecipeError
            There are fewer groups, or rows, than parts; the shares do not add up to 1; held-out
            groups are nowhere, or cut through the groups of ``by``.

        Notes
        -----
        :meth:`from_recipe` gives the part that a recipe names, and all rows if it names none.
        Without arguments, ``split()`` makes the split of the recipe: of all rows, also where this
        collection is one of the parts. With arguments, a part is split once more, and the recipes
        of its parts say so (``within``). The recipe of a :meth:`subset` does not describe its rows,
        nor those of its split: it stays as it is.

        Rows without a group label are in the first part, which is for training: their group is
        unknown, so it might be among those that were trained on. Shares refer to the rows that
        have a label.

        The distance from the shares is the root of the sum over parts of (n - share · N)², with n of
        N rows in a part. It is the least that whole groups allow if there are at most 20 of them
        (2²⁰ choices; 12 groups for three parts). More groups are taken in random order, and change
        sides until the share is missed by less than the smallest group. With ``stratify``, the shares
        of all rows and the mean over labels count, each squared:
        (n / N - share)² + mean((n_label / N_label - share)²). The seed chooses among what is
        equally near.

        A group's part depends on its name, the seed and the sizes of the groups; that of a
        single row on the file name of its store, its position there and the seed. The order of the
        stores has no influence, and all parts have the same encoders.

        Examples
        --------
        >>> from mappedviz import MappedCollection
        >>> from mappedviz.datasets import demo
        >>> ds = MappedCollection(demo() / "berlin.h5ad", obs_keys="cell_type")
        >>> train, validation = ds.split(by="donor", fraction=0.25)
        >>> len(train), len(validation)
        (536, 164)
        >>> set(train.get_merged_labels("donor")) & set(validation.get_merged_labels("donor"))
        set()
        >>> parts = ds.split(False, stratify="cell_type", train=0.7, validation=0.15, test=0.15)
        >>> [(name, len(part)) for name, part in parts.items()]
        [('train', 490), ('validation', 105), ('test', 105)]
        >>> MappedCollection.from_recipe(parts.test.recipe).shape
        (105, 640)
        """
        plan = self._plan
        asked = (by, fraction, seed, stratify, holdout)
        recipe = split_recipe(self.recipe, *asked, parts)
        if plan.described and recipe.within == self.recipe.within:
            plan = plan.whole()
        return split_plan(plan, recipe, described=plan.described).map(self._part)

    def to_anndata(
        self,
        rows: slice | Sequence[int] | Array | None = None,
        *,
        store_key: str | None = "store",
    ) -> AnnData:
        """Read rows into memory as an AnnData, with joint variables and harmonised labels.

        Parameters
        ----------
        rows
            Integers (negative ones count from the end, repeats are welcome), a slice, or a boolean
            mask (n_obs,). They come in the order given. Default: all rows of this collection, such
            as those of a :meth:`subset` or of one side of a :meth:`split`.
        store_key
            Name of the column of obs that says which store a row comes from: its file name, with
            suffix or path where stores would have the same. None: no such column.

        Returns
        -------
        anndata.AnnData
            ``X``, ``layers`` and ``obsm`` as requested by the recipe. A matrix is sparse (CSR) if
            all stores keep it sparse, else dense; rows of a store that lacks it are NaN. ``raw.X``
            becomes ``raw``. ``obs`` has the ``obs_keys`` with their labels, relabelled but not as
            codes: strings as categoricals with the categories of the whole collection, missing
            labels as NaN. Names of observations that several stores share get the name of their
            store appended (``"AAACCC-1-pbmc3k"``), repeated rows ``-1``, ``-2``, ….

        Raises
        ------
        IndexError
            A row is out of range, or the rows are not integers.
        JoinError
            With ``join=None``, or for ``raw.X``: the rows come from stores that differ in their
            variables.
        RecipeError
            ``store_key`` is an obs key too, or an obsm element has several widths.
        StoreError
            A store was removed, replaced or truncated since it was opened.
        ClosedError
            The collection was closed.

        Notes
        -----
        scipy has no sparse matrices of float16: such a matrix is dense. The type of a matrix or a
        column depends on the recipe, not on the rows.

        Examples
        --------
        >>> from mappedviz import MappedCollection
        >>> from mappedviz.datasets import demo
        >>> ds = MappedCollection(demo() / "berlin.h5ad", obs_keys="cell_type")
        >>> adata = ds.to_anndata(ds.get_merged_labels("cell_type") == "B cell")
        >>> adata.shape, adata.obs["cell_type"].unique().tolist()
        ((73, 640), ['B cell'])
        """
        from mappedviz.collection.to_anndata import to_anndata

        chosen = as_rows(slice(None) if rows is None else rows, len(self))
        reader = self._reader or self._open_reader()
        return to_anndata(self._plan, reader, chosen, store_key)

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

    def _repr_html_(self) -> str | None:
        return shown_in_notebooks(self)

    # --- labels -----------------------------------------------------------------------

    def get_merged_labels(self, label_key: str) -> Array:
        """Return the labels of all rows: (n_obs,), numbers or objects, NaN where a row has none.

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
        """Return the sorted distinct labels of all stores, unused categories included.

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
        """Return the weight of each row, for a weighted sampler.

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
        >>> from mappedviz.datasets import demo
        >>> ds = MappedCollection(demo() / "oxford.h5ad", obs_keys="batch")
        >>> ds.get_label_weights("batch", scaler=100, return_categories=True)
        {'run1': 0.2222222222222222, 'run2': 0.4}
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
        """Return True if the variables of each store are sorted."""
        if ascending:
            return all(names.is_monotonic_increasing for names in self.var_list)
        return all(names.is_monotonic_decreasing for names in self.var_list)

    def check_vars_non_aligned(self, vars: pd.Index | Sequence[str]) -> list[int]:
        """Return the positions of the stores whose variables are not exactly these, in this order."""
        from pandas import Index

        wanted = Index(vars)
        return [i for i, names in enumerate(self.var_list) if not names.equals(wanted)]

    # --- processes -----------------------------------------------------------------------

    @staticmethod
    def torch_worker_init_fn(worker_id: int) -> None:
        """Do nothing: worker processes need no preparation. Kept for compatibility."""
