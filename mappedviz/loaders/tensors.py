"""Batches as tensors: collating, and the way to a device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


def to_tensors(batch: Any) -> dict[str, Any]:
    """Collate function for a RowBatch: a dict of tensors that share its memory."""
    finished: dict[str, Any] = batch.to_torch()
    return finished


def to_device(
    batch: Mapping[str, Any],
    device: torch.device | str,
    *,
    dense: bool = True,
    non_blocking: bool = True,
) -> dict[str, Any]:
    """Move a batch to a device; sparse columns travel as CSR and are made dense there.

    Parameters
    ----------
    batch
        What a loader hands out. With ``pin_memory=True`` in :func:`dataloader` the copies run
        beside the computation.
    device
        Where to, such as ``"cuda"``.
    dense
        Make sparse columns dense on the device: of counts, less than a tenth of the bytes
        has to travel.
    non_blocking
        Do not wait for the copies.

    Returns
    -------
    dict
        The same keys; what is no tensor stays as it is.

    Examples
    --------
    >>> import mappedviz as mv
    >>> ds = mv.MappedCollection(mv.datasets.demo() / "berlin.h5ad")
    >>> batch = next(iter(mv.dataloader(ds, batch_size=4, sparse=True)))
    >>> batch["X"].layout, mv.to_device(batch, "cpu")["X"].layout
    (torch.sparse_csr, torch.strided)
    """
    moved: dict[str, Any] = {}
    for key, value in batch.items():
        if isinstance(value, torch.Tensor):
            there = value.to(device, non_blocking=non_blocking)
            moved[key] = there.to_dense() if dense and there.layout == torch.sparse_csr else there
        else:
            moved[key] = value
    return moved
