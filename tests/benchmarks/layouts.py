"""Which layout of a store is read fastest at random, and how large it is: what ``mv.optimize`` writes, and why.

One store of the benchmark's collection (50,000 cells by 20,000 genes, 1,544 counts a row) is written in each
layout and read in true random batches of 128, from all of the store, with a cache of decoded chunks that holds a tenth of it::

    python -m tests.benchmarks.layouts --data DIR
    python -m tests.benchmarks.layouts --data DIR --only 'copy*,plain' --turns 5

The layouts take turns; a figure is the median of the turns, and its ratio that of the medians. Quote ratios: the machine may
be busy with something else.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import generate

BASE = "plain h5ad"
#: Bytes of decoded chunks that are kept: less than the store has.
CACHE_BYTES = 64 << 20
BATCH = 128


def _h5ad(chunk: int, **how: Any) -> Callable[[Any, Path, Path], None]:
    """anndata's own writer, and X written again in chunks of some size."""

    def write(adata: Any, source: Path, path: Path) -> None:
        import h5py

        without(adata).write_h5ad(path)
        with h5py.File(path, "r+") as file:
            group = _new_x(file, adata, np.array(adata.shape))
            for name in ("data", "indices"):
                values = _narrow_indices(adata, name)
                group.create_dataset(
                    name, data=values, chunks=(min(chunk, len(values)),), shuffle=True, **how
                )

    return write


