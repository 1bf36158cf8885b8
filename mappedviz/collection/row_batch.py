"""A batch of rows, column-wise, that is also a sequence of samples."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, overload

import numpy as np

from mappedviz.text.extras import optional_packages
from mappedviz.text.rendering import shown_in_notebooks


class Sample(dict[str, Any]):
    """One row of a :class:`RowBatch`: a dict, of a type of its own so that collating knows it."""


class RowBatch(Sequence[Sample]):
    """Rows in the order asked for, one entry per key.

    A sequence of samples for whoever iterates it (``torch.utils.data.default_collate`` takes
    it unchanged), stored as finished columns so that nothing needs to be stacked again.
    Every key that was asked for is there, whatever rows were drawn.

    Parameters
    ----------
    columns
        Key -> ndarray (n, …), scipy CSR matrix (n, n_vars), or a list of n arrays where their
        widths differ. scipy has no matrices of float16: these are
        :class:`~mappedviz.gather.csr.CsrRows`.
    n
        Number of rows.

    Examples
    --------
    >>> batch = RowBatch({"X": np.eye(2), "cell_type": np.array([1, 0])}, 2)
    >>> len(batch), batch.columns["X"].shape, batch[1]["cell_type"]
    (2, (2, 2), 0)
    """

    __slots__ = ("_n", "columns")

    def __init__(self, columns: Mapping[str, Any], n: int) -> None:
        self.columns = dict(columns)
        self._n = n

    def __len__(self) -> int:
        return self._n

    def keys(self) -> list[str]:
        """Names of the columns."""
        return list(self.columns)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> RowBatch: ...
    @overload
    def __getitem__(self, index: str) -> Any: ...
    def __getitem__(self, index: int | slice | str) -> Any:
        if isinstance(index, str):
            return self.columns[index]
        if isinstance(index, slice):
            part = {key: value[index] for key, value in self.columns.items()}
            return RowBatch(part, len(range(*index.indices(self._n))))
        if not -self._n <= index < self._n:
            raise IndexError(f"row {index} of a batch of {self._n}")
        sample = Sample()
        for key, value in self.columns.items():
            if hasattr(value, "indptr"):
                sample[key] = value[index].toarray().ravel()
            else:
                one = value[index]
                sample[key] = one.item() if isinstance(one, np.generic) else one
        return sample

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(self._n))

    def __repr__(self) -> str:
        parts = ", ".join(f"{key}: {_describe(value)}" for key, value in self.columns.items())
        return f"RowBatch of {self._n} rows ({parts})"

    def _repr_html_(self) -> str | None:
        return shown_in_notebooks(self)

    def to_torch(self) -> dict[str, Any]:
        """Tensors that share the memory of the columns; strings stay lists.

        Returns
        -------
        dict
            Dense columns as tensors (n, …), sparse ones as ``torch.sparse_csr`` tensors,
            ragged ones as lists of tensors, objects as lists.

        Raises
        ------
        MissingPackageError
            torch is not installed.
        """
        return {key: as_tensor(value) for key, value in self.columns.items()}


def as_tensor(value: Any) -> Any:
    """A column as a tensor that shares its memory, or as a list where it is none."""
    with optional_packages():
        import torch

    if hasattr(value, "indptr"):
        hear_sparse_warnings()
        return torch.sparse_csr_tensor(
            torch.from_numpy(value.indptr.astype(value.indices.dtype, copy=False)),
            torch.from_numpy(value.indices),
            torch.from_numpy(value.data),
            size=value.shape,
            check_invariants=False,  # ours by construction: sorted, in range, checked when read
        )
    if isinstance(value, list):
        return [as_tensor(one) for one in value]
    if value.dtype == object:
        return value.tolist()
    return torch.from_numpy(value)


@cache
def hear_sparse_warnings() -> None:
    """Let torch say once, to nobody, that sparse CSR tensors are in beta, and unchecked."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.sparse_csr_tensor([0, 0], [], [], size=(1, 1))


def _describe(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} arrays"
    kind = "csr " if hasattr(value, "indptr") else ""
    return f"{kind}{tuple(value.shape)} {value.dtype}"


@cache
def teach_default_collate() -> None:
    """Tell torch's ``default_collate`` how samples of ours are finished; a batch is already."""
    from torch.utils.data._utils.collate import collate, default_collate_fn_map

    def finish(batch: Any, *, collate_fn_map: Any = None) -> Any:
        if isinstance(batch, RowBatch):
            return batch.to_torch()
        return {
            key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map)
            for key in batch[0]
        }

    # The documented way to teach it a type.
    default_collate_fn_map[Sample] = finish
