"""Names of the variables of a store, known by a digest: thousands of stores often share one list."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from mappedviz._types import Array


@dataclass(frozen=True, eq=False)
class Names:
    """The names of the variables of one or more stores.

    Attributes
    ----------
    values
        Objects (n_vars,) of type str.
    key
        Equal for equal names in the same order.

    Examples
    --------
    >>> import numpy as np
    >>> names = Names.of(np.array(["TP53", "CD4"], dtype=object))
    >>> len(names), names.key == digest(names.values)
    (2, True)
    """

    values: Array
    key: bytes

    @classmethod
    def of(cls, values: Array) -> Names:
        """Names with their digest."""
        return cls(values, digest(values))

    def __len__(self) -> int:
        return len(self.values)


def digest(names: Array) -> bytes:
    """A key that is equal for equal names in the same order, in every process."""
    texts = names.tolist()
    text = "\0".join(texts)
    if text.count("\0") >= len(texts):  # a name holds the separator: say where each one ends
        text = "\0".join([text, *(str(len(name)) for name in texts)])
    head = f"{len(texts)} "  # no name and one empty name differ
    return blake2b((head + text).encode("utf-8", "surrogatepass"), digest_size=16).digest()
