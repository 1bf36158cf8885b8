"""Names and identifiers of genes, each with the one gene that it means, or with none where it means several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mappedviz._types import Array

if TYPE_CHECKING:
    import pandas as pd

#: The maps between kinds of names.
MAPS = ("symbol->ensembl", "ensembl->symbol", "symbol->symbol", "ensembl->ensembl")
#: How a name was found; its position here is the code of it.
HOW = ("same", "current", "retired", "earlier", "former", "synonym", "ambiguous", "unknown")
SAME, CURRENT, RETIRED, EARLIER, FORMER, SYNONYM, AMBIGUOUS, UNKNOWN = range(len(HOW))


@dataclass(frozen=True, eq=False)
class Lookup:
    """Names, and what each means.

    Attributes
    ----------
    names
        Index of the names, each once.
    targets
        Objects (n,): what each name means; "" where it means several.
    how
        int8 (n,): codes of :data:`HOW`.
    """

    names: pd.Index
    targets: Array
    how: Array

    def find(self, names: Array) -> tuple[Array, Array]:
        """Targets of names, "" where there is none, and how each was found."""
        import pandas as pd

        at = self.names.get_indexer(pd.Index(names, dtype=object))
        there = at >= 0
        targets = np.full(len(at), "", dtype=object)
        how = np.full(len(at), UNKNOWN, dtype=np.int8)
        targets[there], how[there] = self.targets[at[there]], self.how[at[there]]
        return targets, how


def symbols_to_genes(frame: pd.DataFrame) -> Lookup:
    """Return the gene that each name means: by its symbol, or its identifier where it has no symbol.

    What a gene is called today comes first, then what it was called before by the authority of names, then
    names in earlier releases, those of genes that are there no longer included, then synonyms. A
    name of several genes on the first of these levels that it is on is ambiguous.
    """
    former = frame[~frame["current"]]
    current = frame[frame["current"]]
    keys = np.where(current["symbol"] != "", current["symbol"], current["ensembl"]).tolist()
    symbols = current["symbol"].tolist()
    official = _of_levels(
        [
            (CURRENT, [(one, one) for one in symbols if one]),
            (RETIRED, _pairs(current["retired"], keys)),
        ]
    )
    # A gene that went and one of today with the same official name are one gene with two identifiers.
    today, _ = official.find(former["symbol"].to_numpy(dtype=object))
    identifiers = former["ensembl"].tolist()
    of = [one or name for one, name in zip(today.tolist(), identifiers, strict=True)]
    named = zip(former["symbol"].tolist(), of, strict=True)
    earlier = [
        *_pairs(current["earlier"], keys),
        *[(name, gene) for name, gene in named if name],
        *_pairs(former["earlier"], of),
    ]
    known = official.names.tolist()
    more = _of_levels([(EARLIER, earlier), (SYNONYM, _pairs(current["synonyms"], keys))], known)
    gone = among(more.targets, identifiers)
    more.how[gone] = FORMER
    return Lookup(
        official.names.append(more.names),
        np.concatenate([official.targets, more.targets]),
        np.concatenate([official.how, more.how]),
    )


def symbols_to_symbols(genes: Lookup) -> Lookup:
    """Return the symbol of today that each name means; names of genes that went stay."""
    stays = genes.how == FORMER
    targets = genes.targets.copy()
    targets[stays] = genes.names.to_numpy(dtype=object)[stays]
    return Lookup(genes.names, targets, genes.how)


def symbols_to_ensembl(frame: pd.DataFrame, genes: Lookup) -> Lookup:
    """Return the Ensembl identifier that each name means, by the gene that it means.

    Of several identifiers of one symbol it is the one that the authority of names (HGNC, MGI) gives, if
    it gives one. Names of genes that are in earlier releases only mean their identifiers there.
    """
    import pandas as pd

    current = frame[frame["current"]]
    key = current["symbol"].where(current["symbol"] != "", current["ensembl"])
    counts = key.map(key.value_counts())
    chosen = (counts == 1) | current["named"]
    ids = pd.Series(current["ensembl"][chosen].to_numpy(), index=key[chosen].to_numpy())
    ids = ids[~ids.index.duplicated(keep=False)]
    targets = ids.reindex(genes.targets).fillna("").to_numpy(dtype=object, copy=True)
    gone = genes.how == FORMER
    targets[gone] = genes.targets[gone]
    how = np.where(targets == "", AMBIGUOUS, genes.how).astype(np.int8)
    return Lookup(genes.names, targets, how)


def ensembl_to_symbols(frame: pd.DataFrame, genes: Lookup) -> tuple[Array, Array]:
    """Return the symbol of the identifier in each row, "" if there is none, and how it was found.

    An identifier of earlier releases has the symbol that its last name means today, or that name where
    it means no gene of today.
    """
    targets = frame["symbol"].to_numpy(dtype=object).copy()
    how = np.where(targets == "", UNKNOWN, CURRENT).astype(np.int8)
    former = np.flatnonzero(~frame["current"].to_numpy())
    today, found = genes.find(targets[former])
    official = np.isin(found, [CURRENT, RETIRED])
    # A gene without a symbol has its identifier there.
    named = official & ~among(today, frame["ensembl"].tolist())
    targets[former[named]] = today[named]
    how[former] = np.where(targets[former] == "", UNKNOWN, FORMER)
    return targets, how


def ensembl_to_ensembl(frame: pd.DataFrame, ensembl: Lookup) -> tuple[Array, Array]:
    """Return the identifier of today for that in each row: that of the same official name; else itself."""
    targets = frame["ensembl"].to_numpy(dtype=object).copy()
    how = np.full(len(targets), SAME, dtype=np.int8)
    former = np.flatnonzero(~frame["current"].to_numpy())
    today, codes = ensembl.find(frame["symbol"].to_numpy(dtype=object)[former])
    found = np.isin(codes, [CURRENT, RETIRED])
    targets[former[found]], how[former[found]] = today[found], RETIRED
    return targets, how


def candidates(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the identifiers of all genes that have, or had, one of the names, per name."""
    wanted = set(names)
    found: dict[str, list[str]] = {name: [] for name in names}
    for column in ("symbol", "retired", "earlier", "synonyms"):
        for name, identifier in _pairs(frame[column], frame["ensembl"].tolist()):
            if name in wanted and identifier not in found[name]:
                found[name].append(identifier)
    return found


