"""What is asked of both sides: collections of stores, and requests to each."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

ROOT = Path(__file__).resolve().parent.parent.parent
NAN = {"nan": 1}
JOINS = ("inner", "outer", None)

# Columns of `coded_anndata`, one of every kind.
CODED = [
    "cell_type", "batch", "origin", "stage", "cluster", "donor", "n_genes", "level", "score",
    "score32", "doublet", "age", "treated", "note",
]  # fmt: skip


@dataclass
class Collection:
    """Some stores, and what is worth asking of them.

    Attributes
    ----------
    labels
        Columns that are read and encoded.
    plain
        Columns that are read without being encoded.
    brief
        Only the requests that depend on how a store is written.
    """

    name: str
    paths: list[str]
    labels: list[str] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    obsm: list[str] = field(default_factory=list)
    brief: bool = False


def _genes(start: int, stop: int, order: int = 1) -> list[str]:
    return [f"g{i:02d}" for i in range(start, stop)][::order]


def coded_collections(folder: Path) -> Iterator[Collection]:
    """Generated stores, whose numbers say where they come from."""

    def write(kind: str, name: str, adata: Any) -> str:
        return str(STORE_KINDS[kind](adata, folder / name))

    def three(**more: Any) -> list[Any]:
        return [
            coded_anndata(0, 19, genes=_genes(0, 14), **more),
            coded_anndata(
                1, 23, genes=_genes(4, 20, -1), labels=("T cell", "B cell", "ILC"), **more
            ),
            coded_anndata(2, 17, genes=_genes(2, 16), labels=("NK cell", "T cell"), **more),
        ]

    kinds = ("h5ad", "zarr-v2", "h5ad-gzip")
    full = [write(k, f"full{i}", a) for i, (k, a) in enumerate(zip(kinds, three(), strict=True))]
    everything: dict[str, Any] = {
        "plain": CODED,
        "layers": ["X", "counts", "scaled"],
        "obsm": ["X_pca", "sparse"],
    }
    yield Collection("coded", full, ["cell_type", "batch", "donor"], **everything)
    same = [coded_anndata(i, 11 + i, genes=_genes(0, 9, -1)) for i in range(3)]
    yield Collection(
        "same genes",
        [write("h5ad", f"same{i}", a) for i, a in enumerate(same)],
        ["cell_type", "donor"],
        **everything,
    )
    complete = [write("h5ad", f"complete{i}", a) for i, a in enumerate(three(missing=0))]
    yield Collection("nothing missing", complete, CODED, **everything)
    lacking = three()
    lacking[1].obs = lacking[1].obs.drop(columns=["cell_type", "score", "age"])
    del lacking[1].layers["counts"], lacking[2].layers["scaled"], lacking[0].obsm["sparse"]
    yield Collection(
        "keys absent somewhere",
        [write("h5ad", f"lacking{i}", a) for i, a in enumerate(lacking)],
        ["cell_type", "batch"],
        **everything,
    )
    apart = [coded_anndata(0, 8, genes=_genes(0, 5)), coded_anndata(1, 8, genes=_genes(6, 9))]
    yield Collection(
        "nothing shared", [write("h5ad", f"apart{i}", a) for i, a in enumerate(apart)], ["batch"]
    )
    yield Collection("one store", full[:1], ["cell_type"], **everything)
    dtypes = ("float64", "int32", "uint16")
    mixed = [
        coded_anndata(i, 9, genes=_genes(i, 10 + i), dtype=t, format=f, plain=True)
        for i, (t, f) in enumerate(zip(dtypes, ("csr", "dense", "csr"), strict=True))
    ]
    yield Collection(
        "types of X", [write("h5ad", f"types{i}", a) for i, a in enumerate(mixed)], ["cell_type"]
    )
    other = write("h5ad", "other", coded_anndata(9, 13, genes=_genes(3, 15)))
    for kind in STORE_KINDS:
        adata = coded_anndata(0, 19, genes=_genes(0, 14))
        path = write(kind, f"kind-{kind}", adata)
        yield Collection(
            f"kind {kind}",
            [path, other],
            ["cell_type", "donor"],
            CODED,
            ["X", "counts"],
            ["X_pca"],
            brief=True,
        )


def real_collections(local: Path | None) -> Iterator[Collection]:
    """The demo collection, and other real stores where they are at hand."""
    demo = ROOT / "notebooks" / "data"
    labels = {
        "10x_pbmc68k_reduced.h5ad": ["bulk_labels", "louvain"],
        "pbmc3k_processed.v3sharded.zarr": ["louvain"],
        "pbmc5k_small_cd4_vs_cd8.h5ad": ["cell_type"],
        "spectra_breast_immune.h5ad": ["cell_type_annotations"],
    }
    stores = [str(demo / name) for name in labels]
    yield Collection("demo", stores, ["louvain", "bulk_labels", "cell_type"], ["n_genes"])
    for name, keys in labels.items():
        yield Collection(f"demo {name}", [str(demo / name)], keys, obsm=["X_pca"])
    if local is None:
        return
    for path in sorted(local.rglob("*")):
        if path.suffix in (".h5ad", ".zarr") and path.parent.suffix != ".zarr":
            yield Collection(
                f"local {path.name}", [str(path)], _some_columns(path), [], ["X", "raw.X"]
            )


def _some_columns(path: Path) -> list[str]:
    """Up to four categorical columns of a store."""
    import anndata as ad

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = ad.read_h5ad(path, backed="r") if path.suffix == ".h5ad" else ad.read_zarr(path)
    found = [c for c in read.obs.columns if isinstance(read.obs[c].dtype, pd.CategoricalDtype)]
    return [str(c) for c in found[:4]]


def requests(collection: Collection) -> Iterator[dict[str, Any]]:
    """All cases of one collection, as `side.main` reads them."""
    c = collection

    def case(name: str, labels: list[str] | None = None, weights: Any = (), **kwargs: Any) -> Any:
        return {
            "id": f"{c.name}: {name}",
            "paths": c.paths,
            "kwargs": kwargs,
            "labels": labels or [],
            "weights": list(weights),
            "non_aligned": [["g00", "g01"]],
        }

    every = [*c.labels, *(k for k in c.plain if k not in c.labels)]
    for join in JOINS:
        yield case(f"join {join}", join=join)
        yield case(f"join {join}, labels", join=join, obs_keys=c.labels, labels=c.labels)
    weights = [*every, *([c.labels[:2]] if len(c.labels) > 1 else [])]
    some = c.labels[0] if c.labels else None
    if every:
        yield case("not encoded", obs_keys=every, encode_labels=False, labels=every, join="outer")
        # Weights and merged labels do not need the key loaded.
        yield case("weights", labels=every, weights=weights, join="outer")
        for key in () if c.brief else c.plain:
            yield case(f"encoded {key}", obs_keys=key, labels=[key], weights=[key], join="outer")
    if some is None:
        return
    loaded: dict[str, Any] = {"obs_keys": c.labels, "join": "outer"}
    if c.brief:
        yield case("layers", layers_keys=[*c.layers, "raw.X"], **loaded)
        yield case("obsm", obsm_keys=c.obsm, **loaded)
        yield case("filter", obs_filter={some: ["T cell", "B cell"]}, **loaded)
        return
    yield case("not cached", **loaded, cache_categories=False, labels=c.labels)
    yield case("parallel", **loaded, parallel=True, labels=c.labels)
    yield case("one encoded", **loaded, encode_labels=[some], labels=c.labels)
    yield case("none encoded", **loaded, encode_labels=[])
    yield case("encoded but not loaded", **loaded, encode_labels=["absent"])
    for unknown in ("T cell", "nobody", {some: "B cell"}, {"absent": "B cell"}):
        yield case(f"unknown {unknown}", **loaded, unknown_label=unknown)
    filters: list[Any] = [
        {some: "T cell"}, {some: ["T cell", "B cell"]}, {some: {"tuple": ["T cell", "ILC"]}},
        {some: "nobody"}, {some: NAN}, {some: ["T cell", NAN]}, {"absent": "x"},
    ]  # fmt: skip
    if "n_genes" in c.plain:
        filters += [{"n_genes": [0, 3, 6]}, {"cell_type": ["T cell", "B cell"], "doublet": False}]
    for wanted in filters:
        yield case(f"filter {wanted}", **loaded, obs_filter=wanted, labels=[some], weights=[some])
    for dtype in ("float32", "float64", "int32"):
        yield case(f"dtype {dtype}", **loaded, dtype=dtype)
    for join in JOINS:
        for key in [*c.layers, "raw.X"] if c.layers else []:
            yield case(f"layer {key}, join {join}", layers_keys=key, join=join)
    if c.layers:
        yield case("layers", layers_keys=[*c.layers, "raw.X"], **loaded)
        yield case("layer absent", layers_keys=["X", "absent"], **loaded)
    for key in c.obsm:
        yield case(f"obsm {key}", obsm_keys=key, join="outer")
        yield case(f"obsm {key} float64", obsm_keys=[key], join="outer", dtype="float64")
    if c.name == "coded":
        yield case("obsm frame", obsm_keys="frame", join="outer")
        yield case("join left", join="left")
        yield case("key absent everywhere", obs_keys=["cell_typ"], join="outer")
        yield case("obsm absent everywhere", obsm_keys=["X_umap"], join="outer")
