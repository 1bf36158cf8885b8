"""How long the audit takes and how much memory: prints a table; asserts nothing.

Run it with ``python tests/benchmarks/audit.py``; each case is measured in a process of its own.
The stores are written to a temporary folder first (about 1 GB), or to ``--data DIR`` and kept.
"Cold" means that the audit has seen nothing of the stores before; the operating system has their
files in memory. Importing pandas takes a quarter of a second and is not counted.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BARS = {
    "1,000 small stores, cold": "5 s",
    "1,000 small stores, again": "0.5 s",
    "10 stores × 200,000 cells × 30,000 genes, reading obs": "",
    "10 stores × 200,000 cells × 30,000 genes, audit beyond that": "3 s, 500 MB",
    "page of 5 stores × 400 obs columns": "5 s",
    "import, audit and page of the 5 stores of notebooks/data": "3 s",
    "30 stores × 600,000 cells with names": "20 s, 1.5 GB",
    "patterns, 200 stores × 60,000 genes": "0.3 s",
    "one column of 1,000,000 categories": "10 s, 1 GB",
    "repr of 100 stores": "0.15 s, 150 kB",
    "embedding, 5,000 cells of each of 5 stores": "1 s",
    "depth and mitochondrial share, 500 cells of each of 5 stores": "1 s",
    "one gene, 1,000 cells of each of 5 stores": "1 s",
    "one gene, 5,000 cells of each of 5 stores": "",
    "crosstab, 1,000,000 cells, 100,000 × 1,000 labels": "1 s",
    "stores to leave out together, 60 stores × 60,000 genes": "1 s",
}


def write_small(folder: Path, n: int = 1000) -> list[str]:
    """Stores of 100 cells × 2,000 genes, gzip-free, as anndata writes them."""
    import anndata as ad
    import pandas as pd
    from scipy import sparse

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    genes = [f"GENE{i}" for i in range(2000)]
    paths = []
    for i in range(n):
        path = folder / f"s{i:04d}.h5ad"
        paths.append(str(path))
        if path.exists():
            continue
        x = sparse.random(100, 2000, density=0.05, format="csr", dtype=np.float32, random_state=i)
        x.data = np.ceil(x.data * 5)
        obs = pd.DataFrame(
            {
                "cell_type": pd.Categorical(rng.choice(["B", "NK", "T"], 100)),
                "batch": pd.Categorical([f"b{i}"] * 100),
                "n_counts": rng.random(100),
                "donor": pd.Categorical(rng.choice(["d1", "d2"], 100)),
            },
            index=[f"c{i}_{j}" for j in range(100)],
        )
        var = pd.DataFrame({"gene_ids": [f"ENSG{j:011d}" for j in range(2000)]}, index=genes)
        ad.AnnData(x, obs=obs, var=var).write_h5ad(path)
    return paths


def write_large(folder: Path, n: int = 10, cells: int = 200_000, genes: int = 30_000) -> list[str]:
    """Stores with few values each, because the audit samples rows whatever they hold."""
    import anndata as ad
    import pandas as pd
    from scipy import sparse

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    paths = []
    for i in range(n):
        path = folder / f"l{i}.h5ad"
        paths.append(str(path))
        if path.exists():
            continue
        per_row = 30
        indices = np.sort(rng.integers(0, genes // per_row, (cells, per_row)), axis=1).astype(
            np.int32
        )
        indices += np.arange(per_row, dtype=np.int32) * (genes // per_row)
        x = sparse.csr_matrix(
            (
                rng.integers(1, 9, cells * per_row).astype(np.float32),
                indices.ravel(),
                np.arange(cells + 1) * per_row,
            ),
            shape=(cells, genes),
        )
        obs = pd.DataFrame(
            {
                "cell_type": pd.Categorical.from_codes(
                    rng.integers(0, 40, cells), [f"type {k}" for k in range(40)]
                ),
                "donor": pd.Categorical.from_codes(
                    rng.integers(0, 9, cells), [f"d{k}" for k in range(9)]
                ),
                "n_counts": rng.random(cells).astype(np.float32),
                "pct_mito": rng.random(cells).astype(np.float32),
            },
            index=[f"{i}_{k:07d}" for k in range(cells)],
        )
        shift = i * 300
        var = pd.DataFrame(index=[f"GENE{k + shift}" for k in range(genes)])
        ad.AnnData(x, obs=obs, var=var).write_h5ad(path)
    return paths


def write_cells(folder: Path, n: int = 5, cells: int = 20_000, genes: int = 20_000) -> list[str]:
    """Stores with 1,500 values in each cell, gzip, as anndata writes them, and two embeddings."""
    import anndata as ad
    import pandas as pd
    from scipy import sparse

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    paths = []
    for i in range(n):
        path = folder / f"c{i}.h5ad"
        paths.append(str(path))
        if path.exists():
            continue
        per_row = 1_500
        step = genes // per_row
        rows = rng.integers(0, step, (200, per_row)) + np.arange(per_row) * step
        indices = rows[rng.integers(0, 200, cells)].ravel().astype(np.int32)
        data = (rng.poisson(1.0, len(indices)) + 1).astype(np.float32)
        x = sparse.csr_matrix((data, indices, np.arange(cells + 1) * per_row), (cells, genes))
        obs = pd.DataFrame(
            {"cell_type": pd.Categorical(rng.choice([f"type {k}" for k in range(30)], cells))},
            index=[f"{i}_{k}" for k in range(cells)],
        )
        names = [f"GENE{k}" for k in range(genes - 13)] + [f"MT-{k}" for k in range(13)]
        obsm = {"X_umap": rng.normal(size=(cells, 2)), "X_pca": rng.normal(size=(cells, 50))}
        store = ad.AnnData(x, obs=obs, var=pd.DataFrame(index=names), obsm=obsm)
        store.write_h5ad(path, compression="gzip")
    return paths


def write_names(folder: Path, n: int = 30, cells: int = 600_000) -> list[str]:
    """Stores that are little more than names of cells: barcodes, with a suffix that is the store's."""
    import anndata as ad
    import pandas as pd
    from scipy import sparse

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    letters, paths = np.frombuffer(b"ACGT", dtype="S1"), []
    for i in range(n):
        path = folder / f"n{i}.h5ad"
        paths.append(str(path))
        if path.exists():
            continue
        barcodes = letters[rng.integers(0, 4, (cells, 16))].view("S16").ravel().astype("U16")
        indices = np.sort(rng.integers(0, 1000, (cells, 2)), axis=1) + np.array([0, 1000])
        data = rng.integers(1, 9, 2 * cells).astype(np.float32)
        x = sparse.csr_matrix((data, indices.ravel(), np.arange(cells + 1) * 2), (cells, 2000))
        label = pd.Categorical.from_codes(
            rng.integers(0, 40, cells), [f"type {k}" for k in range(40)]
        )
        names = pd.Index(np.char.add(barcodes, f"-1_s{i:02d}").astype(object))
        obs = pd.DataFrame({"cell_type": label}, index=names)
        var = pd.DataFrame(index=[f"GENE{k}" for k in range(2000)])
        ad.AnnData(x, obs=obs, var=var).write_h5ad(path)
    return paths


