"""Sections of a record: facts about a store, and columns of obs, as JSON and arrays, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from mappedviz.formats.columns import Column, all_text
from mappedviz.formats.matrices import MatrixFacts
from mappedviz.formats.obsm import ObsmFacts
from mappedviz.stores.facts import StoreFacts
from mappedviz.stores.records import Section

__all__ = ["column_of", "column_section", "facts_of", "facts_section", "in_codes", "shared"]

_ARRAYS = ("codes", "data", "missing")
_NUMBERS = "biuf"
#: Values that thousands of stores share, so that each is in memory once.
_MOST_SHARED = 10_000
_shared: dict[Any, Any] = {}
T = TypeVar("T")


def shared(value: T) -> T:
    """Return the one of equal values that is in memory already: of names of columns, and of types.

    Examples
    --------
    >>> shared(("cell_", "type")) is shared(("cell_", "type"))
    True
    """
    if len(_shared) > _MOST_SHARED:
        _shared.clear()
    found: T = _shared.setdefault(value, value)
    return found


# --- facts --------------------------------------------------------------------------------


def facts_section(facts: StoreFacts) -> Section:
    """Return facts as a section.

    Raises
    ------
    TypeError
        The type of a matrix has no name that numpy knows again.
    """
    matrices = {
        key: [
            one.kind,
            one.shape,
            _name_of(one.dtype),
            None if one.index_dtype is None else _name_of(one.index_dtype),
            one.nnz,
            one.chunks,
            one.codec,
            one.stored_nbytes,
        ]
        for key, one in facts.matrices.items()
    }
    obsm = {key: [one.kind, one.shape, _name_of(one.dtype)] for key, one in facts.obsm.items()}
    return Section(
        {
            "kind": facts.kind,
            "shape": [facts.n_obs, facts.n_vars],
            "obs": facts.obs_columns,
            "var": facts.var_columns,
            "matrices": matrices,
            "obsm": obsm,
            "nbytes": facts.nbytes,
            "encoding": facts.encoding,
        }
    )


def _name_of(dtype: np.dtype[Any]) -> str:
    if np.dtype(dtype.str) != dtype:
        raise TypeError(f"{dtype} has no name that numpy knows again")
    return dtype.str


def facts_of(section: Section) -> StoreFacts:
    """Return the facts in a section.

    Examples
    --------
    >>> from mappedviz.stores.store import open_store
    >>> from mappedviz.datasets import demo
    >>> facts = open_store(demo() / "berlin.h5ad").facts
    >>> facts_of(facts_section(facts)) == facts
    True
    """
    found = section.data
    n_obs, n_vars = found["shape"]
    return StoreFacts(
        shared(found["kind"]),
        n_obs,
        n_vars,
        shared(tuple(found["obs"])),
        shared(tuple(found["var"])),
        {
            shared(key): MatrixFacts(
                kind,
                tuple(shape),
                np.dtype(dtype),
                None if index is None else np.dtype(index),
                nnz,
                None if chunks is None else shared(tuple(chunks)),
                shared(codec),
                stored,
            )
            for key, (
                kind,
                shape,
                dtype,
                index,
                nnz,
                chunks,
                codec,
                stored,
            ) in found["matrices"].items()
        },
        {
            shared(key): ObsmFacts(kind, tuple(shape), np.dtype(dtype))
            for key, (kind, shape, dtype) in found["obsm"].items()
        },
        found["nbytes"],
        shared(found["encoding"]),
    )


# --- columns ------------------------------------------------------------------------------


def in_codes(column: Column) -> Column:
    """Return the same column in little memory: text as codes."""
    if column.kind != "string":
        return column
    codes, categories = column.factorized()
    return Column("categorical", codes.astype(np.int32), categories)


def column_section(column: Column) -> Section:
    """Return a column as a section.

    Raises
    ------
    TypeError
        It has values that are neither numbers nor text.
    """
    found = in_codes(column)
    arrays = {name: getattr(found, name) for name in _ARRAYS}
    labels: Iterable[str] | None = None
    if found.categories is not None:
        if found.categories.dtype.kind in _NUMBERS:
            arrays["categories"] = found.categories
        elif found.categories.dtype == object and all_text(found.categories):
            labels = found.categories.tolist()
        else:
            raise TypeError(f"categories of {found.categories.dtype} are not kept")
    return Section(
        {"kind": found.kind, "ordered": found.ordered, "labels": labels},
        {name: values for name, values in arrays.items() if values is not None},
    )


def column_of(section: Section) -> Column:
    """Return the column in a section; text is codes.

    Examples
    --------
    >>> column = Column("string", data=np.array(["b", "a", None], dtype=object))
    >>> column_of(column_section(column)).factorized()
    (array([ 1,  0, -1], dtype=int32), array(['a', 'b'], dtype=object))
    """
    data = section.data
    # Copied, so that the rest of the record does not stay in memory with them.
    arrays = {name: values.copy() for name, values in section.arrays.items()}
    labels = data["labels"]
    categories = arrays.get("categories")
    if labels is not None:
        categories = np.empty(len(labels), dtype=object)
        categories[:] = labels
    return Column(
        data["kind"],
        arrays.get("codes"),
        categories,
        arrays.get("data"),
        arrays.get("missing"),
        data["ordered"],
    )
