"""The tables of an audit, those that were read and those of JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from mappedviz.audits.evidence import Evidence
from mappedviz.audits.tables.kinds import kinds_table
from mappedviz.audits.tables.weights import compare_schemes
from mappedviz.audits.to_json import SavedEvidence

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.cells.depths import CellStats
    from mappedviz.audits.cells.drawn import Progress
    from mappedviz.audits.cells.embeddings import Embedding
    from mappedviz.audits.cells.expression import Expression
    from mappedviz.audits.tables.genes import Coverage
    from mappedviz.audits.tables.labels import LabelTable
    from mappedviz.audits.tables.weights import WeightTable
    from mappedviz.ontology.rolling import Level
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.recipe.weights import Scheme

Tables: TypeAlias = Evidence | SavedEvidence


class Tabulated:
    """The tables of a collection of stores: what an :class:`~mappedviz.Audit` is based on.

    Parameters
    ----------
    tables
        Those of the stores, or what JSON has of them.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    @property
    def recipe(self) -> Recipe:
        """The recipe that was audited."""
        return self._tables.recipe

    @property
    def label(self) -> str | None:
        """The obs key of the class."""
        return self._tables.label

    @property
    def batch(self) -> str | None:
        """The obs key of the batch."""
        return self._tables.batch

    @property
    def group(self) -> str | None:
        """The obs key of what must not be on both sides of a split."""
        return self._tables.group

    @property
    def split(self) -> str | None:
        """The obs key of a split."""
        return self._tables.split

    @property
    def stores(self) -> pd.DataFrame:
        """One row per store: see :func:`mappedviz.audits.stores_table`."""
        return self._tables.stores

    @property
    def coverage(self) -> Coverage:
        """The genes of each store: see :class:`mappedviz.audits.Coverage`."""
        return self._tables.coverage

    @property
    def var_measured(self) -> pd.DataFrame:
        """The genes of a batch that each store has: DataFrame gene × store of bool.

        Where it is False, the cells of that store have zeros that it did not measure. It has no
        genes where the engine refuses, and with ``join=None``.
        """
        return self._tables.var_measured

    @property
    def obs_schema(self) -> pd.DataFrame:
        """The obs columns of each store: see :func:`mappedviz.audits.obs_schema`."""
        return self._tables.obs_schema

    @property
    def obs_browser(self) -> pd.DataFrame:
        """The obs columns of all stores, with numbers of values and examples.

        One row per column: ``n_stores``, ``stores``, ``dtypes``, ``missing`` (per cent), ``fewest`` and ``most``
        values in a store, ``examples``. Columns that most stores have come first.
        """
        return self._tables.obs_browser

    def sample_sheet(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """One row per store and one column per obs key: its value there, or how many it has.

        Parameters
        ----------
        columns
            Obs keys; default: those that have few values in each store, such as donor, tissue,
            assay, sex, disease.

        Returns
        -------
        DataFrame
            The value if all cells of a store have the same one, words such as ``"3 values"``, None where
            the store has none.

        Raises
        ------
        MissingKeyError
            No store has one of the columns.

        Examples
        --------
        >>> import mappedviz as mv
        >>> audit = mv.audit(mv.datasets.demo(), progress=False)
        >>> audit.sample_sheet(["cell_type"])["cell_type"].tolist()
        ['8 values', '8 values', None, None, None]
        """
        return self._tables.sample_sheet(columns)

    def labels(self, key: str | None = None) -> LabelTable:
        """Rows per class and store: see :class:`mappedviz.audits.LabelTable`.

        Parameters
        ----------
        key
            An obs key; default: the label of the audit.
        """
        return self._tables.labels(key)

    def kinds(self, key: str | None = None, level: Level | None = None) -> pd.DataFrame:
        """Kinds of cells that labels may mean, by the Cell Ontology: see :func:`mappedviz.ontology.suggest`.

        Parameters
        ----------
        key
            An obs key; default: the label of the audit.
        level
            Roll the terms up to a level: see :func:`mappedviz.ontology.roll_up`.

        Returns
        -------
        DataFrame
            One row per label and term, the most frequent label first: ``label``, ``n`` cells, ``n_stores``,
            ``id``, ``name``, ``how``, ``score``; ``becomes`` and ``candidates``, the name that fits and all that
            fit. Nothing is renamed by it.

        Examples
        --------
        >>> import mappedviz as mv
        >>> audit = mv.audit(mv.datasets.demo() / "boston.zarr", label="celltype")
        >>> kinds = audit.kinds(level=["T cell"])
        >>> kinds[["label", "n", "name", "becomes"]].head(2).to_numpy().tolist()
        [['CD4 T cells', 159, 'CD4-positive, alpha-beta T cell', 'T cell'],
         ['CD14+ Monocytes', 79, 'CD14-positive monocyte', None]]
        """
        return kinds_table(self.labels(key), level)

    def weights(
        self,
        keys: str | Sequence[str] | None = None,
        scheme: Scheme | None = None,
        scaler: float | None = None,
    ) -> WeightTable:
        """Effect of weights on an epoch: see :class:`mappedviz.audits.WeightTable`.

        Parameters
        ----------
        keys
            One obs key or several; default: the label of the audit.
        scheme
            ``"inverse"`` (default), ``"scaled"`` (default with a scaler), ``"sqrt"``, ``"uniform"``.
        scaler
            s of s/(n+s).
        """
        return self._tables.weights(keys, scheme, scaler)

    def schemes(
        self, keys: str | Sequence[str] | None = None, scaler: float | None = None
    ) -> pd.DataFrame:
        """The schemes side by side: see :func:`mappedviz.audits.compare_schemes`."""
        return compare_schemes(self.weights(keys).table["n"].to_numpy(), scaler)

    def crosstab(
        self, rows: str, columns: str, top_n: int | None = None, *, missing: bool = False
    ) -> pd.DataFrame:
        """Rows with each pair of labels of two obs keys: DataFrame of int.

        Parameters
        ----------
        rows, columns
            Obs keys; ``"store"`` is the store.
        top_n
            Most labels per side, the most frequent first; all others are summed up as "other".
            Default: all labels, sorted.
        missing
            Count rows without a label, too, as the last row and the last column.

        Examples
        --------
        >>> import mappedviz as mv
        >>> audit = mv.audit(mv.datasets.demo(), label="batch", progress=False)
        >>> audit.crosstab("donor", "batch", missing=True).sum(axis=1).to_dict()
        {'D1': 212, 'D2': 160, 'D3': 172, 'D4': 192, 'K1': 246, 'K2': 254, '(missing)': 1000}
        """
        return self._tables.crosstab(rows, columns, top_n, missing=missing)

    def library_sizes(self, key: str | None = None) -> pd.DataFrame:
        """Depth of sampled rows: DataFrame store, total, genes, mito."""
        return self._tables.library_sizes(key)

    # --- cells ------------------------------------------------------------------------

    def embedding(
        self,
        key: str | None = None,
        n: int = 5_000,
        by: str | None = None,
        seed: int = 0,
        *,
        stores: Iterable[str] | None = None,
        progress: Progress | None = None,
    ) -> Embedding:
        """Coordinates of drawn cells of each store: see :class:`mappedviz.audits.Embedding`.

        Parameters
        ----------
        key
            The obsm element, however a store spells it (``"X_umap"``, ``"UMAP"``); default: UMAP,
            t-SNE, …, PCA, the first that most stores have.
        n
            About how many cells to draw of each store, spread evenly over it.
        by
            An obs key whose values the cells get, or ``"store"``; default: the label of the audit.
        seed
            Other cells for another one.
        stores
            Names of the stores to read; default: all that can be read.
        progress
            Called before each store with the number of those that are read, and of all; what it
            raises ends the reading.

        Raises
        ------
        MissingKeyError
            No store has the element, or the obs key.

        Examples
        --------
        >>> import mappedviz as mv
        >>> audit = mv.audit(mv.datasets.demo(), progress=False)
        >>> found = audit.embedding(n=100)
        >>> found.key, found.absent, len(found.table)
        ('X_umap', [], 420)
        """
        return self._tables.cells.only(stores, progress).embedding(key, n, by, seed)

    def cell_stats(
        self,
        n: int = 500,
        seed: int = 0,
        *,
        stores: Iterable[str] | None = None,
        progress: Progress | None = None,
    ) -> CellStats:
        """Depth, genes and mitochondrial share of drawn cells: see :class:`mappedviz.audits.CellStats`.

        They are those of the recipe's first matrix.

        Parameters
        ----------
        n, seed, stores, progress
            As for :meth:`embedding`.

        Examples
        --------
        >>> import mappedviz as mv
        >>> stats = mv.audit(mv.datasets.demo(), progress=False).cell_stats(n=100)
        >>> stats.stores["scale"].tolist()
        ['counts', 'counts', 'log1p', 'scaled', 'counts']
        """
        return self._tables.cells.only(stores, progress).cell_stats(n, seed)

    def expression(
        self,
        gene: str,
        by: str | None = None,
        n: int = 5_000,
        seed: int = 0,
        *,
        stores: Iterable[str] | None = None,
        progress: Progress | None = None,
    ) -> Expression:
        """Values of one gene for drawn cells of each store: see :class:`mappedviz.audits.Expression`.

        They are those of the recipe's first matrix, and the cells are those of :meth:`embedding`.

        Parameters
        ----------
        gene
            Its name, by the identifiers that the recipe joins by.
        by, n, seed, stores, progress
            As for :meth:`embedding`.

        Raises
        ------
        MissingKeyError
            No store has the gene, or the obs key.

        Examples
        --------
        >>> import mappedviz as mv
        >>> found = mv.audit(mv.datasets.demo(), progress=False).expression("CD8A", n=100)
        >>> found.absent, found.stores["share"].round(2).tolist()
        (['kyoto.h5ad'], [0.18, 0.19, 0.27, nan, 0.3])
        """
        return self._tables.cells.only(stores, progress).expression(gene, by, n, seed)