def _zarr3(chunk: int, compressor: Callable[[], Any]) -> Callable[[Any, Path, Path], None]:
    """zarr v3, one shard an array, inner chunks of some size."""

    def write(adata: Any, source: Path, path: Path) -> None:
        import anndata as ad
        import zarr

        with ad.settings.override(zarr_write_format=3):
            without(adata).write_zarr(path)
        root = zarr.open_group(path, mode="r+")
        group = _new_x(root, adata, list(adata.shape))
        for name in ("data", "indices"):
            values = _narrow_indices(adata, name)
            group.create_array(
                name,
                shape=values.shape,
                dtype=values.dtype,
                chunks=(chunk,),
                shards=((len(values) // chunk + 1) * chunk,),
                compressors=compressor(),
            )[:] = values
        zarr.consolidate_metadata(path)

    return write


def _new_x(root: Any, adata: Any, shape: Any) -> Any:
    if "X" in root:
        del root["X"]
    group = root.create_group("X")
    group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": shape})
    put = getattr(group, "create_array", None) or group.create_dataset
    put("indptr", data=adata.X.indptr)
    return group


def _narrow_indices(adata: Any, name: str) -> np.ndarray:
    values = getattr(adata.X, name)
    return values.astype(np.uint16) if name == "indices" else values


def without(adata: Any) -> Any:
    """The store without its matrix."""
    import anndata as ad

    return ad.AnnData(obs=adata.obs, var=adata.var)


def _copy(**how: Any) -> Callable[[Any, Path, Path], None]:
    """Ours."""

    def write(adata: Any, source: Path, path: Path) -> None:
        import mappedviz as mv

        folder = path.parent / f"{path.name}.made"
        [made] = mv.optimize(source, folder, progress=False, **how).paths
        Path(made).rename(path)

    return write


def _lz4() -> Any:
    from zarr.codecs import BloscCodec

    return BloscCodec(cname="lz4", clevel=3, shuffle="shuffle")


def _bits() -> Any:
    from zarr.codecs import BloscCodec

    return BloscCodec(cname="lz4", clevel=3, shuffle="bitshuffle")


def _zstd() -> Any:
    from zarr.codecs import ZstdCodec

    return ZstdCodec(level=3)


#: Rows have 1,544 values: chunks of about one row, ten rows, 64 rows.
LAYOUTS: dict[str, tuple[str, Callable[[Any, Path, Path], None]]] = {
    BASE: (".h5ad", lambda adata, source, path: path.hardlink_to(source)),
    "h5ad lzf+shuffle, 2,048": (
        ".h5ad", _h5ad(2_048, compression="lzf")),
    "h5ad lzf+shuffle, 16,384": (
        ".h5ad", _h5ad(16_384, compression="lzf")),
    "h5ad gzip(1)+shuffle, 2,048": (
        ".h5ad", _h5ad(2_048, compression="gzip", compression_opts=1)),
    "h5ad gzip(1)+shuffle, 16,384": (
        ".h5ad", _h5ad(16_384, compression="gzip", compression_opts=1)),
    "zarr v3 blosc(lz4), 2,048": (".zarr", _zarr3(2_048, _lz4)),
    "zarr v3 blosc(lz4), 16,384": (".zarr", _zarr3(16_384, _lz4)),
    "zarr v3 blosc(lz4), 98,816": (".zarr", _zarr3(98_816, _lz4)),
    "zarr v3 blosc(lz4, bits), 16,384": (".zarr", _zarr3(16_384, _bits)),
    "zarr v3 zstd(3), 2,048": (".zarr", _zarr3(2_048, _zstd)),
    "zarr v3 zstd(3), 16,384": (".zarr", _zarr3(16_384, _zstd)),
    "copy h5ad, types kept": (".h5ad", _copy(format="h5ad")),
    "copy h5ad, small types": (".h5ad", _copy(format="h5ad", keep_dtype=False)),
    "copy zarr (default)": (".zarr", _copy()),
}  # fmt: skip


def stores(data: Path, shape: generate.Shape, only: Sequence[str]) -> dict[str, Path]:
    """The store in each layout, made where it is missing."""
    import anndata as ad

    folder = data / f"layouts-{shape.key}"
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "source.h5ad"
    if not source.exists():
        say(f"making {source}")
        generate.write_as(generate.make_store(shape, 0), source, "plain")
    paths: dict[str, Path] = {}
    adata = None
    for name, (suffix, write) in LAYOUTS.items():
        if only and not any(fnmatch.fnmatch(name, one) for one in only):
            continue
        safe = "".join(sign if sign.isalnum() else "_" for sign in name)
        path = paths[name] = folder / f"{safe}{suffix}"
        if not path.exists():
            say(f"making {path}")
            adata = ad.read_h5ad(source) if adata is None else adata
            part = path.with_name(f"part-{path.name}")
            generate._remove(part)
            write(adata, source, part)
            part.rename(path)
    return paths


def size_of(path: Path) -> int:
    """Bytes on disk."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def _random_batches(ds: Any, *, sparse: bool) -> Iterator[int]:
    """Batches one by one, as a map-style dataset is asked for them."""
    rng = np.random.default_rng(0)
    while True:
        yield len(ds.read_rows(rng.integers(0, len(ds), BATCH), sparse=sparse))


def _loader(ds: Any, *, sparse: bool) -> Iterator[int]:
    """The own loader: batches are read ahead on threads."""
    from mappedviz import batches

    while True:
        for batch in batches(ds, batch_size=BATCH, shuffle=True, seed=0, sparse=sparse):
            yield len(batch)


WAYS: dict[str, tuple[Callable[..., Iterator[int]], bool]] = {
    "loader, dense": (_loader, False),
    "loader, CSR": (_loader, True),
    "batch by batch, dense": (_random_batches, False),
    "batch by batch, CSR": (_random_batches, True),
}


def rate(path: Path, way: str, seconds: float) -> float:
    """Cells a second."""
    from mappedviz import MappedCollection

    read, sparse = WAYS[way]
    # In one type, whatever the store has: the same work for all.
    with MappedCollection(str(path), cache_bytes=CACHE_BYTES, dtype="float32") as ds:
        batches = read(ds, sparse=sparse)
        for _ in range(4):
            next(batches)
        begin, n = time.perf_counter(), 0
        while (spent := time.perf_counter() - begin) < seconds:
            n += next(batches)
        batches.close()
    return n / spent


def measure(paths: dict[str, Path], turns: int, seconds: float) -> dict[str, dict[str, float]]:
    """Medians by layout and way of reading."""
    found: dict[tuple[str, str], list[float]] = {}
    for turn in range(turns):
        for name, path in paths.items():
            for way in WAYS:
                found.setdefault((name, way), []).append(rate(path, way, seconds))
            say(
                f"{turn + 1}/{turns} {name}: {found[name, 'loader, dense'][-1]:,.0f} cells a second"
            )
    return {name: {way: statistics.median(found[name, way]) for way in WAYS} for name in paths}


def table(paths: dict[str, Path], rates: dict[str, dict[str, float]]) -> str:
    """Ratios to the plain file, as Markdown."""
    lines = [
        "| layout | size | " + " | ".join(WAYS) + " |",
        "|---|--:|" + "--:|" * len(WAYS),
    ]
    base, size = rates[BASE], size_of(paths[BASE])
    for name, path in paths.items():
        ratios = [
            f"{base[way]:,.0f}/s" if name == BASE else f"{rates[name][way] / base[way]:.2f}"
            for way in WAYS
        ]
        share = f"{size / 1e6:,.0f} MB" if name == BASE else f"{100 * size_of(path) / size:.0f} %"
        lines.append(f"| {name} | {share} | {' | '.join(ratios)} |")
    return "\n".join(lines)


def say(text: str) -> None:
    """Progress, beside the table."""
    print(text, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.layouts", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the stores, kept")
    parser.add_argument("--cells", type=int, default=50_000)
    parser.add_argument("--preset", choices=tuple(generate.PRESETS), default="full")
    parser.add_argument(
        "--only", default="", help=f"layouts, comma separated, * allowed; {BASE} always"
    )
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one measurement")
    args = parser.parse_args(argv)
    shape = dataclasses.replace(generate.PRESETS[args.preset], stores=1)
    if args.preset == "full":
        shape = dataclasses.replace(shape, cells=args.cells)
    only = [BASE, *args.only.split(",")] if args.only else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = stores(args.data, shape, only)
    for path in paths.values():  # the page cache has it, as far as it can
        for file in path.rglob("*") if path.is_dir() else [path]:
            if file.is_file():
                file.read_bytes()
    print(table(paths, measure(paths, args.turns, args.seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
