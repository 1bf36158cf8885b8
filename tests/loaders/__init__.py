"""What the tests of loaders share: orders, and reading off what a batch holds."""

import numpy as np
import torch

ORDERS = [
    {"shuffle": False},
    {"shuffle": True},
    {"shuffle": "block", "block_size": 16, "buffer_size": 64},
    {"weights": "cell_type"},
]


def rows_of(ds, batches):
    """Which rows the batches hold, told by the data themselves."""
    where = {int(origin): row for row, origin in enumerate(ds[:]["origin"])}
    return [where[int(origin)] for batch in batches for origin in batch["origin"]]


def same(batch, expected):
    for key in expected.keys():  # noqa: SIM118 - iterating a RowBatch gives samples
        if key == "donor":
            assert [str(v) for v in batch[key]] == [str(v) for v in expected[key]]
        else:
            got = batch[key].to_dense() if batch[key].layout == torch.sparse_csr else batch[key]
            np.testing.assert_array_equal(got.numpy(), expected[key])


def origins(batches):
    """Where the rows of the batches come from."""
    return [int(origin) for batch in batches for origin in batch["origin"]]
