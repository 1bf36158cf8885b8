"""Labels over stores: how many rows of each class, which spellings mean the same, what goes together."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from mappedviz._types import Array, lazy
from mappedviz.recipe.labels import Label, Labels, sort_labels
from mappedviz.text.display import ABSENT, MISSING, Words

if TYPE_CHECKING:
    import pandas as pd

#: Per store: labels, rows of each, rows without one; or the number of rows where it has no such column.
StoreCounts: TypeAlias = "tuple[Sequence[Label], Array, int] | int"


@dataclass(eq=False)
class LabelTable:
    """How many rows of each class every store has.

    Build it with :meth:`of`.

    Attributes
    ----------
    key
        The obs key.
    stores
        Display names of the stores.
    classes
        Labels that any row has, sorted: numbers, then strings.
    missing
        Series: rows without a label, of stores that have the column.
    absent
        Series: rows of stores that have no such column.
    unused
        Categories that no row has.
    rows
        Rows per class and store where there are any: int64 arrays ``(class, store, n)``, by class.

    Examples
    --------
    >>> table = LabelTable.of("cell_type", ["a", "b"], [(["NK", "T"], np.array([3, 5]), 1), 10])
    >>> table.counts.loc["T"].tolist(), table.missing.tolist(), table.absent.tolist()
    ([5, 0], [1, 0], [0, 10])
    >>> table.total.tolist(), table.n_rows
    ([3, 5], 19)
    """

    key: str
    stores: list[str]
    classes: tuple[Label, ...]
    missing: pd.Series[int]
    absent: pd.Series[int]
    unused: tuple[Label, ...]
    rows: tuple[Array, Array, Array] = field(repr=False)

    @classmethod
    def of(
        cls,
        key: str,
        stores: Sequence[str],
        parts: Sequence[StoreCounts],
        relabel: Mapping[Label, Label | None] | None = None,
    ) -> LabelTable:
        """Of the counts of every store.

        Parameters
        ----------
        key
            The obs key.
        stores
            Display names.
        parts
            Per store its labels, rows of each and rows without a label; or its number of
            rows where it lacks the column.
        relabel
            Old label -> new label, None for missing.
        """
        import pandas as pd

        renames = dict(relabel or {})
        totals: dict[Label, int] = {}
        missing = np.zeros(len(parts), dtype=np.int64)
        absent = np.zeros(len(parts), dtype=np.int64)
        per_store: list[dict[Label, int]] = []
        for i, part in enumerate(parts):
            here: dict[Label, int] = {}
            per_store.append(here)
            if isinstance(part, int):
                absent[i] = part
                continue
            labels, counts, n_missing = part
            missing[i] = n_missing
            for label, n in zip(labels, counts.tolist(), strict=True):
                named = renames.get(label, label) if renames else label
                if named is None:
                    missing[i] += n
                    continue
                here[named] = here.get(named, 0) + n
                totals[named] = totals.get(named, 0) + n
        classes = tuple(sort_labels(label for label, n in totals.items() if n))
        code_of = {label: code for code, label in enumerate(classes)}
        triples = [
            (code_of[label], i, n)
            for i, here in enumerate(per_store)
            for label, n in here.items()
            if n
        ]
        flat = np.array(triples, dtype=np.int64).reshape(-1, 3)
        flat = flat[np.argsort(flat[:, 0], kind="stable")]
        index = pd.Index(list(stores), name="store", dtype=object)
        return cls(
            key,
            list(stores),
            classes,
            pd.Series(missing, index=index, name="missing"),
            pd.Series(absent, index=index, name="absent"),
            tuple(sort_labels(label for label, n in totals.items() if not n)),
            (flat[:, 0], flat[:, 1], flat[:, 2]),
        )

    @property
    def counts(self) -> pd.DataFrame:
        """DataFrame class × store: rows."""
        return self._frame(np.arange(len(self.classes)))

    def _frame(self, order: Array) -> pd.DataFrame:
        import pandas as pd

        classes, stores, n = self.rows
        position = np.full(len(self.classes), -1, dtype=np.int64)
        position[order] = np.arange(len(order))
        here = position[classes] >= 0
        values = np.zeros((len(order), len(self.stores)), dtype=np.int64)
        values[position[classes[here]], stores[here]] = n[here]
        return pd.DataFrame(
            values,
            index=pd.Index([self.classes[i] for i in order.tolist()], name="class", dtype=object),
            columns=pd.Index(self.stores, name="store", dtype=object),
        )

    @lazy
    def total(self) -> pd.Series[int]:
        """Series: rows per class, over all stores."""
        import pandas as pd

        values = np.zeros(len(self.classes), dtype=np.int64)
        np.add.at(values, self.rows[0], self.rows[2])
        index = pd.Index(list(self.classes), name="class", dtype=object)
        return pd.Series(values, index=index, name="n")

    @lazy
    def n_stores(self) -> pd.Series[int]:
        """Series: in how many stores each class has rows."""
        import pandas as pd

        values = np.bincount(self.rows[0], minlength=len(self.classes))
        return pd.Series(values, index=self.total.index, name="n_stores")

    @property
    def n_rows(self) -> int:
        """Rows of all stores, with or without a label."""
        return int(self.rows[2].sum() + self.missing.sum() + self.absent.sum())

    def top(
        self, n: int = 25, *, by: str = "count", search: str = ""
    ) -> tuple[pd.DataFrame, pd.Series[int], int]:
        """The first classes in an order, and what is left of them.

        Parameters
        ----------
        n
            How many classes.
        by
            ``"count"`` (largest first), ``"name"``, or ``"stores"`` (those in most stores first).
        search
            Keep classes that contain this text, in any case.

        Returns
        -------
        DataFrame, Series, int
            Class × store counts of these classes; counts per store of all other classes; how many
            other classes there are.
        """
        keys: Array = -self.total.to_numpy()
        if by == "name":
            keys = np.arange(len(self.classes))
        elif by == "stores":
            keys = np.lexsort((keys, -self.n_stores.to_numpy())).argsort()
        order = np.argsort(keys, kind="stable")
        if search:
            wanted = search.casefold()
            hits = np.array([wanted in str(label).casefold() for label in self.classes], dtype=bool)
            order = order[hits[order]]
        shown = self._frame(order[:n])
        return shown, self._others(order[:n]), len(self.classes) - len(shown)

    def bars(self, n: int = 25) -> list[tuple[Label | Words, Array]]:
        """Return names and counts per store of the bars of a figure, which hold all rows.

        The `n` most frequent classes, then all others together, rows without a label and rows of
        stores that have no such column, where there are any.

        Examples
        --------
        >>> table = LabelTable.of("k", ["a", "b"], [(["NK", "T"], np.array([3, 5]), 1), 10])
        >>> [(name, counts.tolist()) for name, counts in table.bars(1)]
        [('T', [5, 0]), ('other (1 more)', [3, 0]), ('(missing)', [1, 0]), ('(no such column)', [0, 10])]
        """
        some, rest, more = self.top(n)
        found: list[tuple[Label | Words, Array]] = list(
            zip(some.index, some.to_numpy(), strict=True)
        )
        for words, counts in (
            (f"other ({more:,} more)", rest),
            (MISSING, self.missing),
            (ABSENT, self.absent),
        ):
            if counts.any():
                found.append((Words(words), counts.to_numpy()))
        return found

    def _others(self, shown: Array) -> pd.Series[int]:
        import pandas as pd

        rest = np.ones(len(self.classes), dtype=bool)
        rest[shown] = False
        classes, stores, n = self.rows
        values = np.zeros(len(self.stores), dtype=np.int64)
        np.add.at(values, stores[rest[classes]], n[rest[classes]])
        index = pd.Index(self.stores, name="store", dtype=object)
        return pd.Series(values, index=index, name="other")

    @lazy
    def variants(self) -> pd.DataFrame:
        """DataFrame: group, label, n, stores: spellings that may mean the same class.

        Labels are compared by :func:`plain_spelling`; ``stores`` is the tuple of the names of the
        stores with such rows. The most frequent spelling of a group comes first. Among more than
        200,000 classes none are looked for: those are identifiers, not names.
        """
        import pandas as pd

        groups: dict[str, list[int]] = {}
        for code, label in enumerate(self.classes if len(self.classes) <= _MANY_CLASSES else ()):
            groups.setdefault(plain_spelling(label), []).append(code)
        several = {name: codes for name, codes in groups.items() if name and len(codes) > 1}
        total = self.total.to_numpy()
        classes, stores, _ = self.rows
        rows = [
            {
                "group": name,
                "label": self.classes[code],
                "n": int(total[code]),
                "stores": tuple(self.stores[i] for i in stores[slice(*_range(classes, code))]),
            }
            for name, codes in several.items()
            for code in sorted(codes, key=lambda code: -total[code])
        ]
        return pd.DataFrame(rows, columns=["group", "label", "n", "stores"])

    def merging(self, groups: Iterable[str] | None = None) -> dict[Label, Label]:
        """A relabelling ``{old: new}`` that gives every variant the most frequent spelling.

        Parameters
        ----------
        groups
            Groups of :attr:`variants`; default: all.
        """
        wanted = None if groups is None else set(groups)
        mapping: dict[Label, Label] = {}
        first: dict[str, Label] = {}
        for group, label in zip(self.variants["group"], self.variants["label"], strict=True):
            if wanted is None or group in wanted:
                if group in first:
                    mapping[label] = first[group]
                else:
                    first[group] = label
        return mapping


def _range(sorted_codes: Array, code: int) -> tuple[int, int]:
    return (
        int(np.searchsorted(sorted_codes, code, side="left")),
        int(np.searchsorted(sorted_codes, code, side="right")),
    )


_SPACES = {ord(c): " " for c in "_.,;:/\\()[]{}|'\"`’*#&"}
# Hyphens, dashes and the minus sign of typography.
_DASHES = dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-")
_CELLS = {"cell", "cells"}
_MANY_CLASSES = 200_000


def plain_spelling(label: Label) -> str:
    """A label without what spellings differ in: case, width, spaces, punctuation, plural, "cells".

    ``+`` stays, and so does a minus that ends a word: CD4+ and CD4- are not the same.

    Examples
    --------
    >>> plain_spelling("CD4 T cells"), plain_spelling("CD4_T"), plain_spelling("CD4- T")
    ('cd4t', 'cd4t', 'cd4-t')
    >>> plain_spelling("CD14+ Monocytes") == plain_spelling("CD14+ Monocyte")
    True
    """
    text = str(label)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = text.translate(_DASHES)
    words = text.casefold().translate(_SPACES).split()
    if "-" in text:
        words = [part for word in words for part in _cut(word)]
    if len(words) > 1 and words[-1] in _CELLS:
        words.pop()
    return "".join(
        word[:-1] if len(word) > 3 and word[-1] == "s" and word[-2] != "s" else word
        for word in words
    )


def _cut(word: str) -> list[str]:
    """Two words for "t-cell"; a minus at the end of a word, or before a sign, stays."""
    minus = "-" if word.endswith("-") else ""
    parts = [part for part in word.split("-") if part]
    return [*parts[:-1], parts[-1] + minus] if parts else [word]


def crosstab(rows: Labels, columns: Labels, names: tuple[str, str]) -> pd.DataFrame:
    """How many rows have each pair of labels: DataFrame of int, labels that occur only.

    Examples
    --------
    >>> batch = Labels(np.array([0, 0, 1]), ("b1", "b2"))
    >>> label = Labels(np.array([0, 1, 1]), ("NK", "T"))
    >>> crosstab(batch, label, ("batch", "label")).loc["b1"].tolist()
    [1, 1]
    """
    import pandas as pd

    n = len(columns.categories)
    both = (rows.codes >= 0) & (columns.codes >= 0)
    pair = rows.codes[both].astype(np.int64) * max(n, 1) + columns.codes[both]
    values = np.bincount(pair, minlength=len(rows.categories) * n)
    values = values[: len(rows.categories) * n].reshape(len(rows.categories), n)
    table = pd.DataFrame(
        values,
        index=pd.Index(list(rows.categories), name=names[0], dtype=object),
        columns=pd.Index(list(columns.categories), name=names[1], dtype=object),
    )
    kept: pd.DataFrame = table.loc[values.sum(axis=1) > 0]
    return kept.iloc[:, np.flatnonzero(values.sum(axis=0) > 0)]


def cramers_v(table: pd.DataFrame | Array) -> float:
    """How much two labels say about each other, from 0 (nothing) to 1 (all): Cramér's V.

    NaN where one of them has a single value.

    Examples
    --------
    >>> cramers_v(np.array([[5, 0], [0, 5]])), cramers_v(np.array([[5, 5], [5, 5]]))
    (1.0, 0.0)
    """
    counts = np.asarray(table, dtype=np.float64)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    total = counts.sum()
    smaller = min(counts.shape) - 1
    if smaller < 1:
        return float("nan")
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / total
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    return float(np.sqrt(chi2 / total / smaller))
