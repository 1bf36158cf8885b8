"""Tables about stores: DataFrames with documented columns, made of scans; no figures, no widgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.audits.scan import VOCABULARY, Names, Scan, counted
from mappedviz.audits.tables.genes import WHAT_IF, Coverage, id_kind, join_sizes, species_of
from mappedviz.audits.tables.labels import (
    LabelTable,
    StoreCounts,
    cramers_v,
    crosstab,
    plain_spelling,
)
from mappedviz.audits.tables.weights import WeightTable, compare_schemes
from mappedviz.collection.plan import column_of
from mappedviz.recipe.joins import strip_versions
from mappedviz.recipe.recipe import Recipe, choose_for_store, store_names

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.formats.columns import Column
    from mappedviz.recipe.labels import Label

__all__ = [
    "STORE_COLUMNS",
    "Coverage",
    "LabelTable",
    "WeightTable",
    "column_labels",
    "compare_schemes",
    "coverage_of",
    "cramers_v",
    "crosstab",
    "display_names",
    "id_kind",
    "label_counts",
    "label_table",
    "library_sizes",
    "obs_schema",
    "plain_spelling",
    "species_of",
    "stores_table",
]


STORE_COLUMNS = {
    "path": "absolute path",
    "kind": "h5ad, zarr or zarr.zip",
    "n_obs": "cells",
    "n_vars": "genes",
    "X": "what X is, in words: csr float32 gzip(4)+shuffle",
    "x_kind": "csr, csc or dense",
    "x_dtype": "type of the values of X",
    "x_codec": "how X is compressed",
    "x_chunks": "shape of the chunks of the values of X; None where they are contiguous",
    "x_scale": "what the values of X are, by a sample: counts, log1p, normalised, logarithms, scaled …",
    "nnz": "stored values of X",
    "density": "stored values over all values of X",
    "nbytes": "bytes on disk",
    "layers": "names of the layers",
    "raw": "whether there is a raw.X",
    "raw_n_vars": "genes of raw.X",
    "obsm": "names of the obsm elements",
    "encoding": "encoding of obs",
    "broken": "keys of elements that cannot be read",
    "status": "ok, or in one sentence why the store cannot be opened",
}
"""Columns of :func:`stores_table`, and what they hold."""


def display_names(paths: Sequence[str]) -> list[str]:
    """Names of stores for people: the file name, with as much of the folder as tells them apart.

    Examples
    --------
    >>> display_names(["/data/a.h5ad", "/data/b.zarr"])
    ['a.h5ad', 'b.zarr']
    >>> display_names(["/x/1/a.h5ad", "/x/2/a.h5ad", "/x/2/a.h5ad"])
    ['1/a.h5ad', '2/a.h5ad', '2/a.h5ad (2)']
    """
    parts = [Path(path).parts or (path,) for path in paths]
    names = ["/".join(some[-1:]) for some in parts]
    depth = 1
    while depth < max(map(len, parts), default=0):
        by_name: dict[str, set[str]] = {}
        for name, path in zip(names, paths, strict=True):
            by_name.setdefault(name, set()).add(path)
        unclear = {name for name, some in by_name.items() if len(some) > 1}
        if not unclear:
            break
        depth += 1
        names = [
            "/".join(some[-depth:]) if name in unclear else name
            for name, some in zip(names, parts, strict=True)
        ]
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return unique


def stores_table(scans: Sequence[Scan], names: Sequence[str] | None = None) -> pd.DataFrame:
    """A row a store: shape, where X is and what, size, layers, status.

    Parameters
    ----------
    scans
        What was read of the stores.
    names
        Display names; default: :func:`display_names`.

    Returns
    -------
    DataFrame
        Index ``store``; columns as in :data:`STORE_COLUMNS`. Numbers are nullable integers, because a store
        that could not be opened has none.

    Examples
    --------
    >>> from mappedviz.audits.scan import scan_store
    >>> table = stores_table([scan_store("notebooks/data/10x_pbmc68k_reduced.h5ad")])
    >>> table[["kind", "X", "x_scale", "status"]].iloc[0].tolist()
    ['h5ad', 'dense float32 gzip(4)', 'scaled', 'ok']
    """
    import pandas as pd

    rows = [_store_row(scan) for scan in scans]
    names = display_names([scan.path for scan in scans]) if names is None else names
    table = pd.DataFrame(rows, columns=list(STORE_COLUMNS))
    table.index = pd.Index(list(names), name="store", dtype=object)
    whole = ["n_obs", "n_vars", "nnz", "nbytes", "raw_n_vars"]
    table[whole] = table[whole].astype("Int64")
    table["density"] = table["density"].astype(float)
    table["raw"] = table["raw"].astype(bool)
    return table


def _store_row(scan: Scan) -> dict[str, Any]:
    if scan.store is None:
        return {
            "path": str(Path(scan.path).absolute()),
            "layers": [],
            "obsm": [],
            "raw": False,
            "broken": [],
            "status": str(scan.error),
        }
    facts = scan.store.facts
    x = facts.matrices.get("X")
    raw = facts.matrices.get("raw.X")
    sample = scan.samples.get("X")
    return {
        "path": scan.store.path,
        "kind": facts.kind,
        "n_obs": facts.n_obs,
        "n_vars": facts.n_vars,
        "X": None if x is None else f"{x.kind} {x.dtype} {x.codec}",
        "x_kind": None if x is None else x.kind,
        "x_dtype": None if x is None else str(x.dtype),
        "x_codec": None if x is None else x.codec,
        "x_chunks": None if x is None else x.chunks,
        "x_scale": None if sample is None else sample.scale,
        "nnz": None if x is None else x.nnz if x.nnz is not None else x.shape[0] * x.shape[1],
        "density": None if x is None else x.density,
        "nbytes": scan.nbytes,
        "layers": [name for name in facts.matrices if name not in ("X", "raw.X")],
        "raw": raw is not None,
        "raw_n_vars": None if raw is None else raw.shape[1],
        "obsm": list(facts.obsm),
        "encoding": facts.encoding,
        "broken": list(scan.broken),
        "status": "ok",
    }


# --- variables ------------------------------------------------------------------------------


def _identifier(scan: Scan, recipe: Recipe) -> Names | None:
    """The names by which the variables of a store are joined, before versions are stripped."""
    key = recipe.var_key
    store = scan.store
    if store is None:
        return None
    column = choose_for_store(key, store.path, None) if isinstance(key, Mapping) else key
    if column in scan.names:
        return scan.names[column]
    try:
        values = store.read_var_names(column)
    except Exception:  # the plan says what is wrong
        return None
    names = VOCABULARY.intern(Names.of(values))
    scan.names[column] = names
    return names


class _Harmonised:
    """Codes of names after stripping versions or case, made once for the whole vocabulary."""

    def __init__(self) -> None:
        self._maps: dict[tuple[bool, bool], tuple[Array | None, Array]] = {}

    def table(self, strip: bool, upper: bool) -> tuple[Array | None, Array]:
        """Old code -> new code (None where equal), and the new names."""
        if (strip, upper) not in self._maps:
            import pandas as pd

            names = VOCABULARY.names
            if not (strip or upper):
                self._maps[strip, upper] = None, names
            else:
                changed = strip_versions(names) if strip else names
                if upper:
                    changed = np.array([name.upper() for name in changed.tolist()], dtype=object)
                codes, unique = pd.factorize(changed)
                self._maps[strip, upper] = codes, np.asarray(unique, dtype=object)
        return self._maps[strip, upper]

    def codes(self, names: Names, strip: bool, upper: bool) -> Array:
        table = self.table(strip, upper)[0]
        return names.codes if table is None else table[names.codes]


def coverage_of(
    scans: Sequence[Scan],
    recipe: Recipe | None = None,
    names: Sequence[str] | None = None,
) -> Coverage:
    """Which store has which variables, by the identifiers that a recipe joins by.

    Parameters
    ----------
    scans
        What was read of the stores; those without readable names are left out.
    recipe
        Says ``var_key`` and ``strip_version``.
    names
        Display names of all scans.

    Examples
    --------
    >>> from mappedviz.audits.scan import scan_store
    >>> folder = "notebooks/data/"
    >>> stores = ("10x_pbmc68k_reduced.h5ad", "pbmc3k_processed.v3sharded.zarr")
    >>> coverage = coverage_of([scan_store(folder + name) for name in stores])
    >>> coverage.inner, coverage.outer, coverage.table["private"].tolist()
    (764, 13715, [1, 12950])
    """
    recipe = recipe or Recipe()
    names = display_names([scan.path for scan in scans]) if names is None else names
    harmonised = _Harmonised()
    kept = [
        (name, scan, found)
        for name, scan in zip(names, scans, strict=True)
        if (found := _identifier(scan, recipe)) is not None
    ]
    position: dict[int, int] = {}
    distinct: list[Names] = []
    list_of = []
    for _, _, found in kept:
        if id(found) not in position:
            position[id(found)] = len(distinct)
            distinct.append(found)
        list_of.append(position[id(found)])
    strip = recipe.strip_version
    there = [scan for _, scan, _ in kept]
    some = {id(found): found for scan in there for found in scan.names.values()}
    kinds = {i: id_kind(found.values) for i, found in some.items()}
    return Coverage.of_codes(
        [name for name, _, _ in kept],
        [harmonised.codes(found, strip, False) for found in distinct],
        list_of,
        harmonised.table(strip, False)[1],
        kinds=[
            id_kind(strip_versions(one.values)) if strip else kinds[id(one)] for one in distinct
        ],
        what_if=_what_if(there, harmonised, kinds),
    )


def _what_if(
    scans: Sequence[Scan], harmonised: _Harmonised, kinds: Mapping[int, str]
) -> pd.DataFrame:
    """The joins by every identifier that the stores have; `kinds` by the id of their names."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for identifier, columns in _identifiers(scans, kinds):
        chosen = [scan.names[column] for scan, column in zip(scans, columns, strict=True)]
        times: dict[int, int] = {}
        distinct: dict[int, Names] = {}
        for one in chosen:
            times[id(one)] = times.get(id(one), 0) + 1
            distinct[id(one)] = one
        versioned = any("version" in kinds[i] for i in distinct)
        smallest = None
        for strip, upper in ((False, False), (True, False), (False, True), (True, True)):
            if strip and not versioned:
                continue
            inner, outer = join_sizes(
                [harmonised.codes(o, strip, upper) for o in distinct.values()]
            )
            if upper and outer == smallest:
                continue  # case makes no difference
            smallest = outer if not upper else smallest
            rows.append(
                {
                    "identifier": identifier,
                    "strip_version": strip,
                    "upper_case": upper,
                    "n_stores": sum(
                        identifier.startswith("by kind")
                        or column is not None
                        or identifier == "index"
                        for column in columns
                    ),
                    "inner": inner,
                    "outer": outer,
                    "var_key": None if upper else _var_key(scans, columns),
                }
            )
    return pd.DataFrame(rows, columns=list(WHAT_IF))


