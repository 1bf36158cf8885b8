"""The sample sheet, and the obs columns of all stores with what they hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.text.display import Words

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.columns import ObsFacts
    from mappedviz.audits.scan import Scan
    from mappedviz.audits.tables.labels import LabelTable
    from mappedviz.recipe.labels import Label

#: Words that name what a sample is, the most telling first.
_TELLING = (
    "donor", "patient", "individual", "subject", "sample", "tissue", "organ", "assay", "technology",
    "chemistry", "platform", "sex", "gender", "disease", "diagnosis", "condition", "treatment",
    "stage", "age", "ethnicity", "organism", "species", "batch", "study", "dataset", "suspension",
)  # fmt: skip
_MOST_COLUMNS = 12
_FEW_VALUES = 5  # of a sample in half of the stores
_EXAMPLES = 5
_NUMBERS_OF = ("ontology_term_id", "_ontology_id")  # say the same as the column beside them
_MANY = 1_000_000  # values: so many that they were not counted
_KINDS_OF_SAMPLES = ("categorical", "string", "boolean", "integer")


def sample_columns(scans: Sequence[Scan], most: int = _MOST_COLUMNS) -> list[str]:
    """Names of the obs columns that say what samples the stores are: few values in each store.

    Those that are called donor, tissue, … come first, then those that most stores have. Columns of
    other names come only if at least half of the stores have them, and mostly one value each.

    Examples
    --------
    >>> from mappedviz.audits.reading import scan_store
    >>> from mappedviz.datasets import demo
    >>> sample_columns([scan_store(demo() / "berlin.h5ad")])
    ['donor', 'batch', 'is_primary_data']
    """
    found: dict[str, list[int]] = {}
    for scan in scans:
        for name, facts in scan.obs.items():
            if facts.kind in _KINDS_OF_SAMPLES:
                n = _MANY if facts.counts is None else int((facts.counts > 0).sum())
                found.setdefault(name, []).append(n)
    ranked = []
    for place, (name, times) in enumerate(found.items()):
        rank, middle = _rank(name), float(np.median(times))
        told = rank < len(_TELLING) and middle <= _FEW_VALUES
        alike = 2 * len(times) >= len(scans) and max(times) > 0 and middle <= 1
        if (told or alike) and not name.endswith(_NUMBERS_OF):
            ranked.append((rank, -len(times), place, name))
    return [name for *_, name in sorted(ranked)[:most]]


def _rank(name: str) -> int:
    """The place of the first telling word that a name has; beyond all places if it has none."""
    words = re.findall(r"[a-z]+", name.lower())
    for i, telling in enumerate(_TELLING):
        if any(
            word == telling or (len(telling) > 4 and word.startswith(telling)) for word in words
        ):
            return i
    return len(_TELLING)


def sample_sheet(
    names: Sequence[str], columns: Sequence[str], labels: Callable[[str], LabelTable]
) -> pd.DataFrame:
    """One row per store and one column per obs key: its value there, or how many values it has.

    Parameters
    ----------
    names
        Display names of all stores.
    columns
        The obs keys.
    labels
        The table of labels of a key.

    Returns
    -------
    DataFrame
        Index ``store``. The label if all cells have the same one, :class:`~mappedviz.text.display.Words`
        such as ``"3 values"``, None where the store has none.

    Examples
    --------
    >>> import numpy as np
    >>> from mappedviz.audits.tables.labels import LabelTable
    >>> one, two = (["lung"], np.array([9]), 0), (["lung", "gut"], np.array([5, 4]), 0)
    >>> table = LabelTable.of("tissue", ["a", "b", "c"], [one, two, 9])
    >>> sample_sheet(["a", "b", "c"], ["tissue"], lambda key: table)["tissue"].tolist()
    ['lung', '2 values', None]
    """
    import pandas as pd

    index = pd.Index(list(names), name="store", dtype=object)
    data = {key: _values(names, labels(key)) for key in columns}
    table = pd.DataFrame({key: pd.Series(data[key], index=index, dtype=object) for key in columns})
    table.index = index
    table.columns = pd.Index(list(columns), name="column", dtype=object)
    return table


def _values(names: Sequence[str], table: LabelTable) -> list[Label | Words | None]:
    classes, stores, _ = table.rows
    times = np.bincount(stores, minlength=len(table.stores))
    first = np.zeros(len(table.stores), dtype=np.int64)
    first[stores[::-1]] = classes[::-1]
    some_missing = table.missing.to_numpy() > 0
    found: dict[str, Label | Words | None] = {}
    for i, name in enumerate(table.stores):
        n = int(times[i])
        if n == 1 and not some_missing[i]:
            found[name] = table.classes[int(first[i])]
        elif n:
            values = f"{n:,} value{'s' * (n != 1)}"
            found[name] = Words(f"{values}, some missing" if some_missing[i] else values)
    return [found.get(name) for name in names]


def obs_browser(scans: Sequence[Scan], names: Sequence[str]) -> pd.DataFrame:
    """One row per obs column of any store: where it is, its types, gaps, number of values and examples.

    Returns
    -------
    DataFrame
        Index ``column``; ``n_stores``, ``stores`` (tuple of names), ``dtypes`` (tuple of kinds, the most frequent
        first), ``missing`` (per cent of the cells of these stores), ``fewest`` and ``most`` (values in
        a store; NA where there are very many), ``examples`` (tuple of labels, the most frequent first).
        Columns that most stores have come first.

    Examples
    --------
    >>> from mappedviz.audits.reading import scan_store
    >>> from mappedviz.datasets import demo
    >>> scans = [scan_store(demo() / "berlin.h5ad")]
    >>> obs_browser(scans, ["a"]).loc["batch", ["dtypes", "examples"]].tolist()
    [('categorical',), ('run1', 'run2')]
    """
    import pandas as pd

    there: dict[str, list[tuple[str, Scan, ObsFacts | None]]] = {}
    for name, scan in zip(names, scans, strict=True):
        if scan.store is not None:
            for column in scan.store.facts.obs_columns:
                there.setdefault(column, []).append((name, scan, scan.obs.get(column)))
    order = sorted(there, key=lambda column: -len(there[column]))
    table = pd.DataFrame([_column_row(there[column]) for column in order], columns=list(_BROWSER))
    table.index = pd.Index(order, name="column", dtype=object)
    for column in ("n_stores", "fewest", "most"):
        table[column] = table[column].astype("Int64")
    table["missing"] = table["missing"].astype(float)
    return table


_BROWSER = ("n_stores", "stores", "dtypes", "missing", "fewest", "most", "examples")


def _column_row(found: Sequence[tuple[str, Scan, ObsFacts | None]]) -> dict[str, Any]:
    known = [(scan.n_obs, facts) for _, scan, facts in found if facts is not None]
    kinds = ["unreadable" if facts is None else facts.kind for _, _, facts in found]
    counted = [
        (facts.labels, facts.counts)
        for _, facts in known
        if facts.labels is not None and facts.counts is not None
    ]
    sizes = [int((counts > 0).sum()) for _, counts in counted]
    rows = sum(n for n, _ in known)
    many = len(counted) < len(known)
    return {
        "n_stores": len(found),
        "stores": tuple(name for name, _, _ in found),
        "dtypes": tuple(sorted(dict.fromkeys(kinds), key=lambda kind: -kinds.count(kind))),
        "missing": 100 * sum(facts.missing for _, facts in known) / rows if rows else np.nan,
        "fewest": min(sizes, default=None),
        "most": None if many else max(sizes, default=None),
        "examples": _most_frequent(counted),
    }


def _most_frequent(counted: Sequence[tuple[Sequence[Label], Array]]) -> tuple[Label, ...]:
    times: dict[Label, int] = {}
    for labels, counts in counted:
        for i in np.argsort(-counts, kind="stable")[: 4 * _EXAMPLES].tolist():
            if counts[i]:
                times[labels[i]] = times.get(labels[i], 0) + int(counts[i])
    return tuple(sorted(times, key=lambda label: -times[label])[:_EXAMPLES])