def write_columns(folder: Path, n: int = 5, columns: int = 400) -> list[str]:
    """Stores of 2,000 cells with many columns of obs: labels, numbers, booleans, gaps."""
    import anndata as ad
    import pandas as pd
    from scipy import sparse

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    cells, paths = 2_000, []
    for i in range(n):
        path = folder / f"columns{i}.h5ad"
        paths.append(str(path))
        if path.exists():
            continue
        made = {}
        for k in range(columns):
            kind = k % 4
            if kind == 0:
                made[f"label_{k}"] = pd.Categorical(rng.choice([f"c{j}" for j in range(12)], cells))
            elif kind == 1:
                made[f"score_{k}"] = np.where(
                    rng.random(cells) < 0.1, np.nan, rng.normal(size=cells)
                )
            elif kind == 2:
                made[f"count_{k}"] = rng.integers(0, 99, cells)
            else:
                made[f"flag_{k}"] = rng.random(cells) < 0.5
        obs = pd.DataFrame(made, index=[f"{i}_{k}" for k in range(cells)])
        x = sparse.random(cells, 500, 0.1, format="csr", dtype=np.float32, random_state=i)
        x.data = np.ceil(9 * x.data)
        var = pd.DataFrame(index=[f"GENE{k}" for k in range(500)])
        ad.AnnData(x, obs=obs, var=var).write_h5ad(path)
    return paths