def _identifiers(
    scans: Sequence[Scan], kinds: Mapping[int, str]
) -> list[tuple[str, list[str | None]]]:
    """Ways to identify variables: a name and, per store, the column of var (None is the index)."""
    some: list[str | None] = [column for scan in scans for column in scan.names]
    columns = [column for column in dict.fromkeys(some) if column is not None]
    ways: list[tuple[str, list[str | None]]] = [("index", [None] * len(scans))]
    ways += [
        (f"var[{column!r}]", [column if column in scan.names else None for scan in scans])
        for column in columns[:20]
    ]
    for kind in ("symbol", "ensembl"):
        picked = []
        for scan in scans:
            fits = [c for c, found in scan.names.items() if kinds[id(found)].startswith(kind)]
            picked.append(fits[0] if fits else None)
        if all(picked != way for _, way in ways):
            ways.append((f"by kind: {kind}", picked))
    return ways


def _var_key(scans: Sequence[Scan], columns: Sequence[str | None]) -> Any:
    """What a recipe says to join by these columns."""
    if len(set(columns)) <= 1:
        return columns[0] if columns else None
    paths = [scan.path for scan in scans]
    short = [store_names(path)[1] for path in paths]
    names = paths if len(set(short)) < len(set(paths)) else short
    return {name: column for name, column in zip(names, columns, strict=True) if column is not None}


