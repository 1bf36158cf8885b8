"""How random is block shuffle? Label entropy of a batch, against true random order.

The worst case: rows lie sorted by label, as in files that were concatenated by sample. Only the
orders are made, no file is read::

    python tests/benchmarks/randomness.py
"""

from __future__ import annotations

import argparse

import numpy as np

from mappedviz.orders.row_order import RowOrder


def entropy(order: RowOrder, labels: np.ndarray, epochs: int) -> float:
    """Mean entropy of the labels of a batch, in bits."""
    n = order.batch_size
    found = []
    for epoch in range(epochs):
        for window in order.windows(epoch):
            for start in range(0, len(window) - n + 1, n):
                share = np.bincount(labels[window[start : start + n]]) / n
                found.append(-(share[share > 0] * np.log2(share[share > 0])).sum())
    return float(np.mean(found))


def main() -> None:
    """Print one row per order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--classes", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=2)
    chosen = parser.parse_args()
    labels = np.sort(np.random.default_rng(0).integers(0, chosen.classes, chosen.rows))
    print("| batch | order | entropy of a batch, bits | of true random |")
    print("|---|---|---|---|")
    for batch in (128, 4096):
        orders = {"true random": {"shuffle": True}}
        for block in (16, 64, 256, 1024):
            for buffer in (16384, 65536):
                orders[f"blocks of {block}, buffer {buffer:,}"] = {
                    "shuffle": "block",
                    "block_size": block,
                    "buffer_size": buffer,
                }
        orders["in order"] = {"shuffle": False}
        best = None
        for name, options in orders.items():
            order = RowOrder(chosen.rows, batch, seed=0, **options)
            bits = entropy(order, labels, chosen.epochs)
            best = bits if best is None else best
            print(f"| {batch} | {name} | {bits:.2f} | {bits / best:.1%} |")


if __name__ == "__main__":
    main()
