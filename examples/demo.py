"""What `make demo` runs: five real stores as one collection, one epoch of training, the audit."""

from __future__ import annotations

import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from mappedviz import MappedCollection, audit, dataloader

DATA = Path(__file__).resolve().parent.parent / "notebooks" / "data"
PAGE = DATA.parent.parent / "build" / "demo-audit.html"
STORES = (
    "pbmc3k_processed.v3sharded.zarr",
    "10x_pbmc68k_reduced.h5ad",
    "pbmc_5k_protein_v3.v3.zarr.zip",
    "pbmc5k_small_cd4_vs_cd8.h5ad",
    "spectra_breast_immune.h5ad",
)
KEY = "cell_type"
# The column has another name in each store, and so have the cell types.
ALIAS = {KEY: ["cell_type", "bulk_labels", "louvain", "cell_type_annotations"]}
RELABEL = {
    KEY: {
        "CD4_T": "CD4 T cells",
        "CD4+/CD45RO+ Memory": "CD4 T cells",
        "CD4+/CD45RA+/CD25- Naive T": "CD4 T cells",
        "CD8_T": "CD8 T cells",
        "CD8+ Cytotoxic T": "CD8 T cells",
        "CD8+/CD45RA+ Naive Cytotoxic": "CD8 T cells",
        "CD4+/CD25 T Reg": "Treg",
        "CD19+ B": "B cells",
        "B_naive": "B cells",
        "B_memory": "B cells",
        "B_GC": "B cells",
        "NK": "NK cells",
        "CD56+ NK": "NK cells",
        "CD14+ Monocyte": "CD14+ Monocytes",
        "Dendritic": "Dendritic cells",
        "DC": "Dendritic cells",
        "pDC": "Dendritic cells",
    }
}


def main(folder: Path = DATA) -> None:
    """Open the stores of `folder`, describe them as one collection, train on them."""
    missing = [name for name in STORES if not (folder / name).exists()]
    if missing:
        sys.exit(f"{folder}: no {missing[0]} here. Run the demo in a clone of the repository.")

    start = time.perf_counter()
    ds = MappedCollection(
        [folder / name for name in STORES], obs_keys=KEY, obs_alias=ALIAS, relabel=RELABEL
    )
    opened = time.perf_counter() - start
    weights = ds.get_label_weights(KEY)

    heading(f"{len(STORES)} stores, opened as one in {opened:.2f} s")
    for name, (n_obs, n_vars) in zip(STORES, ds.original_shapes, strict=True):
        print(f"  {name:<34}{n_obs:>7,} cells × {n_vars:>6,} genes")
    print(f"  {'together (inner join)':<34}{ds.shape[0]:>7,} cells × {ds.shape[1]:>6,} genes")
    outer = MappedCollection(ds.path_list, join="outer")
    print(f"  {'together (outer join)':<34}{outer.shape[0]:>7,} cells × {outer.shape[1]:>6,} genes")
    outer.close()

    heading("Labels, harmonised while reading, and the weight of one cell")
    show_labels(ds, weights)

    heading("One epoch, every class drawn as often as every other")
    train(ds, weights)
    ds.close()

    heading("The audit: what to settle before training on these files")
    show_audit(folder)


def heading(text: str) -> None:
    """Print a headline."""
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def show_labels(ds: MappedCollection, weights: np.ndarray) -> None:
    """Print how many cells each label has, in how many stores, and what a cell of it weighs."""
    labels = ds.get_merged_labels(KEY)
    present = np.asarray([isinstance(label, str) for label in labels])
    counts = Counter(labels[present].tolist())
    for label, count in counts.most_common():
        one = labels == label
        stores = len(np.unique(ds.storage_idx[one]))
        print(
            f"  {label:<22}{count:>6,} cells in {stores} store{'s' if stores > 1 else ' '}"
            f"   weight {weights[one][0]:.5f}"
        )
    print(f"  {'(no label)':<22}{(~present).sum():>6,} cells{'weight 0: never drawn':>34}")


def train(ds: MappedCollection, weights: np.ndarray, seed: int = 0) -> None:
    """Train a small classifier for one epoch on four fifths of the cells, test it on the rest."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    labelled = rng.permutation(np.flatnonzero(weights > 0))
    held_out = labelled[: len(labelled) // 5]
    train_weights = weights.copy()
    train_weights[held_out] = 0

    loader = dataloader(ds, batch_size=64, weights=train_weights)
    n_genes, n_classes = ds[0]["X"].size, len(ds.encoders[KEY])
    # Some stores hold counts, some logarithms, some scaled values: the first layer makes each
    # cell comparable with every other.
    model = nn.Sequential(
        nn.LayerNorm(n_genes), nn.Linear(n_genes, 128), nn.ReLU(), nn.Linear(128, n_classes)
    )
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    start = time.perf_counter()
    with tqdm(loader, unit=" batches", desc="  training", mininterval=0.5) as bar:
        for batch in bar:
            loss = nn.functional.cross_entropy(model(batch["X"].float()), batch[KEY].long())
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
            optimiser.step()
            losses.append(loss.item())
            bar.set_postfix(loss=f"{losses[-1]:.2f}", refresh=False)
    seconds = time.perf_counter() - start

    rows = ds[held_out]
    with torch.no_grad():
        guess = model(torch.as_tensor(rows["X"]).float()).argmax(1).numpy()
    truth = rows[KEY]
    recall = [np.mean(guess[truth == code] == code) for code in np.unique(truth)]
    print(
        f"  {len(losses)} batches in {seconds:.1f} s, loss {losses[0]:.2f} -> {losses[-1]:.2f}\n"
        f"  {len(held_out):,} cells that were held out: {np.mean(guess == truth):.0%} right, "
        f"{np.mean(recall):.0%} as the mean over {len(recall)} classes (chance: {1 / n_classes:.0%})"
    )


def show_audit(folder: Path) -> None:
    """Print what the audit of the collection found, and write it as a page."""
    found = audit(
        [folder / name for name in STORES],
        label=KEY,
        obs_alias=ALIAS,
        relabel=RELABEL,
        progress=False,
    )
    print(f"  {found.verdict}")
    for finding in found.findings:
        print(
            textwrap.fill(
                f"{finding.severity}: {finding.message}",
                width=100,
                initial_indent="  - ",
                subsequent_indent="    ",
            )
        )
    PAGE.parent.mkdir(exist_ok=True)
    print(f"\n  with tables and figures, for the browser: {found.to_html(PAGE)}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