# --- obs ------------------------------------------------------------------------------------


def obs_schema(scans: Sequence[Scan], names: Sequence[str] | None = None) -> pd.DataFrame:
    """Which store has which obs columns: DataFrame column × (store, "dtype" or "missing").

    ``dtype`` is None where the store has no such column, and ``"unreadable"`` where it has one that cannot be
    read; ``missing`` is the percentage of rows without a value, NaN there.

    Examples
    --------
    >>> from mappedviz.audits.scan import scan_store
    >>> schema = obs_schema([scan_store("notebooks/data/pbmc5k_small_cd4_vs_cd8.h5ad")])
    >>> schema.loc["cell_type"].to_dict()
    {('pbmc5k_small_cd4_vs_cd8.h5ad', 'dtype'): 'category(2)', ('pbmc5k_small_cd4_vs_cd8.h5ad', 'missing'): 0.0}
    """
    import pandas as pd

    names = display_names([scan.path for scan in scans]) if names is None else names
    columns = dict.fromkeys(
        name for scan in scans if scan.store is not None for name in scan.store.facts.obs_columns
    )
    position = {name: i for i, name in enumerate(columns)}
    data: dict[tuple[str, str], Any] = {}
    for name, scan in zip(names, scans, strict=True):
        if scan.store is None:
            continue
        dtypes: list[str | None] = [None] * len(columns)
        missing = np.full(len(columns), np.nan)
        for column in scan.store.facts.obs_columns:
            at = position[column]
            facts = scan.obs.get(column)
            dtypes[at] = "unreadable" if facts is None else facts.dtype
            if facts is not None:
                missing[at] = 100 * facts.missing / max(scan.n_obs, 1)
        data[name, "dtype"] = np.array(dtypes, dtype=object)
        data[name, "missing"] = missing
    index = pd.Index(list(columns), name="column", dtype=object)
    table = pd.DataFrame(data, index=index)
    table.columns = pd.MultiIndex.from_tuples(list(data), names=["store", "what"])
    return table


