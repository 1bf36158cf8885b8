"""Models of scvi-tools by their own path and by ours: ELBO and accuracy side by side; asserts nothing.

``python -m tests.benchmarks.scvi_models`` prints the table of docs/scvi.md: one part compares ELBOs of all models,
the other the labels that SCANVI finds for cells that have none. "Own" is ``setup_anndata`` on all
cells in memory, "ours" the data module; "one dict" is the same without pairs of batches, as other loaders
are. Three stores of 100 cells and 40 genes, one donor each, half of them labelled. Means over ``--seeds``;
each seed is another collection, too.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

ELBO_EPOCHS = 30
SCANVI_EPOCHS = (10, 25, 60)
SMALL = {"n_latent": 4}
COVARIATES = {"categorical_covariate_keys": ["chemistry"], "continuous_covariate_keys": ["mito"]}


def collection(folder: Path, seed: int) -> Any:
    """Three stores of counts, as a collection."""
    from mappedviz import MappedCollection
    from tests.scvi.conftest import cells

    folder.mkdir(parents=True, exist_ok=True)
    for i in range(3):
        cells(i, seed=seed).write_h5ad(folder / f"{i}.h5ad")
    return MappedCollection(folder)


def in_memory(ds: Any) -> Any:
    """All cells, as an AnnData with the columns that models ask for."""
    adata = ds.to_anndata()
    for key in ("donor", "label", "chemistry", "mito"):
        adata.obs[key] = ds.obs(columns=[key])[key].to_numpy()
    return adata


def fit(model: Any, epochs: int, **options: Any) -> Any:
    """Train on one thread, without a word."""
    with contextlib.redirect_stdout(io.StringIO()):
        model.train(
            max_epochs=epochs,
            accelerator="cpu",
            enable_progress_bar=False,
            check_val_every_n_epoch=1,
            **options,
        )
    return model


def own_model(name: str, ds: Any, seed: int, epochs: int) -> Any:
    """Return a model by scvi-tools' own path, trained."""
    import scvi

    cls, options = _class(name)
    adata = in_memory(ds)
    if name == "SCANVI":
        cls.setup_anndata(adata, "label", "Unknown", batch_key="donor")
    elif name == "MRVI":
        cls.setup_anndata(adata, sample_key="donor", batch_key="chemistry")
    else:
        keys = {} if name == "LinearSCVI" else COVARIATES
        cls.setup_anndata(adata, batch_key="donor", **keys)
    scvi.settings.seed = seed
    return fit(cls(adata, **options), epochs, train_size=0.9)


def our_model(name: str, ds: Any, seed: int, epochs: int, *, pairs: bool = True) -> tuple[Any, Any]:
    """Return a model by a data module, trained, and the data module."""
    import scvi

    from mappedviz.scvi import DataModule

    cls, options = _class(name)
    if name == "SCANVI":
        data = DataModule(ds, "donor", "label", seed=seed)
    elif name == "MRVI":
        data = DataModule(ds, "chemistry", sample_key="donor", seed=seed)
    else:
        data = DataModule(ds, "donor", seed=seed, **({} if name == "LinearSCVI" else COVARIATES))
    if not pairs:
        data._in_pairs = lambda: False  # type: ignore[method-assign]
    scvi.settings.seed = seed
    return fit(data.model(cls, **options), epochs, datamodule=data), data


def _class(name: str) -> tuple[Any, dict[str, Any]]:
    import scvi

    if name == "MRVI":
        torch_one = getattr(scvi.external, "TorchMRVI", scvi.external.MRVI)
        return torch_one, {}
    return getattr(scvi.model, name), SMALL


def _elbos(model: Any) -> list[float]:
    return [float(model.history[f"elbo_{part}"].iloc[-1, 0]) for part in ("train", "validation")]


def elbo_rows(folder: Path, seeds: Iterable[int]) -> list[str]:
    """Lines of the table of ELBOs."""
    lines = [
        f"| {ELBO_EPOCHS} epochs | own: train | ours: train | own: validation | ours: validation |",
        "|---|---|---|---|---|",
    ]
    for name in ("SCVI", "LinearSCVI", "PEAKVI", "SCANVI", "MRVI"):
        found = []
        for seed in seeds:
            ds = collection(folder / str(seed), seed)
            own = _elbos(own_model(name, ds, seed, ELBO_EPOCHS))
            ours = _elbos(our_model(name, ds, seed, ELBO_EPOCHS)[0])
            found.append([own[0], ours[0], own[1], ours[1]])
            _say(f"{name}, seed {seed}")
        means = np.mean(found, axis=0)
        lines.append(f"| {name} | " + " | ".join(f"{value:.1f}" for value in means) + " |")
    return lines


def accuracy_rows(folder: Path, seeds: Iterable[int]) -> list[str]:
    """Lines of the table of accuracies: right labels of cells that have none."""
    lines = [
        "| SCANVI | own | ours | one dict per batch |",
        "|---|---|---|---|",
    ]
    for epochs in SCANVI_EPOCHS:
        found = []
        for seed in seeds:
            ds = collection(folder / str(seed), seed)
            truth = ds.get_merged_labels("truth").astype(str)
            hidden = ds.get_merged_labels("label") == "Unknown"
            predictions = [np.asarray(own_model("SCANVI", ds, seed, epochs).predict())]
            for pairs in (True, False):
                model, data = our_model("SCANVI", ds, seed, epochs, pairs=pairs)
                predictions.append(model.predict(dataloader=data.inference_dataloader()))
            found.append([np.mean(one[hidden] == truth[hidden]) for one in predictions])
            _say(f"SCANVI, {epochs} epochs, seed {seed}")
        cells = [
            f"{np.mean(some):.1%} ({min(some):.1%} – {max(some):.1%})"
            for some in np.array(found).T.tolist()
        ]
        lines.append(f"| {epochs} epochs | " + " | ".join(cells) + " |")
    return lines


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="how many (default: 3)")
    seeds = range(parser.parse_args().seeds)
    warnings.simplefilter("ignore")
    import scvi
    import torch

    torch.set_num_threads(1)
    for name in ("lightning.pytorch", "lightning.fabric", "scvi"):
        logging.getLogger(name).setLevel(logging.ERROR)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        print(f"scvi-tools {scvi.__version__}, means of {len(seeds)} seeds\n")
        for lines in (elbo_rows(Path(folder), seeds), accuracy_rows(Path(folder), seeds)):
            print("\n".join(lines), end="\n\n", flush=True)
    _say(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
