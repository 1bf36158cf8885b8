"""Digests of names: what two audits compare, where one of them knows names no longer."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.gather.row_hashes import hash_texts

if TYPE_CHECKING:
    from mappedviz.audits.scan import Scan
    from mappedviz.audits.tables.genes import Coverage

#: So many genes in any store are digested one by one.
MOST_GENES = 200_000
_BYTES = 5  # of a gene: two of 60,000 are the same once in 600 collections


@dataclass(frozen=True)
class StoreDigests:
    """Digests of the names of one store.

    Attributes
    ----------
    genes
        Of the index of var, in its order; None if it cannot be read.
    cells
        Of the names of the observations, whatever their order.
    order
        Of the names of the observations in their order.
    """

    genes: str | None = None
    cells: str | None = None
    order: str | None = None

    @classmethod
    def of(cls, scan: Scan) -> StoreDigests:
        """Return the digests of what was read of a store."""
        names, hashes = scan.names.get(None), scan.obs_hashes
        genes = None if names is None else names.key.hex()
        if hashes is None:
            return cls(genes)
        plain = np.ascontiguousarray(hashes, dtype="<u8")
        # Sums wrap: of the same names they are the same in any order.
        total = int(plain.sum(dtype=np.uint64)), int(np.bitwise_xor.reduce(plain, initial=0))
        order = blake2b(plain.data, digest_size=8).hexdigest()
        return cls(genes, f"{len(plain)}-{total[0]:016x}{total[1]:016x}", order)


@dataclass(frozen=True, eq=False)
class GeneDigests:
    """Digests of the genes of a collection, one by one.

    Attributes
    ----------
    genes
        uint64 (n,), ascending: of the genes that any store has.
    in_all
        bool (n,): whether all stores have it.

    Examples
    --------
    >>> some = GeneDigests.of_names(np.array(["CD4", "TP53"], object), np.array([True, False]))
    >>> again = GeneDigests.from_dict(some.to_dict())
    >>> again.genes.tolist() == some.genes.tolist(), sorted(again.in_all.tolist())
    (True, [False, True])
    """

    genes: Array
    in_all: Array

    @classmethod
    def of_names(cls, names: Array, in_all: Array) -> GeneDigests:
        """Make them of names, and whether all stores have them."""
        hashes = hash_texts(names).astype(np.uint64) >> np.uint64(64 - 8 * _BYTES)
        order = np.argsort(hashes, kind="stable")
        return cls(hashes[order], np.asarray(in_all, dtype=bool)[order])

    @classmethod
    def of(cls, coverage: Coverage) -> GeneDigests | None:
        """Make them of the genes by which stores are joined; None if there are very many."""
        if coverage.outer > MOST_GENES:
            return None
        return cls.of_names(coverage.names, coverage.in_all)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        wide = self.genes.astype(">u8")[:, None].view(np.uint8).reshape(-1, 8)
        return {
            "n": len(self.genes),
            "genes": base64.b64encode(wide[:, -_BYTES:].tobytes()).decode("ascii"),
            "in_all": base64.b64encode(np.packbits(self.in_all).tobytes()).decode("ascii"),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> GeneDigests:
        """Return the digests that :meth:`to_dict` made."""
        n = int(values["n"])
        narrow = np.frombuffer(base64.b64decode(values["genes"]), np.uint8).reshape(n, _BYTES)
        wide = np.zeros((n, 8), dtype=np.uint8)
        wide[:, -_BYTES:] = narrow
        bits = np.unpackbits(np.frombuffer(base64.b64decode(values["in_all"]), np.uint8), count=n)
        return cls(wide.view(">u8").ravel().astype(np.uint64), bits.astype(bool))


@dataclass(frozen=True, eq=False)
class Digests:
    """Digests of the names of a collection.

    Attributes
    ----------
    stores
        Display name -> digests of its names.
    genes
        Of all genes; None if there are very many.
    """

    stores: dict[str, StoreDigests]
    genes: GeneDigests | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "stores": {
                name: [one.genes, one.cells, one.order] for name, one in self.stores.items()
            },
            "genes": None if self.genes is None else self.genes.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Digests:
        """Return the digests that :meth:`to_dict` made."""
        genes = values["genes"]
        return cls(
            {name: StoreDigests(*one) for name, one in values["stores"].items()},
            None if genes is None else GeneDigests.from_dict(genes),
        )
