"""What samples of rows need to know of the genes: a hash of each name, and which are mitochondrial."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array
from mappedviz.formats.forks import ForkSafeLock
from mappedviz.gather.row_hashes import hash_texts

if TYPE_CHECKING:
    from mappedviz.recipe.names import Names

_SYMBOLS = frozenset(("MT-", "mt-", "Mt-", "mt:"))
# All 37 genes of the mitochondrion, human and mouse, by their Ensembl identifiers.
_HUMAN_NUMBERS = (
    "198695 198712 198727 198763 198786 198804 198840 198886 198888 198899 198938 209082 210049 "
    "210077 210082 210100 210107 210112 210117 210127 210135 210140 210144 210151 210154 210156 "
    "210164 210174 210176 210184 210191 210194 210195 210196 211459 212907 228253"
)
_HUMAN = frozenset(f"ENSG{int(number):011d}" for number in _HUMAN_NUMBERS.split())
_MOUSE = frozenset(
    f"ENSMUSG{number:011d}" for number in (*range(64336, 64362), *range(64363, 64373), 65947)
)
_MOST_LISTS = 8


@dataclass(frozen=True, eq=False)
class GeneMarks:
    """Properties of the genes of a matrix.

    Attributes
    ----------
    hashes
        uint64 (n_vars,) of their names.
    mito
        Which are mitochondrial: bool (n_vars,); None if no list of names says it of any.
    """

    hashes: Array
    mito: Array | None


def mitochondrial(names: Array) -> Array:
    """Which names are those of mitochondrial genes, as symbols or Ensembl identifiers.

    Examples
    --------
    >>> mitochondrial(np.array(["MT-ND1", "mt-Nd1", "ENSG00000198888.2", "MTOR"])).tolist()
    [True, True, True, False]
    """
    found = (  # slices, because there may be tens of thousands of names in each of many stores
        name[:3] in _SYMBOLS or name[:15] in _HUMAN or name[:18] in _MOUSE
        for name in names.tolist()
    )
    return np.fromiter(found, bool, len(names))


class _Known:
    """Marks of the lists of names that were asked for last: many stores have the same."""

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._marks: OrderedDict[tuple[bytes, ...], GeneMarks] = OrderedDict()

    def __call__(self, lists: Sequence[Names]) -> GeneMarks:
        key = tuple(names.key for names in lists)
        with self._lock():
            if key in self._marks:
                self._marks.move_to_end(key)
                return self._marks[key]
        masks = (mitochondrial(names.values) for names in lists)
        marks = GeneMarks(
            hash_texts(lists[0].values), next((mask for mask in masks if mask.any()), None)
        )
        with self._lock():
            self._marks[key] = marks
            if len(self._marks) > _MOST_LISTS:
                self._marks.popitem(last=False)
        return marks


_known = _Known()


def gene_marks(lists: Sequence[Names]) -> GeneMarks:
    """Marks of the genes of a matrix; the first list of names is that by which rows are compared."""
    return _known(lists)