def columns(folder: Path) -> dict[str, float]:
    import mappedviz as mv

    audit = mv.audit(write_columns(folder / "columns"), "label_0", progress=False)
    start = time.perf_counter()
    audit.to_html(folder / "columns.html")
    return {"page of 5 stores × 400 obs columns": time.perf_counter() - start}


def paged(folder: Path) -> dict[str, float]:
    """A process that imports, audits the real stores and writes the page: what a user waits for."""
    data = Path(__file__).parents[2] / "notebooks" / "data"
    code = (
        "import mappedviz as mv; "
        f"mv.audit({str(data)!r}, 'cell_type', progress=False).to_html({str(folder / 'five.html')!r})"
    )
    start = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
    return {"import, audit and page of the 5 stores of notebooks/data": time.perf_counter() - start}


def write_categories(folder: Path, n: int = 1_000_000) -> list[str]:
    """One store whose label has as many categories as cells."""
    import anndata as ad
    import pandas as pd
    from scipy import sparse

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "categories.h5ad"
    if not path.exists():
        label = pd.Categorical.from_codes(np.arange(n), [f"clone {k}" for k in range(n)])
        obs = pd.DataFrame({"clone": label}, index=[f"c{k}" for k in range(n)])
        x = sparse.csr_matrix((n, 10), dtype=np.float32)
        ad.AnnData(x, obs=obs).write_h5ad(path)
    return [str(path)]


def small(folder: Path) -> dict[str, float]:
    import mappedviz as mv

    paths = write_small(folder / "small")
    start = time.perf_counter()
    mv.audit(paths, "cell_type", progress=False)
    cold = time.perf_counter() - start
    start = time.perf_counter()
    mv.audit(paths, "cell_type", progress=False)
    return {
        "1,000 small stores, cold": cold,
        "1,000 small stores, again": time.perf_counter() - start,
    }


def large(folder: Path) -> dict[str, float]:
    import mappedviz as mv
    from mappedviz.stores.store import Store

    paths = write_large(folder / "large")
    start = time.perf_counter()
    for path in paths:
        store = Store(path)
        with store.session():
            for name in store.facts.obs_columns:
                store.obs_column(name)
            _ = store.obs_names
    reading = time.perf_counter() - start
    start = time.perf_counter()
    audit = mv.audit(paths, "cell_type", progress=False)
    audit.labels()
    audit.weights()
    return {
        "10 stores × 200,000 cells × 30,000 genes, reading obs": reading,
        "10 stores × 200,000 cells × 30,000 genes, audit beyond that": (
            time.perf_counter() - start - reading
        ),
    }


def named(folder: Path) -> dict[str, float]:
    import mappedviz as mv
    from mappedviz.audits import workers

    paths = write_names(folder / "names")
    start = time.perf_counter()
    mv.audit(paths, "cell_type", progress=False)
    seconds = time.perf_counter() - start
    workers._idle.end()  # so that its memory is counted
    return {"30 stores × 600,000 cells with names": seconds}


def patterns(folder: Path) -> dict[str, float]:
    from mappedviz.audits.tables.genes import Coverage

    rng = np.random.default_rng(0)
    names = np.array([f"g{i}" for i in range(60_000)], dtype=object)
    blocks = rng.random((12, 60_000)) < 0.7  # stores come in families
    lists = [
        np.flatnonzero(blocks[i % 12] & (rng.random(60_000) < 0.98)).astype(np.int32)
        for i in range(200)
    ]
    stores = [f"s{i}" for i in range(200)]
    kinds = ["symbol"] * 200
    start = time.perf_counter()
    Coverage.of_codes(stores, lists, list(range(200)), names, kinds=kinds)
    return {"patterns, 200 stores × 60,000 genes": time.perf_counter() - start}


def categories(folder: Path) -> dict[str, float]:
    import mappedviz as mv

    paths = write_categories(folder)
    start = time.perf_counter()
    audit = mv.audit(paths, "clone", progress=False)
    audit.labels().top(25)
    audit.weights()
    return {"one column of 1,000,000 categories": time.perf_counter() - start}