def _column(scan: Scan, recipe: Recipe, key: str) -> str | None:
    assert scan.store is not None
    return column_of(recipe, key, scan.store.path, scan.store.facts.obs_columns)


def column_labels(scan: Scan, recipe: Recipe, key: str) -> Column | None:
    """The obs column of a store that stands for a key; None where it has none.

    Raises
    ------
    ElementError
        The column is malformed.
    """
    name = _column(scan, recipe, key)
    if name is None:
        return None
    if name in scan.columns:
        return scan.columns[name]
    assert scan.store is not None
    return scan.store.obs_column(name)


def label_counts(
    scan: Scan, recipe: Recipe, key: str, mask: Array | None = None
) -> StoreCounts | None:
    """Rows per label of one store; None where the column cannot be read."""
    name = _column(scan, recipe, key)
    if name is None:
        return scan.n_obs if mask is None else int(mask.sum())
    facts = scan.obs.get(name)
    if mask is None and facts is not None and facts.labels is not None:
        assert facts.counts is not None
        return facts.labels, facts.counts, facts.missing
    try:
        column = column_labels(scan, recipe, key)
    except Exception:  # told by a finding
        return None
    assert column is not None
    codes, categories = column.factorized()
    codes = codes if mask is None else codes[mask]
    return *counted(codes, categories), int((codes < 0).sum())


def label_table(
    scans: Sequence[Scan],
    key: str,
    recipe: Recipe | None = None,
    names: Sequence[str] | None = None,
    masks: Mapping[int, Array] | None = None,
) -> LabelTable:
    """How many rows of each class every store has; aliases and relabelling of the recipe apply.

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
    masks
        Position of a scan -> boolean mask (n_obs,) of the rows that count.

    Examples
    --------
    >>> from mappedviz.audits.scan import scan_store
    >>> label_table([scan_store("notebooks/data/pbmc5k_small_cd4_vs_cd8.h5ad")], "cell_type").total.to_dict()
    {'CD4_T': 250, 'CD8_T': 250}
    """
    recipe = recipe or Recipe()
    names = display_names([scan.path for scan in scans]) if names is None else names
    kept, parts = [], []
    for i, (name, scan) in enumerate(zip(names, scans, strict=True)):
        if scan.store is None:
            continue
        part = label_counts(scan, recipe, key, None if masks is None else masks.get(i))
        if part is not None:
            kept.append(name)
            parts.append(part)
    renames: dict[Label, Label | None] = dict(recipe.relabel.get(key, ()))
    return LabelTable.of(key, kept, parts, renames)


def library_sizes(
    scans: Sequence[Scan], key: str = "X", names: Sequence[str] | None = None
) -> pd.DataFrame:
    """Depth of sampled rows: DataFrame store, total, genes; a row a sampled row.

    ``total`` is the sum of a row, ``genes`` how many of its values are not zero.
    """
    import pandas as pd

    names = display_names([scan.path for scan in scans]) if names is None else names
    found = [
        (name, scan.samples[key])
        for name, scan in zip(names, scans, strict=True)
        if key in scan.samples
    ]
    return pd.DataFrame(
        {
            "store": np.repeat(
                np.array([name for name, _ in found], dtype=object), [s.rows for _, s in found]
            ),
            "total": np.concatenate([s.totals for _, s in found] or [np.empty(0)]),
            "genes": np.concatenate([s.genes for _, s in found] or [np.empty(0, np.int64)]),
        }
    )
