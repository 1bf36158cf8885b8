"""The tables of one collection, on which checks and audits are based; each is made on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array, lazy
from mappedviz.audits.cells.drawn import STORE, StoreCells
from mappedviz.audits.cells.reader import CellReader
from mappedviz.audits.digests import Digests, GeneDigests, StoreDigests
from mappedviz.audits.judge import judge
from mappedviz.audits.tables.crosstabs import crosstab
from mappedviz.audits.tables.genes import Coverage, coverage_of
from mappedviz.audits.tables.labels import LabelTable, column_labels, label_table
from mappedviz.audits.tables.mapped import AsJoined
from mappedviz.audits.tables.samples import obs_browser, sample_columns, sample_sheet
from mappedviz.audits.tables.shared import shared_by_pairs
from mappedviz.audits.tables.stores import display_names, library_sizes, obs_schema, stores_table
from mappedviz.audits.tables.transposed import transposed_stores
from mappedviz.audits.tables.weights import WeightTable, weights_of
from mappedviz.audits.thresholds import Thresholds
from mappedviz.collection.filters import filter_masks
from mappedviz.collection.obs_keys import merged_labels
from mappedviz.errors import MissingKeyError, RecipeError
from mappedviz.recipe.joins import RowMap
from mappedviz.recipe.labels import Labels
from mappedviz.recipe.parts import parts_by_recipe
from mappedviz.recipe.splits import chances_of_stores
from mappedviz.recipe.weights import Scheme, labels_to_weigh, scheme_of

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.samples import MatrixSample
    from mappedviz.audits.scan import Scan
    from mappedviz.audits.vocabulary import Vocabulary
    from mappedviz.collection.plan import Plan
    from mappedviz.formats.columns import Column
    from mappedviz.recipe.labels import Label
    from mappedviz.recipe.recipe import Recipe


class Evidence:
    """The tables of a collection, from scans and a recipe.

    Parameters
    ----------
    scans
        What was read of the stores.
    recipe
        What the user wants.
    label, batch, group, split
        Obs keys: of the class, of the batch, of what must not be on both sides of a split (a
        donor), and of the split itself.
    plan, error
        What the engine made of the recipe, or why it refuses.
    vocabulary
        Numbers of names that are known already.
    thresholds
        From which numbers on checks say something.
    """

    def __init__(
        self,
        scans: Sequence[Scan],
        recipe: Recipe,
        *,
        label: str | None = None,
        batch: str | None = None,
        group: str | None = None,
        split: str | None = None,
        plan: Plan | None = None,
        error: Exception | None = None,
        vocabulary: Vocabulary | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        self.scans = list(scans)
        self.recipe = recipe
        self.label = label
        self.batch = batch
        self.group = group
        self.split = split
        self.plan = plan
        self.error = error
        self.thresholds = Thresholds() if thresholds is None else thresholds
        self._vocabulary = vocabulary
        self.paths = [scan.path for scan in scans]
        self.names = display_names(self.paths)
        self._labels: dict[str, LabelTable] = {}
        self._all_labels: dict[tuple[str, bool], LabelTable] = {}
        self._merged: dict[str, Labels] = {}

    @lazy
    def readable(self) -> list[tuple[str, Scan]]:
        """Display name and scan of the stores that could be opened."""
        return [(n, s) for n, s in zip(self.names, self.scans, strict=True) if s.store is not None]

    @lazy
    def used(self) -> list[tuple[str, Scan]]:
        """Readable stores that the engine reads; all of them if it refuses."""
        if self.plan is None:
            return self.readable
        kept = {store.path for store in self.plan.stores}
        return [(n, s) for n, s in self.readable if s.store is not None and s.store.path in kept]

    @lazy
    def stores(self) -> pd.DataFrame:
        """See :func:`~mappedviz.audits.tables.stores.stores_table`."""
        return stores_table(self.scans, self.names)

    @lazy
    def samples(self) -> dict[str, dict[str, MatrixSample]]:
        """Key of the recipe -> display name -> sample of the matrix that is read for it; none without samples."""
        found: dict[str, dict[str, MatrixSample]] = {}
        for store, scan in self.readable:
            for key in self.recipe.layers_keys:
                sample = scan.sample(self.recipe, key)
                if sample is not None:
                    found.setdefault(key, {})[store] = sample
        return found

    @lazy
    def coverage(self) -> Coverage:
        """See :class:`~mappedviz.audits.tables.genes.Coverage`."""
        scans, names = [scan for _, scan in self.used], [name for name, _ in self.used]
        return coverage_of(scans, self.recipe, names, self._vocabulary)

    @lazy
    def as_joined(self) -> AsJoined:
        """See :class:`~mappedviz.audits.tables.mapped.AsJoined`."""
        return AsJoined(self.recipe)

    @lazy
    def digests(self) -> Digests:
        """Digests of the names of genes and cells."""
        stores = {name: StoreDigests.of(scan) for name, scan in self.readable}
        return Digests(stores, GeneDigests.of(self.coverage))

    @property
    def label_keys(self) -> list[str]:
        """Keys whose labels an audit in JSON has."""
        keys = (self.label, self.batch, self.group, *self.recipe.obs_keys)
        return [key for key in dict.fromkeys(keys) if key is not None]

    @lazy
    def var_measured(self) -> pd.DataFrame:
        """DataFrame gene × store of bool: which genes of a batch each store has; zeros elsewhere.

        Without a plan, or with ``join=None``, it has no genes.
        """
        import pandas as pd

        join = None if self.plan is None else self.plan.join
        names = [name for name, _ in self.used]
        has = np.zeros((0, len(names)), bool) if join is None else join.measured().T
        return pd.DataFrame(
            has,
            index=pd.Index([] if join is None else join.joint, name="gene", dtype=object),
            columns=pd.Index(names, name="store", dtype=object),
        )

    @lazy
    def obs_schema(self) -> pd.DataFrame:
        """See :func:`~mappedviz.audits.tables.stores.obs_schema`."""
        return obs_schema(self.scans, self.names)

    @lazy
    def obs_browser(self) -> pd.DataFrame:
        """See :func:`~mappedviz.audits.tables.samples.obs_browser`."""
        return obs_browser(self.scans, self.names)

    def sample_sheet(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """See :func:`~mappedviz.audits.tables.samples.sample_sheet`.

        Raises
        ------
        MissingKeyError
            No store has one of the columns.
        """
        if columns is None:
            columns = sample_columns([scan for _, scan in self.used])
        for key in columns:
            self._check_key(key)
        return sample_sheet(self.names, columns, self.labels)

    def _check_key(self, key: str) -> None:
        if not self.has(key):
            raise MissingKeyError(
                f"none of the {len(self.readable)} stores has this obs column",
                key=key,
                remedy="See audit.obs_schema for what there is.",
            )

    def library_sizes(self, key: str | None = None) -> pd.DataFrame:
        """See :func:`~mappedviz.audits.tables.stores.library_sizes`."""
        asked = self.recipe.layers_keys[0] if key is None else key
        return library_sizes(self.scans, asked, self.names, self.recipe)

    @lazy
    def cells(self) -> CellReader:
        """Tables of cells, of which some are read again."""
        stores = [
            StoreCells(name, scan, kept)
            for (name, scan), kept in zip(self.used, self.rows.kept, strict=True)
        ]
        # A label that no store has is a finding; cells are shown without it.
        has_label = self.label is not None and self.has(self.label)
        return CellReader(stores, self.recipe, self.label if has_label else None)

    @lazy
    def rows(self) -> RowMap:
        """The rows of the stores that are used, those that ``obs_filter`` leaves."""
        if self.plan is not None:
            return self.plan.rows
        rows = RowMap.from_counts([scan.n_obs for _, scan in self.used])
        if not self.recipe.filter_keys:
            return rows
        columns = {
            key: [self._column(scan, key) for _, scan in self.used]
            for key in self.recipe.filter_keys
        }
        stores = [scan.store for _, scan in self.used if scan.store is not None]
        try:
            return rows.select(filter_masks(self.recipe, columns, stores))
        except RecipeError:  # the engine refuses the condition; tables are of what else is kept
            return rows.select(filter_masks(self.recipe.replace(obs_query=None), columns, stores))

    def _column(self, scan: Scan, key: str) -> Column | None:
        try:
            return column_labels(scan, self.recipe, key)
        except Exception:  # the plan, or a finding, says what is wrong
            return None

    def has(self, key: str) -> bool:
        """Return True if any store has an obs key."""
        table = self.labels(key)
        return bool(table.n_rows) and not bool((table.absent == self.rows_of(table)).all())

    def rows_of(self, table: LabelTable) -> pd.Series[int]:
        """Series: rows of each store of a table of labels, with or without a label."""
        counted = np.zeros(len(table.stores), dtype=np.int64)
        np.add.at(counted, table.rows[1], table.rows[2])
        return table.missing + table.absent + counted

    def labels(self, key: str | None = None) -> LabelTable:
        """See :class:`~mappedviz.audits.tables.labels.LabelTable`.

        Raises
        ------
        RecipeError
            No key is given, and the audit was made without a label.
        """
        key = self._key(key)
        if key not in self._labels:
            self._labels[key] = label_table(
                [scan for _, scan in self.used],
                key,
                self.recipe,
                [name for name, _ in self.used],
                self.rows.kept,
            )
        return self._labels[key]

    def all_labels(self, key: str, *, relabelled: bool = True) -> LabelTable:
        """The labels of a key over all rows of the used stores, whatever ``obs_filter`` leaves.

        Parameters
        ----------
        key
            The obs key.
        relabelled
            False for labels as they are in the stores.
        """
        if (key, relabelled) not in self._all_labels:
            recipe = self.recipe if relabelled else self.recipe.replace(relabel={})
            scans, names = [scan for _, scan in self.used], [name for name, _ in self.used]
            self._all_labels[key, relabelled] = label_table(scans, key, recipe, names)
        return self._all_labels[key, relabelled]

    def every_label(self, key: str, *, relabelled: bool = True) -> list[Label]:
        """Labels of a key that any row of the used stores has, the most frequent first."""
        table = self.all_labels(key, relabelled=relabelled)
        order = np.argsort(-table.total.to_numpy(), kind="stable")
        return [table.classes[i] for i in order.tolist()]

    def _key(self, key: str | None) -> str:
        found = self.label if key is None else key
        if found is None:
            raise RecipeError(
                "names no obs column",
                key="label",
                remedy="Say which: audit(…, label='cell_type'), or give a key here.",
            )
        return found

    def weights(
        self,
        keys: str | Sequence[str] | None = None,
        scheme: Scheme | None = None,
        scaler: float | None = None,
    ) -> WeightTable:
        """See :class:`~mappedviz.audits.tables.weights.WeightTable`.

        Raises
        ------
        MissingKeyError
            No store has the key.
        """
        several = [self._key(keys)] if keys is None or isinstance(keys, str) else list(keys)
        chosen = scheme_of(scheme, scaler)
        for key in several:
            self._check_key(key)
        if len(several) == 1:
            return weights_of(self.labels(several[0]), self.recipe, chosen, scaler)
        merged = Labels.combine(
            [
                labels_to_weigh(self.merged(key), self.recipe.unknown_label_of(key))
                for key in several
            ]
        )
        return WeightTable.of(
            "__".join(several),
            merged.categories,
            merged.counts(),
            chosen,
            scaler,
            merged.n_missing,
        )

    def merged(self, key: str) -> Labels:
        """The labels of all rows of the used stores, alias, relabelling and filter applied."""
        if key not in self._merged:
            columns = [self._column(scan, key) for _, scan in self.used]
            paths = [scan.store.path for _, scan in self.used if scan.store is not None]
            self._merged[key] = merged_labels(self.recipe, key, columns, self.rows, paths)
        return self._merged[key]

    @lazy
    def whole(self) -> Evidence:
        """The evidence of all rows of whose split the recipe names a part; else this one."""
        if self.recipe.part is None:
            return self
        return self.with_recipe(self.recipe.replace(part=None))

    def with_recipe(self, recipe: Recipe) -> Evidence:
        """The evidence of the same stores for another recipe."""
        plan, error = judge(recipe, self.scans)
        return Evidence(
            self.scans,
            recipe,
            label=self.label,
            batch=self.batch,
            group=self.group,
            split=self.split,
            plan=plan,
            error=error,
            vocabulary=self._vocabulary,
            thresholds=self.thresholds,
        )

    def with_thresholds(self, thresholds: Thresholds) -> Evidence:
        """The same evidence for checks with other thresholds; tables are not made again."""
        again = copy(self)
        again.thresholds = thresholds
        again.__dict__.pop("whole", None)  # has thresholds of its own
        return again

    def parts(self, seed: int | None = None) -> Array:
        """Part of each row in the split of the recipe, int64 (n_rows,): positions of its part_names.

        Parameters
        ----------
        seed
            In place of the recipe's own.

        Raises
        ------
        RecipeError
            The rows cannot be split like that.
        """
        recipe = self.recipe if seed is None else self.recipe.replace(split_seed=seed)

        def chances() -> Array:
            stores = [(scan.path, scan.n_obs) for _, scan in self.used]
            return chances_of_stores(stores, self.rows.kept, recipe.split_seed)

        return parts_by_recipe(recipe, len(self.rows), self.merged, chances)

    def crosstab(
        self, rows: str, columns: str, top_n: int | None = None, *, missing: bool = False
    ) -> pd.DataFrame:
        """Rows with each pair of labels of two obs keys, or of one and ``"store"``: DataFrame of int."""
        sides = [self.store_labels if key == STORE else self.merged(key) for key in (rows, columns)]
        return crosstab(sides[0], sides[1], (rows, columns), top_n=top_n, missing=missing)

    @lazy
    def store_labels(self) -> Labels:
        """The names of the used stores as labels of all rows."""
        return Labels(self.rows.store_of_rows(), tuple(name for name, _ in self.used))

    @lazy
    def shared_cells(self) -> pd.DataFrame:
        """Names of observations that two stores share: store_a, store_b, shared, of_smaller, by_chance."""
        return self._shared(lambda scan: scan.obs_hashes)

    @lazy
    def shared_rows(self) -> pd.DataFrame:
        """Rows of X that two stores share, where ``deep=True``: as :attr:`shared_cells`."""
        return self._shared(lambda scan: scan.row_hashes)

    def _shared(self, hashes: Callable[[Scan], Array | None]) -> pd.DataFrame:
        names = [name for name, _ in self.readable]
        return shared_by_pairs(names, [hashes(scan) for _, scan in self.readable])

    @lazy
    def transposed(self) -> dict[str, list[str]]:
        """Stores of which most names of cells are genes of other stores, and some of these names."""
        return transposed_stores(self.readable)