def shown(folder: Path) -> dict[str, float]:
    import mappedviz as mv

    paths = write_small(folder / "small")[:100]
    audit = mv.audit(paths, "cell_type", "batch", "donor", progress=False)
    start = time.perf_counter()
    html = audit._repr_html_()
    seconds = time.perf_counter() - start
    return {"repr of 100 stores": seconds, "kilobytes": len(html.encode()) / 1000}


def cells(folder: Path) -> dict[str, float]:
    import mappedviz as mv

    audit = mv.audit(write_cells(folder / "cells"), "cell_type", progress=False)
    found = {}
    for what, read in {
        "embedding, 5,000 cells of each of 5 stores": audit.embedding,
        "depth and mitochondrial share, 500 cells of each of 5 stores": audit.cell_stats,
        "one gene, 1,000 cells of each of 5 stores": lambda: audit.expression("GENE7", n=1_000),
        "one gene, 5,000 cells of each of 5 stores": lambda: audit.expression("GENE9"),
    }.items():
        start = time.perf_counter()
        read()
        found[what] = time.perf_counter() - start
    return found


def crosstabs(folder: Path) -> dict[str, float]:
    from mappedviz.audits.tables.crosstabs import crosstab
    from mappedviz.recipe.labels import Labels

    rng = np.random.default_rng(0)
    rows, columns = (
        Labels(rng.integers(-1, n, 1_000_000), tuple(f"{n}_{i}" for i in range(n)))
        for n in (100_000, 1_000)
    )
    start = time.perf_counter()
    crosstab(rows, columns, ("a", "b"), top_n=30, missing=True)
    seconds = time.perf_counter() - start
    return {"crosstab, 1,000,000 cells, 100,000 × 1,000 labels": seconds}


def leaving_out(folder: Path) -> dict[str, float]:
    from mappedviz.audits.tables.genes import Coverage

    rng = np.random.default_rng(0)
    lists = [np.flatnonzero(rng.random(60_000) < 0.98) for _ in range(60)]
    names = np.array([f"g{i}" for i in range(60_000)], dtype=object)
    coverage = Coverage.of_codes([f"s{i}" for i in range(60)], lists, list(range(60)), names)
    start = time.perf_counter()
    coverage.leave_out()
    seconds = time.perf_counter() - start
    return {"stores to leave out together, 60 stores × 60,000 genes": seconds}


CASES = {
    "small": small,
    "large": large,
    "names": named,
    "patterns": patterns,
    "categories": categories,
    "shown": shown,
    "columns": columns,
    "paged": paged,
    "cells": cells,
    "crosstabs": crosstabs,
    "leaving_out": leaving_out,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="where the stores lie, and are written if not")
    parser.add_argument("--case", choices=CASES, help="measure one case in this process, as JSON")
    parser.add_argument("--write", action="store_true", help="write the stores of the case only")
    options = parser.parse_args()
    if options.case:
        writers = {
            "small": write_small,
            "shown": write_small,
            "large": write_large,
            "cells": write_cells,
            "names": write_names,
            "columns": write_columns,
        }
        if options.write:
            paths: list[str] = []
            if options.case in writers:
                name = "small" if options.case == "shown" else options.case
                paths = writers[options.case](options.data / name)
            elif options.case == "categories":
                paths = write_categories(options.data)
            for path in paths:  # so that the disk is not what is measured
                Path(path).read_bytes()
            return
        import pandas  # noqa: F401 - importing is not what is measured

        import mappedviz.audits  # noqa: F401

        result = CASES[options.case](options.data)
        peak, worker = (
            resource.getrusage(who).ru_maxrss / 1024
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        size = result.pop("kilobytes", None)
        text = f"{peak:,.0f} MB"
        text += f", {worker:,.0f} MB per worker" if options.case in ("small", "names") else ""
        text += f"; {size:,.0f} kB of HTML" if size else ""
        print(json.dumps({"seconds": result, "memory": text}))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.data or Path(temporary)
        print("| what | measured | peak memory | bar |\n|---|---|---|---|")
        for case in CASES:
            command = [sys.executable, __file__, "--data", str(folder), "--case", case]
            subprocess.run([*command, "--write"], check=True, stderr=subprocess.DEVNULL)
            run = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(run.stdout)
            for what, seconds in found["seconds"].items():
                print(
                    f"| {what} | {seconds:.2f} s | {found['memory']} | {BARS[what]} |", flush=True
                )


if __name__ == "__main__":
    main()
