"""Use an installed mappedviz on real stores: what `make wheel` tries in an empty environment.

    python smoke.py FOLDER [WHERE IT MUST BE INSTALLED]

Prints the file of the compiled core.
"""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import mappedviz
from mappedviz import native

KEY = "cell_type"
ALIAS = {KEY: ["cell_type", "bulk_labels", "louvain", "cell_type_annotations"]}


def main(folder: Path, place: Path | None) -> None:
    """Open every store of a folder as one collection and read it in each way."""
    if place is not None:
        where = Path(mappedviz.__file__).resolve()
        assert place.resolve() in where.parents, f"{where} is not below {place}"
        compilers = [name for name in ("cc", "c++", "gcc", "g++", "clang") if shutil.which(name)]
        assert not compilers, f"a compiler is there: {compilers}"
    paths = sorted(
        path for path in folder.iterdir() if path.name.endswith((".h5ad", ".zarr", ".zarr.zip"))
    )
    ds = mappedviz.MappedCollection(paths, obs_keys=KEY, obs_alias=ALIAS)
    rows = np.random.default_rng(0).integers(0, len(ds), 64)
    one = ds[int(rows[0])]
    batch = ds[rows]
    sparse = ds.read_rows(rows, sparse=True)
    assert one["X"].shape == (ds.n_vars,)
    assert batch["X"].shape == (64, ds.n_vars)
    np.testing.assert_array_equal(batch["X"][0], one["X"])
    np.testing.assert_array_equal(sparse["X"].toarray(), batch["X"])
    steps = [next(iter(mappedviz.batches(ds, batch_size=32, shuffle=True)))]
    if find_spec("torch"):
        steps.append(next(iter(mappedviz.dataloader(ds, batch_size=32, shuffle=True))))
    for step in steps:
        assert tuple(step["X"].shape) == (32, ds.n_vars)
        assert len(step[KEY]) == 32
    ds.close()
    for species in mappedviz.genes.PACKAGED:
        assert len(mappedviz.genes.table(species)) > 80_000
    print(native.path())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