def among(names: Array, some: Iterable[str]) -> Array:
    """Boolean (n,): which names are among some; hashed, where numpy would sort texts of fixed width."""
    wanted = set(some)
    if not wanted:
        return np.zeros(len(names), dtype=bool)
    return np.fromiter(map(wanted.__contains__, names.tolist()), bool, len(names))


def _pairs(column: pd.Series[str], targets: Sequence[str]) -> list[tuple[str, str]]:
    """Each name of a column of lists, with what it is a name of."""
    return [
        (name, target)
        for names, target in zip(column.tolist(), targets, strict=True)
        if names
        for name in names.split("|")
    ]


def _of_levels(
    levels: Sequence[tuple[int, list[tuple[str, str]]]], taken: Iterable[str] = ()
) -> Lookup:
    """The lookup of names that mean what the first level that has them says."""
    import pandas as pd

    seen = set(taken)
    names: list[str] = []
    targets: list[str] = []
    how: list[int] = []
    for level, pairs in levels:
        of_level: dict[str, str | None] = {}
        for name, target in pairs:
            if name not in seen and of_level.setdefault(name, target) != target:
                of_level[name] = None
        seen.update(of_level)
        names += of_level
        targets += ["" if one is None else one for one in of_level.values()]
        how += [AMBIGUOUS if one is None else level for one in of_level.values()]
    return Lookup(
        pd.Index(np.array(names, dtype=object), dtype=object),
        np.array(targets, dtype=object),
        np.array(how, dtype=np.int8),
    )
