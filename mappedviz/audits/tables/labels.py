"""Labels over stores: the rows of each class, and spellings that may mean the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from mappedviz._types import Array, lazy
from mappedviz.audits.columns import counted
from mappedviz.audits.tables.frames import plain_text
from mappedviz.audits.tables.spelling import plain_spelling
from mappedviz.audits.tables.stores import display_names
from mappedviz.collection.plan import column_of, obs_columns
from mappedviz.recipe.labels import Label, sort_labels
from mappedviz.recipe.recipe import Recipe
from mappedviz.text.display import ABSENT, MISSING, Words

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.scan import Scan
    from mappedviz.formats.columns import Column

_MANY_CLASSES = 200_000

#: Per store: labels, rows of each, rows without one; or the number of rows where it has no such column.
StoreCounts: TypeAlias = "tuple[Sequence[Label], Array, int] | int"


@dataclass(eq=False)
class LabelTable:
    """Rows of each class in each store.

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
        relabel: Mapping[Label, Label | None]
        | Sequence[Mapping[Label, Label | None]]
        | None = None,
    ) -> LabelTable:
        """Make the table of the counts of each store.

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
            Old label -> new label, None for missing: for all stores, or one such dict per store.
        """
        import pandas as pd

        of_stores = () if isinstance(relabel, Mapping) or relabel is None else relabel
        everywhere = relabel if isinstance(relabel, Mapping) else {}
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
            renames = of_stores[i] if of_stores else everywhere
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
        return plain_text(pd.DataFrame(rows, columns=["group", "label", "n", "stores"]))

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


def column_labels(scan: Scan, recipe: Recipe, key: str) -> Column | None:
    """The obs column of a store that stands for a key; None where it has none.

    Raises
    ------
    ElementError
        The column is malformed.
    """
    assert scan.known is not None
    return obs_columns(recipe, [key], scan.known)[key]


def label_counts(
    scan: Scan, recipe: Recipe, key: str, rows: Array | None = None
) -> StoreCounts | None:
    """Rows per label of one store; None if the column cannot be read.

    Parameters
    ----------
    scan
        What was read of the store.
    recipe
        Says ``obs_alias``.
    key
        The obs key.
    rows
        Numbers of the rows that count; default: all.
    """
    assert scan.store is not None
    name = column_of(recipe, key, scan.store.path, scan.store.facts.obs_columns)
    if name is None:
        return scan.n_obs if rows is None else len(rows)
    facts = scan.obs.get(name)
    if rows is None and facts is not None and facts.labels is not None:
        assert facts.counts is not None
        return facts.labels, facts.counts, facts.missing
    try:
        column = column_labels(scan, recipe, key)
    except Exception:  # a finding says what is wrong
        return None
    assert column is not None
    codes, categories = column.factorized()
    codes = codes if rows is None else codes[rows]
    return *counted(codes, categories), int((codes < 0).sum())


def label_table(
    scans: Sequence[Scan],
    key: str,
    recipe: Recipe | None = None,
    names: Sequence[str] | None = None,
    rows: Sequence[Array | None] | None = None,
) -> LabelTable:
    """Rows of each class in each store; aliases and relabelling of the recipe apply.

    Parameters
    ----------
    scans
        What was read of the stores; those that could not be opened, or whose column is
        malformed, are left out.
    key
        The obs key.
    recipe
        Says ``obs_alias`` and ``relabel``.
    names
        Display names of all scans.
    rows
        Per scan the numbers of the rows that count, or None for all of them.

    Examples
    --------
    >>> from mappedviz.audits.reading import scan_store
    >>> from mappedviz.datasets import demo
    >>> label_table([scan_store(demo() / "oxford.h5ad")], "batch").total.to_dict()
    {'run1': 350, 'run2': 150}
    """
    recipe = recipe or Recipe()
    names = display_names([scan.path for scan in scans]) if names is None else names
    kept, parts, paths = [], [], []
    for i, (name, scan) in enumerate(zip(names, scans, strict=True)):
        if scan.store is None:
            continue
        part = label_counts(scan, recipe, key, None if rows is None else rows[i])
        if part is not None:
            kept.append(name)
            parts.append(part)
            paths.append(scan.store.path)
    if isinstance(recipe.relabel.get(key), Mapping):
        return LabelTable.of(key, kept, parts, [recipe.renames_of(key, path) for path in paths])
    return LabelTable.of(key, kept, parts, recipe.renames_of(key))
