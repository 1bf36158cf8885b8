"""A plan as a map-style dataset: its members, reading rows, and the life cycle of open files."""

from __future__ import annotations

import operator
import sys
from bisect import bisect_right
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from mappedviz._types import Array
from mappedviz.collection.matrices import facts_of
from mappedviz.collection.row_batch import teach_default_collate
from mappedviz.collection.row_index import as_rows
from mappedviz.collection.shared_reader import SharedReader
from mappedviz.collection.variables import unmapped_names
from mappedviz.errors import ClosedError

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.collection.plan import Plan
    from mappedviz.collection.reader import Reader
    from mappedviz.collection.row_batch import RowBatch
    from mappedviz.collection.window import Window
    from mappedviz.formats.matrices import MatrixFacts
    from mappedviz.recipe.labels import Encoder
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.stores.store import Store


class PlanDataset:
    """The rows of a plan, read from the files when they are asked for.

    :class:`~mappedviz.MappedCollection` is what people make of paths; this is how it reads. It
    opens a store with the first row that is read from it, and travels to worker processes without
    handles.

    Parameters
    ----------
    plan
        What to read.
    parallel
        True makes :meth:`close` have no effect.
    cache_bytes
        Memory for decoded chunks; default: a quarter of what this process may use.
    """

    def __init__(
        self, plan: Plan, *, parallel: bool = False, cache_bytes: int | None = None
    ) -> None:
        self._plan = plan
        self.parallel = bool(parallel)
        self.cache_bytes = cache_bytes
        self._closed = False
        self._reader: Reader | None = None
        self._shared = SharedReader()
        self._offsets: list[int] = plan.rows.offsets.tolist()
        # What ds[i] asks of the plan for every row, looked up once.
        self._sample_keys = [
            (key, column, column.present.tolist()) for key, column in plan.obs.items()
        ]

    @classmethod
    def _of(cls, plan: Plan, *, parallel: bool, cache_bytes: int | None) -> Self:
        """A dataset of a plan that is made already; the constructor of a subclass may take paths."""
        self = cls.__new__(cls)
        PlanDataset.__init__(self, plan, parallel=parallel, cache_bytes=cache_bytes)
        return self

    def _part(self, plan: Plan) -> Self:
        """Other rows of the same stores: open matrices and decoded chunks are shared."""
        part = self._of(plan, parallel=self.parallel, cache_bytes=self.cache_bytes)
        part._shared = self._shared
        return part

    def __getstate__(self) -> dict[str, Any]:
        # Addresses, maps and recipe travel to worker processes; handles and caches never.
        return {**self.__dict__, "_reader": None, "_shared": SharedReader()}

    def __len__(self) -> int:
        return self._offsets[-1]

    # --- what it is -------------------------------------------------------------------

    @property
    def recipe(self) -> Recipe:
        """The whole request, as a frozen value."""
        return self._plan.recipe

    @property
    def stores(self) -> tuple[Store, ...]:
        """The stores that are read, with their facts."""
        return self._plan.stores

    @property
    def path_list(self) -> list[str]:
        """Absolute paths of the stores; addresses of those in memory."""
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
        return len(self)

    @property
    def n_obs_list(self) -> list[int]:
        """Number of rows of each store, filtered."""
        return self._plan.rows.counts

    @property
    def stored_plainly(self) -> bool:
        """True if all matrices that are read are uncompressed parts of single files, or in memory."""
        return all(
            facts.codec == "none" and (store.kind in ("h5ad", "memory") or _is_one_chunk(facts))
            for key in self.recipe.layers_keys
            for store in self.stores
            if (facts := facts_of(self.recipe, key, store)) is not None
        )

    @property
    def part_of(self) -> int | None:
        """Number of rows of the whole for a :meth:`subset <mappedviz.MappedCollection.subset>`; else None."""
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
        """Positions by which each store's variables are joined; None if nothing is changed.

        For an outer join the joint column of each of the store's columns; else the store's
        column of each joint variable, -1 where the store lacks it. Columns are those of var; where
        only raw.X is read of a store, under another name by ``layer_alias``, those of raw.var.
        """
        join = self._plan.join
        if join is None or join.aligned:
            return None
        if self.recipe.join == "outer" and not (self.recipe.min_stores or self.recipe.var_names):
            maps = [join.main_map(i) for i in range(len(self.stores))]
            return [
                np.arange(len(join)) if one is None else one.array.astype(np.intp) for one in maps
            ]
        return [join.columns(i) for i in range(len(self.stores))]

    @property
    def var_measured(self) -> Array | None:
        """Boolean (n_stores, n_vars): True if the store has the joint variable; None for ``join=None``.

        Where matrices of a store are read over var and over raw.var (see ``layer_alias``), it has
        the variables that both have; in an outer join, those that any of them has.
        """
        return None if self._plan.join is None else self._plan.join.measured()

    @property
    def var_unmapped(self) -> pd.DataFrame:
        """The names that ``var_map`` leaves out of the join, read when asked for.

        One row per name: ``name``, ``why`` (``"ambiguous"`` or ``"unknown"``), ``candidates`` (Ensembl
        identifiers of the genes that it may mean, separated by ``"|"``), ``n_stores`` that have it.
        """
        return unmapped_names(self.recipe, self.stores)

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

    # --- reading ----------------------------------------------------------------------

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice | Sequence[int] | Array) -> RowBatch: ...
    def __getitem__(self, index: Any) -> Any:
        """Return one sample for an integer, a :class:`~mappedviz.RowBatch` for a slice, list or array.

        Raises
        ------
        IndexError
            The row is out of range, or the index is not an integer.
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
        """Return the whole batch that PyTorch's DataLoader asks for at once."""
        if "torch" in sys.modules:
            teach_default_collate()
        return self.read_rows(indices)

    def read_rows(
        self, indices: slice | Sequence[int] | Array, *, sparse: bool = False
    ) -> RowBatch:
        """Read rows in the order asked for, repeats included.

        Parameters
        ----------
        indices
            Integers (negative ones count from the end), a slice, or a boolean mask (n_obs,).
        sparse
            Return X and layers as scipy CSR matrices: sorted, repeated entries summed. float16,
            of which scipy has none, comes as :class:`~mappedviz.gather.csr.CsrRows`.

        Returns
        -------
        RowBatch
            Each key that was asked for, in types that depend on the recipe alone: matrices
            (n, n_vars), or lists of arrays where stores differ in width and are not joined;
            encoded labels int64 with -1 for "no label"; ``_store_idx`` int64.

        Raises
        ------
        IndexError
            A row is out of range, or the indices are not integers.
        StoreError
            A store was removed, replaced or truncated since it was opened.
        ClosedError
            The collection was closed.
        """
        rows = as_rows(indices, self._offsets[-1])
        reader = self._reader or self._open_reader()
        return reader.batch(rows, sparse=sparse)

    def read_window(
        self,
        indices: Sequence[int] | Array,
        *,
        sparse: bool = False,
        batch_size: int = 0,
        in_steps: bool = False,
        soon: bool = False,
    ) -> Window:
        """Read many rows at once, from which batches are cut: each chunk is decoded once.

        Parameters
        ----------
        indices, sparse
            As for :meth:`read_rows`.
        batch_size
            Rows of the batches, if that is known: large ones may then be read from the decoded
            chunks themselves.
        in_steps
            Read nothing yet. The window's ``steps()`` reads, the chunks of the first batches first,
            and yields after each step how many rows can be cut.
        soon
            Decode no more of a chunk than these rows need, where that is possible; it is decoded again for others.

        Returns
        -------
        Window
            Its ``cut(start, stop)`` is ``read_rows(indices[start:stop], sparse=sparse)``.
        """
        rows = as_rows(indices, self._offsets[-1])
        reader = self._reader or self._open_reader()
        return reader.window(
            rows, sparse=sparse, batch_size=batch_size, in_steps=in_steps, soon=soon
        )

    def obs_names(self, rows: slice | Sequence[int] | Array | None = None) -> Array:
        """Return the names of rows as their stores have them, read when they are asked for.

        Parameters
        ----------
        rows
            As for :meth:`read_rows`. Default: all rows.

        Returns
        -------
        ndarray
            Objects (n,) of type str. Stores may share names: :meth:`to_anndata` makes them unique.

        Raises
        ------
        IndexError
            A row is out of range, or the rows are not integers.
        StoreError
            A store was removed, replaced or truncated since it was opened.
        ClosedError
            The collection was closed.

        Examples
        --------
        >>> from mappedviz import MappedCollection
        >>> from mappedviz.datasets import demo
        >>> ds = MappedCollection(demo() / "boston.zarr")
        >>> ds.obs_names([0, -1])
        array(['CAGGATCCAGGCCTTG-1', 'GAGGAAGCAGTATCAG-1'], dtype=object)
        """
        from mappedviz.collection.observations import names_of

        self._check_open()
        return names_of(self._plan, as_rows(slice(None) if rows is None else rows, len(self)))

    def obs(
        self,
        rows: slice | Sequence[int] | Array | None = None,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return obs of rows as a DataFrame: any columns of the stores, joined.

        Parameters
        ----------
        rows
            As for :meth:`read_rows`. Default: all rows.
        columns
            Obs columns, also such as the recipe does not ask for; aliases and new names of the
            recipe apply. Default: its ``obs_keys``.

        Returns
        -------
        pandas.DataFrame
            In the order of the rows, under their :meth:`obs_names`. Text as categoricals with the
            categories of the whole collection, numbers as they are, NaN or NA where a row has no
            value. Labels are not encoded. The type of a column does not depend on the rows.

        Raises
        ------
        MissingKeyError
            No store has a column.
        RecipeError
            A column is named twice.
        IndexError, StoreError, ClosedError
            As for :meth:`obs_names`.

        Examples
        --------
        >>> from mappedviz import MappedCollection
        >>> from mappedviz.datasets import demo
        >>> ds = MappedCollection(demo() / "boston.zarr")
        >>> ds.obs([0, 1], columns=["celltype", "n_genes"])
                               celltype  n_genes
        CAGGATCCAGGCCTTG-1  CD4 T cells      320
        GTAAAACCTTTGCTGT-1  CD4 T cells      328
        """
        from mappedviz.collection.observations import obs_of

        self._check_open()
        chosen = as_rows(slice(None) if rows is None else rows, len(self))
        return obs_of(self._plan, chosen, columns)

    def _check_open(self) -> None:
        if self._closed and not self.parallel:
            raise ClosedError(
                "the collection was closed", remedy="Make it again, or read inside the with block."
            )

    def _open_reader(self) -> Reader:
        self._check_open()
        self._reader = self._shared.of(self._plan, self.cache_bytes)
        return self._reader

    # --- life -------------------------------------------------------------------------

    def close(self) -> None:
        """Release memory and descriptors; reading afterwards is an error.

        No effect with ``parallel=True``.
        """
        if not self.parallel:
            self._closed = True
            self._reader = None

    @property
    def closed(self) -> bool:
        """True if the collection was closed."""
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


def _is_one_chunk(facts: MatrixFacts) -> bool:
    """Whether the values are one chunk, which zarr keeps in a file of its own."""
    size = facts.shape if facts.nnz is None else (facts.nnz,)
    return facts.chunks == tuple(max(1, n) for n in size)
