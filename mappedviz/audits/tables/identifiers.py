"""Kinds of identifiers of genes, and the species that they name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from mappedviz._types import Array

if TYPE_CHECKING:
    from mappedviz.recipe.names import Names

T = TypeVar("T")

# The first kind that fits; as one pattern, because tens of thousands of names are matched.
_KINDS = {
    "ensembl_version": r"ENS[A-Z]*G\d{11}\.\d+",
    "ensembl": r"ENS[A-Z]*G\d{11}|FBgn\d{7}|WBGene\d{8}",
    "number": r"\d+",
    "symbol": r"[A-Za-z][\w.\-@/:()*+ ]*",
}
#: What :func:`id_kind` returns.
ID_KINDS = ("ensembl", "ensembl.version", "symbol", "positional", "number", "other", "none")
_KIND = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _KINDS.items()))


def id_kind(names: Sequence[str] | Array) -> str:
    """Kind of identifiers that the names of variables are.

    ``"ensembl"``, ``"ensembl.version"``, ``"symbol"``, ``"positional"`` (0, 1, 2 …), ``"number"``, ``"other"``
    or ``"none"``; the kind of most of them, by up to 2,000 names.

    Examples
    --------
    >>> id_kind(["ENSG00000141510.18", "ENSG00000012048.23"]), id_kind(["TP53", "BRCA1"])
    ('ensembl.version', 'symbol')
    >>> id_kind(["0", "1", "2"])
    'positional'
    """
    n = len(names)
    if n == 0:
        return "none"
    at = np.unique(np.linspace(0, n - 1, min(n, 2_000)).astype(np.int64))
    some = [names[i] for i in at]
    if all(name == str(i) for i, name in zip(at.tolist(), some, strict=True)):
        return "positional"
    votes: dict[str, int] = {}
    for name in some:
        match = _KIND.fullmatch(name)
        kind = "other" if match is None else str(match.lastgroup)
        votes[kind] = votes.get(kind, 0) + 1
    return max(votes, key=lambda kind: votes[kind]).replace("_", ".")


_MOST_KEPT = 4_096
_kinds: dict[bytes, str] = {}
_species: dict[bytes, str | None] = {}


def kind_of(names: Names) -> str:
    """Return :func:`id_kind` of a list that has a key: it is looked at once in a session."""
    return _once(_kinds, names, id_kind)


def species_of_list(names: Names) -> str | None:
    """Return :func:`species_of` of a list that has a key: it is looked at once in a session."""
    return _once(_species, names, species_of)


def _once(kept: dict[bytes, T], names: Names, look: Callable[[Array], T]) -> T:
    if names.key in kept:
        return kept[names.key]
    if len(kept) >= _MOST_KEPT:
        kept.clear()  # of lists that are gone, most likely
    found = kept[names.key] = look(names.values)
    return found


_SPECIES = {
    "ENSG": "human",
    "ENSMUSG": "mouse",
    "ENSRNOG": "rat",
    "ENSDARG": "zebrafish",
    "ENSMMUG": "macaque",
    "ENSSSCG": "pig",
    "FBgn": "fly",
    "WBGene": "worm",
}
_PREFIX = re.compile(r"(ENS[A-Z]*G|FBgn|WBGene)\d+")
_TITLE = re.compile(r"[A-Z][a-z]+[a-z0-9]*")
_UPPER = re.compile(r"[A-Z][A-Z0-9]{2,}")


def species_of(names: Sequence[str] | Array) -> str | None:
    """The species that names of variables speak of, or None where they do not.

    By the prefix of Ensembl identifiers, else by the spelling of symbols: "TP53" is human
    or another primate, "Trp53" a mouse or a rat.

    Examples
    --------
    >>> species_of(["ENSMUSG00000059552"]), species_of(["TP53", "CD4"] * 9), species_of(["a"])
    ('mouse', 'human', None)
    """
    step = max(1, len(names) // 2_000)
    some = [str(name) for name in names[::step]]
    found = [match[1] for name in some if (match := _PREFIX.match(name))]
    if len(found) > len(some) / 2:
        return _SPECIES.get(max(set(found), key=found.count))
    upper = sum(bool(_UPPER.fullmatch(name)) for name in some)
    title = sum(bool(_TITLE.fullmatch(name)) for name in some)
    if upper + title < max(10, len(some) / 3):
        return None
    if upper > 9 * title:
        return "human"
    return "mouse" if title > 4 * upper else None
