"""The collection the benchmark reads, written the way people write theirs.

Four stores of 50,000 cells by 20,000 genes, 18,000 of them in every store; 1,544 non-zero counts a
row on average, float32 CSR with int32 indices, a categorical ``cell_type`` with skewed classes.
Every file is made by anndata's own writers with the chunks that they choose, so that it looks like
a user's file. One store is in memory at a time, and what exists is not made twice.

Run it alone to fill a folder before a measurement::

    python tests/benchmarks/run.py generate --data DIR --formats plain,v3
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

FORMATS = ("plain", "gzip", "v2", "v3", "sharded")
LABEL = "cell_type"

# What each format is, in words for the tables.
FORMAT_WORDS = {
    "plain": "plain h5ad",
    "gzip": "gzip h5ad",
    "v2": "zarr v2 (blosc)",
    "v3": "zarr v3 (zstd)",
    "sharded": "sharded zarr v3 (blosc)",
}


@dataclasses.dataclass(frozen=True)
class Shape:
    """How large the collection is.

    Attributes
    ----------
    stores, cells, genes, shared
        Number of stores; cells and genes of each; genes that every store has.
    nnz
        Mean number of non-zero entries a row.
    classes
        Number of cell types over all stores.
    """

    stores: int = 4
    cells: int = 50_000
    genes: int = 20_000
    shared: int = 18_000
    nnz: int = 1_544
    classes: int = 20

    @property
    def key(self) -> str:
        """The name of the folder that holds collections of this shape."""
        return f"{self.stores}x{self.cells}x{self.genes}-{self.shared}-{self.nnz}"

    @property
    def union(self) -> int:
        """Number of genes of the outer join."""
        return self.shared + self.stores * (self.genes - self.shared)


PRESETS = {
    "full": Shape(),
    "small": Shape(cells=2_000),
    "tiny": Shape(cells=96, genes=400, shared=360, nnz=60, classes=5),
}


def gene_names(shape: Shape, store: int) -> np.ndarray:
    """The genes of one store: shared and private ones mixed, in one order that all stores keep."""
    return np.array([f"GENE{i:06d}" for i in _gene_numbers(shape, store)])


def _gene_numbers(shape: Shape, store: int) -> np.ndarray:
    rng = np.random.default_rng(7)  # the same for all stores: the shared genes are the same
    numbers = rng.permutation(shape.union)
    private = shape.genes - shape.shared
    mine = numbers[shape.shared + store * private : shape.shared + (store + 1) * private]
    return np.sort(np.r_[numbers[: shape.shared], mine])


def _scale(shape: Shape, share: np.ndarray, depth: np.ndarray) -> float:
    """The factor that makes the mean of min(0.97, factor * share * depth) the wanted density."""
    wanted = shape.nnz / shape.genes
    sample = np.quantile(depth, (np.arange(64) + 0.5) / 64)
    low, high = 1e-3, 1e3
    for _ in range(40):
        middle = (low * high) ** 0.5
        mean = np.minimum(0.97, middle * sample[:, None] * share[None, :]).mean()
        low, high = (middle, high) if mean < wanted else (low, middle)
    return float(low)


def counts(shape: Shape, store: int) -> Any:
    """One store's counts as CSR: few genes in most cells, most genes in few, depth log-normal."""
    from scipy import sparse

    rng = np.random.default_rng([11, store])
    share = np.random.default_rng(13).gamma(0.45, size=shape.union)[_gene_numbers(shape, store)]
    depth = rng.lognormal(0.0, 0.35, size=shape.cells).astype(np.float32)
    share = (share + 1e-3).astype(np.float32)
    share *= np.float32(_scale(shape, share, depth))
    spread = 0.25 + 3.0 * np.minimum(share, 1.0) ** 2  # frequent genes have larger counts
    top = np.float32(0.97 * 65_536)
    indptr = np.zeros(shape.cells + 1, np.int64)
    indices: list[np.ndarray] = []
    data: list[np.ndarray] = []
    step = max(1, 20_000_000 // shape.genes)
    for start in range(0, shape.cells, step):
        rows = depth[start : start + step]
        limit = np.minimum(top, np.multiply.outer(rows * np.float32(65_536), share))
        drawn = rng.integers(0, 65_536, limit.shape, dtype=np.uint16) < limit.astype(np.uint16)
        row, column = np.nonzero(drawn)
        indptr[start + 1 : start + 1 + len(rows)] = np.bincount(row, minlength=len(rows))
        indices.append(column.astype(np.int32))
        value = rng.standard_exponential(len(column), dtype=np.float32)
        data.append(np.floor(1.0 + value * spread[column]).astype(np.float32))
    np.cumsum(indptr, out=indptr)
    small = indptr if indptr[-1] > np.iinfo(np.int32).max else indptr.astype(np.int32)
    return sparse.csr_matrix(
        (np.concatenate(data), np.concatenate(indices), small), shape=(shape.cells, shape.genes)
    )


def observations(shape: Shape, store: int) -> Any:
    """Names, a skewed cell type (a rare one missing from the store), a donor, a depth."""
    import pandas as pd

    rng = np.random.default_rng([17, store])
    share = 1.0 / np.arange(1, shape.classes + 1) ** 1.3
    share[shape.classes - 1 - store % (shape.classes - 1)] = 0.0
    names = [f"type {i:02d}" for i in range(shape.classes)]
    label = rng.choice(shape.classes, size=shape.cells, p=share / share.sum())
    used, codes = np.unique(label, return_inverse=True)
    return pd.DataFrame(
        {
            LABEL: pd.Categorical.from_codes(codes, categories=[names[i] for i in used]),
            "donor": pd.Categorical(rng.choice([f"D{store}{i}" for i in range(4)], shape.cells)),
            "pct_mito": rng.random(shape.cells, dtype=np.float32),
        },
        index=[f"s{store}_c{i:06d}" for i in range(shape.cells)],
    )


def make_store(shape: Shape, store: int) -> Any:
    """One store in memory."""
    import anndata as ad
    import pandas as pd

    return ad.AnnData(
        counts(shape, store),
        obs=observations(shape, store),
        var=pd.DataFrame(index=gene_names(shape, store)),
    )


def _write_zarr(adata: Any, path: Path, zarr_format: int) -> None:
    import anndata as ad

    with ad.settings.override(zarr_write_format=zarr_format):
        adata.write_zarr(path)


def _write_sharded(adata: Any, path: Path) -> None:
    """Write chunks of 64 cells in one shard an array, blosc: annbatch's layout.

    anndata 0.12 has no sharded default of its own, and this is the layout of the sharded stores
    that exist: ``write_dispatched`` with the default arguments of ``annbatch.write_sharded``.
    """
    import anndata as ad
    import zarr

    per_chunk = max(1, int(min(64, adata.n_obs) * adata.X.nnz / adata.n_obs))

    def callback(
        write: Callable[..., None],
        store: Any,
        name: str,
        elem: Any,
        dataset_kwargs: dict[str, Any],
        *,
        iospec: Any,
    ) -> None:
        if iospec.encoding_type == "csr_matrix":
            dataset_kwargs = {
                **dataset_kwargs,
                "shards": (elem.nnz // per_chunk * per_chunk,),
                "chunks": (per_chunk,),
                "compressors": (zarr.codecs.BloscCodec(cname="lz4", clevel=3, shuffle="shuffle"),),
            }
        write(store, name, elem, dataset_kwargs=dataset_kwargs)

    with ad.settings.override(
        zarr_write_format=3,
        auto_shard_zarr_v3=True,
        write_csr_csc_indices_with_min_possible_dtype=True,
    ):
        group = zarr.open_group(path, mode="w", zarr_format=3)
        ad.experimental.write_dispatched(group, "/", adata, callback=callback)
        zarr.consolidate_metadata(group.store)


def write_as(adata: Any, path: Path, format: str) -> None:
    """Write one store in one of `FORMATS`."""
    if format == "plain":
        adata.write_h5ad(path)
    elif format == "gzip":
        adata.write_h5ad(path, compression="gzip")
    elif format == "sharded":
        _write_sharded(adata, path)
    else:
        _write_zarr(adata, path, {"v2": 2, "v3": 3}[format])


def suffix(format: str) -> str:
    """File name suffix of a format."""
    return ".h5ad" if format in ("plain", "gzip") else ".zarr"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Write beside the final name and rename: an interrupted run leaves nothing half made."""
    part = path.with_name("part-" + path.name)
    _remove(part)
    write(part)
    part.rename(path)


def free_bytes(path: Path) -> int:
    """Bytes free on the disk that holds `path`."""
    return shutil.disk_usage(path).free


def collection(
    data: Path, shape: Shape, format: str, say: Callable[[str], None] = lambda _: None
) -> list[str]:
    """The paths of the collection in one format, made where they are missing."""
    import anndata as ad

    folder = data / shape.key / format
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"store_{i}{suffix(format)}" for i in range(shape.stores)]
    missing = [i for i, path in enumerate(paths) if not path.exists()]
    if missing:
        plain = shape.cells * shape.nnz * 8 * len(missing)
        if free_bytes(folder) < 2 * plain:
            raise OSError(
                f"{folder}: {free_bytes(folder) / 1e9:.1f} GB free, about {2 * plain / 1e9:.1f} GB"
                " wanted for the benchmark's collection; give another --data or fewer --cells"
            )
    for i in missing:
        source = data / shape.key / "plain" / f"store_{i}.h5ad"
        say(f"making {paths[i]}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if format != "plain" and source.exists():
                adata = ad.read_h5ad(source)
            else:
                adata = make_store(shape, i)
            _atomically(paths[i], lambda part, a=adata: write_as(a, part, format))  # type: ignore[misc]
    return [str(path) for path in paths]


def many_small(
    data: Path, count: int, format: str, say: Callable[[str], None] = lambda _: None
) -> list[str]:
    """`count` small stores (100 cells, 2,000 genes, 1,800 shared), for the opening times."""
    shape = Shape(stores=count, cells=100, genes=2_000, shared=1_800, nnz=100, classes=8)
    return collection(data, shape, format, say)


def long_labels(
    data: Path, cells: int, stores: int = 4, say: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Stores of very many cells and next to no counts: for the label weights over `cells` rows."""
    import anndata as ad
    import pandas as pd
    from scipy import sparse

    folder = data / f"labels-{cells}"
    folder.mkdir(parents=True, exist_ok=True)
    shape = Shape(stores=stores, cells=cells // stores, genes=4, shared=4, nnz=1)
    paths = []
    for i in range(stores):
        path = folder / f"store_{i}.h5ad"
        paths.append(str(path))
        if path.exists():
            continue
        say(f"making {path}")
        obs = observations(shape, i)[[LABEL]]
        obs.index = pd.Index(np.arange(len(obs)).astype(str))
        adata = ad.AnnData(
            sparse.csr_matrix((len(obs), 4), dtype=np.float32),
            obs=obs,
            var=pd.DataFrame(index=list("abcd")),
        )
        _atomically(path, adata.write_h5ad)
    return paths


def facts(paths: Iterable[str]) -> dict[str, Any]:
    """What one collection really is: rows, mean and spread of nnz a row, bytes on disk."""
    import h5py
    import zarr

    rows, per_row, size, chunk = 0, [], 0, None
    for path in paths:
        if os.path.isdir(path):
            size += sum(f.stat().st_size for f in Path(path).rglob("*") if f.is_file())
            group: Any = zarr.open_group(path, mode="r")
        else:
            size += os.stat(path).st_size
            group = h5py.File(path, "r")
        indptr = np.asarray(group["X"]["indptr"][:])
        chunk = group["X"]["data"].chunks
        rows += len(indptr) - 1
        per_row.append(np.diff(indptr))
        if isinstance(group, h5py.File):
            group.close()
    every = np.concatenate(per_row)
    mean = max(1.0, float(every.mean()))
    return {
        "anndata": version("anndata"),
        "rows": rows,
        "nnz_mean": round(mean, 1),
        "nnz_5_95": [int(x) for x in np.percentile(every, [5, 95])],
        "gigabytes": round(size / 1e9, 2),
        "chunk": None if chunk is None else int(chunk[0]),
        "rows_per_chunk": None if chunk is None else round(chunk[0] / mean, 1),
    }


def write_facts(data: Path, shape: Shape, formats: Iterable[str]) -> dict[str, Any]:
    """`facts` of every format, kept beside the data."""
    path = data / shape.key / "facts.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    for format in formats:
        if format not in known:
            known[format] = facts(collection(data, shape, format))
    path.write_text(json.dumps(known, indent=1))
    return {format: known[format] for format in formats}
