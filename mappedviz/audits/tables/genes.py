"""Coverage: the variables of each store, what joins keep, lose, and fill with zeros."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array, lazy
from mappedviz.audits.tables.frames import plain_text
from mappedviz.audits.tables.gene_sets import LackingSets, best_to_leave_out, histogram_of
from mappedviz.audits.tables.identifiers import id_kind, kind_of
from mappedviz.audits.tables.mapped import AsJoined
from mappedviz.audits.tables.stores import display_names
from mappedviz.audits.tables.var_names import names_by_column
from mappedviz.audits.tables.what_if import Harmonised, no_what_if, what_if_table
from mappedviz.audits.vocabulary import Vocabulary
from mappedviz.collection.variables import identifier_of
from mappedviz.errors import RecipeError
from mappedviz.recipe.joins import strip_versions
from mappedviz.recipe.recipe import Recipe
from mappedviz.text.display import pattern_words

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.scan import Scan
    from mappedviz.audits.tables.what_if import StoreNames
    from mappedviz.recipe.names import Names

_MOST_PATTERNS = 1_000


@dataclass(eq=False)
class Coverage:
    """The variables of each store, and what a join over them would do.

    Build it with :meth:`of` or :meth:`of_codes`. Names are those by which the stores are
    joined: the index of var, or what the recipe's ``var_key``, ``strip_version``, ``var_map`` and
    ``var_alias`` make of it.
    A name that a store repeats counts once.

    Attributes
    ----------
    stores
        Display names of the stores.
    table
        DataFrame, one row per store, see below.
    inner, outer
        Variables that every store has; that any store has.
    at_least
        Series: k -> variables that at least k stores have, for k from 1 to the number of stores.
    patterns
        DataFrame: pattern (tuple of the names of the stores that have these variables), n_stores,
        n_genes; most frequent first, at most 1,000 of them.
    n_patterns
        How many patterns there are.
    what_if
        DataFrame: identifier, strip_version, upper_case, n_stores (that have it), inner, outer,
        var_key (for a recipe, or None where no recipe can say it), var_map: the joins by other
        identifiers, and by names that a table of genes maps.

    Notes
    -----
    Columns of ``table``: ``n_vars`` (columns of the store), ``kept`` and ``lost`` by an inner join,
    ``zero_filled`` by an outer join, ``private`` (variables that no other store has),
    ``inner_without`` (the inner join of the others), ``gain_without`` (that less the inner join of
    all), ``id_kind`` (see :func:`id_kind`).

    Examples
    --------
    >>> coverage = Coverage.of({"a": ["TP53", "CD4"], "b": ["CD4", "CD8A"], "c": ["CD4", "TP53"]})
    >>> coverage.inner, coverage.outer, coverage.at_least.tolist()
    (1, 3, [3, 2, 1])
    >>> coverage.table.loc["b", ["kept", "lost", "zero_filled", "private"]].astype(int).to_dict()
    {'kept': 1, 'lost': 1, 'zero_filled': 1, 'private': 1}
    >>> int(coverage.table.loc["b", "inner_without"])
    2
    >>> coverage.find(["TP53", "nowhere"]).loc["TP53"].tolist()
    [True, False, True]
    """

    stores: list[str]
    table: pd.DataFrame
    inner: int
    outer: int
    at_least: pd.Series[int]
    patterns: pd.DataFrame
    n_patterns: int
    what_if: pd.DataFrame
    _names: Array | None = field(default=None, repr=False)
    _lists: list[Array] = field(default_factory=list, repr=False)
    _list_of: Array | None = field(default=None, repr=False)

    def bars(self, n: int = 15) -> list[tuple[str, int]]:
        """Return words and numbers of variables for the `n` most frequent patterns, and the rest.

        Examples
        --------
        >>> Coverage.of({"a": ["TP53", "CD4"], "b": ["CD4", "CD8A"]}).bars(1)
        [('all 2 stores', 1), ('other (2 more patterns)', 2)]
        """
        some = self.patterns.iloc[:n]
        found = [
            (pattern_words(tuple(pattern), self.stores), int(n_genes))
            for pattern, n_genes in zip(some["pattern"], some["n_genes"], strict=True)
        ]
        if more := self.n_patterns - len(some):
            rest = self.outer - int(some["n_genes"].sum())
            found.append((f"other ({more:,} more patterns)", rest))
        return found

    @classmethod
    def of(cls, names: Mapping[str, Sequence[str]]) -> Coverage:
        """Make the table of the names of variables per store."""
        import pandas as pd

        every = [name for some in names.values() for name in some]
        codes, vocabulary = pd.factorize(np.array(every, dtype=object))
        ends = np.cumsum([len(some) for some in names.values()])
        parts = np.split(codes, ends[:-1]) if len(ends) else []
        return cls.of_codes(list(names), list(parts), list(range(len(parts))), vocabulary)

    @classmethod
    def of_codes(
        cls,
        stores: Sequence[str],
        lists: Sequence[Array],
        list_of: Sequence[int],
        vocabulary: Array,
        *,
        kinds: Sequence[str] | None = None,
        what_if: pd.DataFrame | None = None,
    ) -> Coverage:
        """Make the table of distinct lists of variables and the list that each store has.

        Parameters
        ----------
        stores
            Display names.
        lists
            Per distinct list the positions of its names in the vocabulary, repeats included.
        list_of
            Per store its position in `lists`.
        vocabulary
            Objects: the names.
        kinds
            Per distinct list the kind of its identifiers; default: found out from the names.
        what_if
            Joins by other identifiers.
        """
        import pandas as pd

        used, unique = _renumber(lists)
        names = vocabulary[used]
        of = np.asarray(list_of, dtype=np.intp)
        times = np.bincount(of, minlength=len(lists))
        counts = np.zeros(len(used), dtype=np.int64)
        for codes, n in zip(unique, times.tolist(), strict=True):
            counts[codes] += n
        n_stores = len(stores)
        inner = int((counts == n_stores).sum()) if n_stores else 0
        outer = int((counts > 0).sum())
        if kinds is None:
            kinds = [id_kind(vocabulary[codes]) for codes in lists]
        # A variable that all stores but one have is won by leaving that one out.
        almost = int((counts == n_stores - 1).sum()) if n_stores > 1 else 0
        gains = []
        for codes, n in zip(unique, times.tolist(), strict=True):
            has_almost = int((counts[codes] == n_stores - 1).sum())
            gains.append(almost - has_almost if n == 1 and n_stores > 1 else 0)
        private = [int((counts[codes] == 1).sum()) for codes in unique]
        rows = {
            "n_vars": [len(codes) for codes in lists],
            "kept": [inner] * len(lists),
            "lost": [len(codes) - inner for codes in unique],
            "zero_filled": [outer - len(codes) for codes in unique],
            "private": private,
            "inner_without": [inner + gain for gain in gains],
            "gain_without": gains,
        }
        table = pd.DataFrame(
            {name: np.array(values, np.int64)[of] for name, values in rows.items()}
        )
        table["id_kind"] = [kinds[i] for i in of]
        table = plain_text(table)
        table.index = pd.Index(list(stores), name="store", dtype=object)
        per_count = np.bincount(counts, minlength=n_stores + 1)
        at_least = pd.Series(
            per_count[::-1].cumsum()[::-1][1 : n_stores + 1],
            index=pd.RangeIndex(1, n_stores + 1, name="k"),
            name="n_genes",
        )
        patterns, n_patterns = _patterns(stores, unique, of, len(used))
        return cls(
            list(stores),
            table,
            inner,
            outer,
            at_least,
            patterns,
            n_patterns,
            no_what_if() if what_if is None else what_if,
            names,
            unique,
            of,
        )

    @property
    def names(self) -> Array:
        """Names of all variables, in no order; objects (outer,)."""
        if self._names is None:
            raise RecipeError(
                "holds no names of genes, because it was read from JSON",
                key="coverage",
                remedy="Make the audit again from the stores.",
            )
        return self._names

    @property
    def in_all(self) -> Array:
        """Variables of :attr:`names` that all stores have: bool (outer,)."""
        of = np.empty(0, np.intp) if self._list_of is None else self._list_of
        times = np.bincount(of, minlength=len(self._lists))
        counts = np.zeros(len(self.names), dtype=np.int64)
        for codes, n in zip(self._lists, times.tolist(), strict=True):
            counts[codes] += n
        return np.asarray(counts == len(self.stores))

    def leave_out(self, most: int = 5) -> pd.DataFrame:
        """Return the stores that win most genes for the inner join when left out together.

        Where no single store decides, two or three may: genes that only these lack. They are
        looked for greedily.

        Parameters
        ----------
        most
            Greatest number of stores to leave out.

        Returns
        -------
        DataFrame
            One row per number of stores that wins more than fewer stores do: ``stores`` (tuple of names),
            ``n_stores``, ``inner`` (genes of the inner join without them), ``gain``.

        Raises
        ------
        RecipeError
            The table was read from JSON, which holds no names of genes.

        Examples
        --------
        >>> has = {"a": "ABCD", "b": "ABCD", "c": "ABxy", "d": "ABxz"}
        >>> coverage = Coverage.of({name: list(genes) for name, genes in has.items()})
        >>> int(coverage.table["gain_without"].max())
        0
        >>> coverage.leave_out().to_dict("records")
        [{'stores': ('c', 'd'), 'n_stores': 2, 'inner': 4, 'gain': 2}]
        """
        import pandas as pd

        n = len(self.names)
        of = np.empty(0, np.intp) if self._list_of is None else self._list_of
        times = np.bincount(of, minlength=len(self._lists))
        most = min(most, len(self.stores) - 1)
        sets = LackingSets.of(self._lists, times, n, most)
        rows = []
        for chosen in best_to_leave_out(sets, most):
            stores = tuple(
                name for name, i in zip(self.stores, of.tolist(), strict=True) if chosen[i]
            )
            gain = sets.won(chosen)
            rows.append((stores, len(stores), self.inner + gain, gain))
        return pd.DataFrame(rows, columns=["stores", "n_stores", "inner", "gain"])

    def intersections(self, most: int = 20) -> pd.Series[int]:
        """Return the most frequent patterns as the package ``upsetplot`` takes them.

        Parameters
        ----------
        most
            Number of patterns.

        Returns
        -------
        Series
            Numbers of genes; its index has one level of bool per store: whether the genes are there.

        Examples
        --------
        >>> Coverage.of({"a": ["TP53", "CD4"], "b": ["CD4", "CD8A"]}).intersections(2).to_dict()
        {(True, True): 1, (True, False): 1}
        """
        import pandas as pd

        some = self.patterns.iloc[:most]
        place = {store: i for i, store in enumerate(self.stores)}
        columns = np.zeros((len(self.stores), len(some)), dtype=bool)
        for i, pattern in enumerate(some["pattern"]):
            columns[[place[store] for store in pattern], i] = True
        index = (
            pd.MultiIndex.from_arrays(list(columns), names=self.stores)
            if len(columns)
            else some.index
        )
        return pd.Series(some["n_genes"].to_numpy(np.int64), index=index, name="n_genes")

    def histogram(self, most: int = 20) -> pd.DataFrame:
        """Return the number of genes by the number of stores that have them.

        Parameters
        ----------
        most
            Number of bins. They begin at the least number that any gene has; that one and the number
            of all stores always have a bin of their own.

        Returns
        -------
        DataFrame
            ``low``, ``high`` (numbers of stores, both included), ``n_genes``.

        Examples
        --------
        >>> Coverage.of({"a": ["TP53", "CD4"], "b": ["CD4", "CD8A"]}).histogram()["n_genes"].tolist()
        [2, 1]
        """
        return histogram_of(self.at_least.to_numpy(), most)

    @lazy
    def _code_of(self) -> dict[str, int]:
        return {name: code for code, name in enumerate(self.names.tolist())}

    def find(self, genes: str | Iterable[str]) -> pd.DataFrame:
        """Stores that have these variables: DataFrame genes × stores of bool.

        Parameters
        ----------
        genes
            One name or several; those that no store has get a row of False.

        Raises
        ------
        RecipeError
            The table was read from JSON, which holds no names of genes.
        """
        import pandas as pd

        wanted = list(dict.fromkeys([genes] if isinstance(genes, str) else genes))
        codes = np.array([self._code_of.get(gene, -1) for gene in wanted], dtype=np.int64)
        has = np.zeros((len(wanted), len(self._lists)), dtype=bool)
        for i, some in enumerate(self._lists):
            has[:, i] = np.isin(codes, some) & (codes >= 0)
        of: Any = [] if self._list_of is None else self._list_of
        return pd.DataFrame(
            has[:, of],
            index=pd.Index(wanted, name="gene", dtype=object),
            columns=pd.Index(self.stores, name="store", dtype=object),
        )


def _renumber(lists: Sequence[Array]) -> tuple[Array, list[Array]]:
    """The codes that occur, and per list its distinct codes as positions among them."""
    if not lists:
        return np.empty(0, np.int64), []
    top = max((int(codes.max()) + 1 for codes in lists if len(codes)), default=0)
    there = np.zeros(top, dtype=bool)
    for codes in lists:
        there[codes] = True
    used = np.flatnonzero(there)
    position = np.cumsum(there) - 1
    unique = []
    mark = np.zeros(len(used), dtype=bool)
    for codes in lists:
        mark[:] = False
        mark[position[codes]] = True
        unique.append(np.flatnonzero(mark))
    return used, unique


def _patterns(
    stores: Sequence[str], unique: Sequence[Array], list_of: Array, n: int
) -> tuple[pd.DataFrame, int]:
    """Patterns of the stores that have a variable, counted, and how many there are."""
    import pandas as pd

    pattern = np.zeros(n, dtype=np.int64)
    words = []
    for begin in range(0, len(unique), 63):
        word = np.zeros(n, dtype=np.int64)
        for bit, codes in enumerate(unique[begin : begin + 63]):
            word[codes] |= np.int64(1 << (62 - bit))
        words.append(word)
        codes, distinct = pd.factorize(word)
        if begin == 0:
            pattern = codes.astype(np.int64)
        else:
            pattern, _ = pd.factorize(pattern * len(distinct) + codes)
    counts = np.bincount(pattern) if n else np.empty(0, np.int64)
    first = np.full(len(counts), n, dtype=np.int64)
    np.minimum.at(first, pattern, np.arange(n))
    # Among equally frequent ones those of the first stores: the codes of the names depend on
    # which store was read first.
    order = np.lexsort((*(-word[first] for word in reversed(words)), -counts))[:_MOST_PATTERNS]
    example = first[order]
    has = np.zeros((len(order), len(unique)), dtype=bool)
    mark = np.zeros(n, dtype=bool)
    for i, codes in enumerate(unique):
        mark[:] = False
        mark[codes] = True
        has[:, i] = mark[example]
    every = np.array([*stores, None], dtype=object)[:-1]
    tuples = [tuple(every[some[list_of]].tolist()) for some in has]
    table = pd.DataFrame(
        {
            "pattern": pd.Series(tuples, dtype=object),
            "n_stores": [len(some) for some in tuples],
            "n_genes": counts[order],
        }
    )
    return table, len(counts)


def coverage_of(
    scans: Sequence[Scan],
    recipe: Recipe | None = None,
    names: Sequence[str] | None = None,
    vocabulary: Vocabulary | None = None,
) -> Coverage:
    """Coverage of the variables, by the identifiers that a recipe joins by.

    Parameters
    ----------
    scans
        What was read of the stores; those without readable names are left out.
    recipe
        Says ``var_key``, ``strip_version``, ``var_map`` and ``var_alias``.
    names
        Display names of all scans.
    vocabulary
        Numbers of names that are known already.

    Examples
    --------
    >>> from mappedviz.audits.reading import scan_store
    >>> from mappedviz.datasets import demo
    >>> stores = [demo() / name for name in ("berlin.h5ad", "oxford.h5ad")]
    >>> coverage = coverage_of([scan_store(path) for path in stores])
    >>> coverage.inner, coverage.outer, coverage.table["private"].tolist()
    (601, 679, [39, 39])
    """
    recipe = recipe or Recipe()
    vocabulary = Vocabulary() if vocabulary is None else vocabulary
    names = display_names([scan.path for scan in scans]) if names is None else names
    kept: list[str] = []
    paths: list[str] = []
    joined: list[Names] = []
    stores: list[StoreNames] = []
    for name, scan in zip(names, scans, strict=True):
        column = identifier_of(recipe, scan.path if scan.store is None else scan.store.path)
        every_column = names_by_column(scan, recipe, column)
        if every_column is not None:
            kept.append(name)
            paths.append(scan.path)
            joined.append(every_column[column])
            stores.append(every_column)
    every = {found.key: found for some in stores for found in some.values()}
    harmonised = Harmonised(vocabulary, every.values())
    kinds = {key: kind_of(found) for key, found in every.items()}
    what_if = what_if_table(paths, stores, harmonised, kinds)
    if recipe.var_map is not None or recipe.var_alias:
        joined = list(map(AsJoined(recipe), joined))
        kinds |= {found.key: kind_of(found) for found in joined}
        harmonised = Harmonised(vocabulary, joined)
    distinct = {found.key: found for found in joined}
    position = {key: i for i, key in enumerate(distinct)}
    strip = recipe.strip_version and recipe.var_map is None
    return Coverage.of_codes(
        kept,
        [harmonised.codes(found, strip, False) for found in distinct.values()],
        [position[found.key] for found in joined],
        harmonised.table(strip, False)[1],
        kinds=[
            id_kind(strip_versions(one.values)) if strip else kinds[one.key]
            for one in distinct.values()
        ],
        what_if=what_if,
    )
