"""Joins by other identifiers: what stores would share by another column, version or case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mappedviz._types import Array
from mappedviz.audits.tables.frames import plain_text
from mappedviz.audits.tables.mapped import mapped_codes, maps_of, species_with_table
from mappedviz.recipe.joins import strip_versions
from mappedviz.recipe.store_paths import shortest_names

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.vocabulary import Vocabulary
    from mappedviz.recipe.names import Names

#: The names of one store: column of var (None is the index) -> names.
StoreNames: TypeAlias = "Mapping[str | None, Names]"

WHAT_IF = (
    "identifier",
    "strip_version",
    "upper_case",
    "n_stores",
    "inner",
    "outer",
    "var_key",
    "var_map",
)
#: Ways to identify variables that are also looked at with names mapped by a table of genes.
_MOST_MAPPED = 4


class Harmonised:
    """Names as numbers, with versions or case stripped; made once for the whole vocabulary.

    Parameters
    ----------
    vocabulary
        Numbers the names.
    lists
        All names that are asked for.
    """

    def __init__(self, vocabulary: Vocabulary, lists: Iterable[Names]) -> None:
        self._vocabulary = vocabulary
        self._codes = {names.key: vocabulary.codes(names) for names in lists}
        self._names = vocabulary.names  # others may add to it meanwhile: those are not needed
        self._maps: dict[tuple[bool, bool], tuple[Array | None, Array]] = {}

    def table(self, strip: bool, upper: bool) -> tuple[Array | None, Array]:
        """Old code -> new code (None where equal), and the new names."""
        if (strip, upper) not in self._maps:
            import pandas as pd

            names = self._names
            if not (strip or upper):
                self._maps[strip, upper] = None, names
            else:
                changed = strip_versions(names) if strip else names
                if upper:
                    changed = np.array([name.upper() for name in changed.tolist()], dtype=object)
                codes, unique = pd.factorize(changed)
                self._maps[strip, upper] = codes, np.asarray(unique, dtype=object)
        return self._maps[strip, upper]

    def codes(self, names: Names, strip: bool, upper: bool) -> Array:
        """The numbers of a list of names."""
        table = self.table(strip, upper)[0]
        codes = self._codes[names.key]
        return codes if table is None else table[codes]

    def mapped(self, lists: Sequence[Names], species: str, how: str) -> list[Array] | None:
        """The numbers of lists of names after a map; None if one is not of the species."""
        codes = [self._codes[names.key] for names in lists]
        return mapped_codes(self._vocabulary, self._names, codes, species, how)


def no_what_if() -> pd.DataFrame:
    """The table of no stores."""
    import pandas as pd

    return pd.DataFrame(columns=list(WHAT_IF))


def join_sizes(lists: Sequence[Array]) -> tuple[int, int]:
    """Sizes of the inner and the outer join of stores with these names (as codes)."""
    if not lists:
        return 0, 0
    counts = np.zeros(
        max((int(some.max()) + 1 for some in lists if len(some)), default=0), np.int64
    )
    for some in lists:
        counts[np.unique(some)] += 1
    return int((counts == len(lists)).sum()), int((counts > 0).sum())


def what_if_table(
    paths: Sequence[str],
    stores: Sequence[StoreNames],
    harmonised: Harmonised,
    kinds: Mapping[bytes, str],
) -> pd.DataFrame:
    """The joins by every identifier that the stores have: columns as in :data:`WHAT_IF`.

    Parameters
    ----------
    paths
        Paths of the stores.
    stores
        Per store its names by column.
    harmonised
        Numbers them.
    kinds
        Kinds of identifiers, by the key of the names.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    n_mapped = 0
    for identifier, columns in _identifiers(stores, kinds):
        chosen = [names[column] for names, column in zip(stores, columns, strict=True)]
        distinct = {one.key: one for one in chosen}
        versioned = any("version" in kinds[key] for key in distinct)
        smallest = None
        for strip, upper in ((False, False), (True, False), (False, True), (True, True)):
            if strip and not versioned:
                continue
            inner, outer = join_sizes(
                [harmonised.codes(o, strip, upper) for o in distinct.values()]
            )
            if upper and outer == smallest:
                continue  # case makes no difference
            smallest = outer if not upper else smallest
            rows.append(
                {
                    "identifier": identifier,
                    "strip_version": strip,
                    "upper_case": upper,
                    "n_stores": sum(
                        identifier.startswith("by kind")
                        or column is not None
                        or identifier == "index"
                        for column in columns
                    ),
                    "inner": inner,
                    "outer": outer,
                    "var_key": None if upper else _var_key(paths, columns),
                    "var_map": None,
                }
            )
        if len(distinct) > 1 and n_mapped < _MOST_MAPPED:
            of_way = [row for row in rows if row["identifier"] == identifier]
            most = max(row["inner"] for row in of_way if not row["upper_case"])
            base = {**of_way[0], "inner": most}
            some = _mapped_rows(base, list(distinct.values()), harmonised, kinds)
            rows += [{**one, "var_key": _var_key(paths, columns)} for one in some]
            n_mapped += bool(some)
    return plain_text(pd.DataFrame(rows, columns=list(WHAT_IF)))


def _mapped_rows(
    row: dict[str, Any], lists: Sequence[Names], harmonised: Harmonised, kinds: Mapping[bytes, str]
) -> list[dict[str, Any]]:
    """The joins of names that a table of genes maps, by one way to identify variables."""
    every = [kinds[names.key] for names in lists]
    species = species_with_table(lists) if maps_of(every) else None
    rows: list[dict[str, Any]] = []
    if species is None:
        return rows
    for how in maps_of(every):
        codes = harmonised.mapped(lists, species, how)
        if codes is None:
            continue
        inner, outer = join_sizes(codes)
        if len(maps_of(every)) == 1 and inner <= row["inner"]:
            continue  # of one kind, and one name per gene already
        rows.append(
            {
                **row,
                "identifier": f"{row['identifier']}, {how}",
                "strip_version": True,
                "upper_case": False,
                "inner": inner,
                "outer": outer,
                "var_map": f"{species}: {how}",
            }
        )
    return rows


def _identifiers(
    stores: Sequence[StoreNames], kinds: Mapping[bytes, str]
) -> list[tuple[str, list[str | None]]]:
    """Ways to identify variables: a name and, per store, the column of var (None is the index)."""
    some: list[str | None] = [column for names in stores for column in names]
    columns = [column for column in dict.fromkeys(some) if column is not None]
    ways: list[tuple[str, list[str | None]]] = [("index", [None] * len(stores))]
    ways += [
        (f"var[{column!r}]", [column if column in names else None for names in stores])
        for column in columns[:20]
    ]
    for kind in ("symbol", "ensembl"):
        picked = []
        for names in stores:
            fits = [c for c, found in names.items() if kinds[found.key].startswith(kind)]
            picked.append(fits[0] if fits else None)
        if all(picked != way for _, way in ways):
            ways.append((f"by kind: {kind}", picked))
    return ways


def _var_key(paths: Sequence[str], columns: Sequence[str | None]) -> Any:
    """The ``var_key`` of a recipe that joins by these columns."""
    if len(set(columns)) <= 1:
        return columns[0] if columns else None
    names = shortest_names(paths)
    return {
        names[path]: column
        for path, column in zip(paths, columns, strict=True)
        if column is not None
    }
