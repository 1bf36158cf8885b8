"""Tables of stores: what each holds, what its obs columns are, how deep its rows are.

DataFrames with documented columns, made of scans; no figures, no widgets.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.audits.tables.frames import plain_text
from mappedviz.recipe.recipe import Recipe
from mappedviz.text.addresses import absolute, base_name

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.samples import MatrixSample
    from mappedviz.audits.scan import Scan

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
    "x_mito": "median share of mitochondrial genes in sampled cells, 0 … 1; NaN where it is not known",
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
    names = [base_name(path) or (Path(path).parts or (path,))[-1] for path in paths]
    if len(set(names)) == len(names):
        return names
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
    """One row per store: shape, where X is and what, size, layers, status.

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
    >>> from mappedviz.audits.reading import scan_store
    >>> from mappedviz.datasets import demo
    >>> table = stores_table([scan_store(demo() / "berlin.h5ad")])
    >>> table[["kind", "X", "x_scale", "status"]].iloc[0].tolist()
    ['h5ad', 'csr float32 gzip(4)', 'counts', 'ok']
    """
    import pandas as pd

    rows = [_store_row(scan) for scan in scans]
    names = display_names([scan.path for scan in scans]) if names is None else names
    table = plain_text(pd.DataFrame(rows, columns=list(STORE_COLUMNS)))
    table.index = pd.Index(list(names), name="store", dtype=object)
    whole = ["n_obs", "n_vars", "nnz", "nbytes", "raw_n_vars"]
    table[whole] = table[whole].astype("Int64")
    for column in ("density", "x_mito"):
        table[column] = table[column].astype(float)
    table["raw"] = table["raw"].astype(bool)
    return table


def _store_row(scan: Scan) -> dict[str, Any]:
    if scan.store is None:
        return {
            "path": absolute(scan.path),
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
        "X": None if x is None else f"{x.kind} {_name_of(x.dtype)} {x.codec}",
        "x_kind": None if x is None else x.kind,
        "x_dtype": None if x is None else _name_of(x.dtype),
        "x_codec": None if x is None else x.codec,
        "x_chunks": None if x is None else x.chunks,
        "x_scale": None if sample is None else sample.scale,
        "x_mito": _median(sample),
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


@lru_cache(256)
def _name_of(dtype: np.dtype[Any]) -> str:
    """The name of a type: numpy puts it together each time, which is most of the time of this table."""
    return str(dtype)


def _median(sample: MatrixSample | None) -> float | None:
    if sample is None or sample.mito is None:
        return None
    known = sample.mito[~np.isnan(sample.mito)]
    return float(np.median(known)) if len(known) else None


def obs_schema(scans: Sequence[Scan], names: Sequence[str] | None = None) -> pd.DataFrame:
    """Types and gaps of the obs columns of each store: DataFrame column × (store, "dtype" or "missing").

    ``dtype`` is None where the store has no such column, and ``"unreadable"`` where it has one that cannot be
    read; ``missing`` is the percentage of rows without a value, NaN there.

    Examples
    --------
    >>> from mappedviz.audits.reading import scan_store
    >>> from mappedviz.datasets import demo
    >>> schema = obs_schema([scan_store(demo() / "berlin.h5ad")])
    >>> schema.loc["cell_type"].to_dict()
    {('berlin.h5ad', 'dtype'): 'category(8)', ('berlin.h5ad', 'missing'): 0.0}
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
    table = plain_text(pd.DataFrame(data, index=index))
    table.columns = pd.MultiIndex.from_tuples(list(data), names=["store", "what"])
    return table


def library_sizes(
    scans: Sequence[Scan],
    key: str = "X",
    names: Sequence[str] | None = None,
    recipe: Recipe | None = None,
) -> pd.DataFrame:
    """Depth of sampled rows: DataFrame store, total, genes, mito, one row per sampled row.

    ``total`` is the sum of a row, ``genes`` how many of its values are not zero, ``mito`` the share of
    mitochondrial genes in its counts (0 … 1; NaN where it is not known).
    """
    import pandas as pd

    names = display_names([scan.path for scan in scans]) if names is None else names
    reads = recipe or Recipe()
    sampled = ((name, scan.sample(reads, key)) for name, scan in zip(names, scans, strict=True))
    found = [(name, sample) for name, sample in sampled if sample is not None]
    stores = np.array([name for name, _ in found], dtype=object)
    table = pd.DataFrame(
        {
            "store": np.repeat(stores, [s.rows for _, s in found]),
            "total": np.concatenate([s.totals for _, s in found] or [np.empty(0)]),
            "genes": np.concatenate([s.genes for _, s in found] or [np.empty(0, np.int64)]),
            "mito": np.concatenate(
                [np.full(s.rows, np.nan) if s.mito is None else s.mito for _, s in found]
                or [np.empty(0)]
            ),
        }
    )
    return plain_text(table)
