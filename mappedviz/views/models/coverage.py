"""The genes: what joins keep, which store costs most, who has what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.errors import RecipeError
from mappedviz.recipe.fields import var_key_of
from mappedviz.recipe.var_maps import var_map_of
from mappedviz.text.display import differing, names, pattern_words, quantity, shown
from mappedviz.views import nodes, pictures
from mappedviz.views.models.memory import of_audit
from mappedviz.views.models.stores import listed_stores, marks_of, texts_of
from mappedviz.views.models.tables import UNSORTED, Arrangement, count, cut, things
from mappedviz.views.series import Ids

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit
    from mappedviz.audits.tables.genes import Coverage
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.views.nodes import Node

SHOWS = ("genes against k", "without one store", "patterns", "per store", "identifiers", "search")
MOST_SETS = 20  # stores whose patterns are shown as dots
_MOST_POINTS = 100
MOST_BINS = 40
_MOST_GENES = 100
_BLUE, _ORANGE = "#0072b2", "#e69f00"
_JOINS = {
    "inner": ("In all (inner)", "every store has them"),
    "outer": ("In any (outer)", "zero where a store lacks them"),
    "k": ("In at least k", "choose k"),
}
_STORE_COLUMNS = {
    "n_vars": "genes",
    "kept": "kept by inner",
    "lost": "lost by inner",
    "zero_filled": "zero in outer",
    "private": "only here",
    "gain_without": "gained without",
    "id_kind": "identifiers",
}


@dataclass(frozen=True)
class State:
    """The state of the view: its traits, the recipe, and the stores in focus."""

    recipe: Recipe
    join: str = "inner"
    k: int = 1
    identifier: str = "index"
    strip_version: bool = False
    show: str = SHOWS[0]
    genes: tuple[str, ...] = ()
    top_n: int = 15
    stores: tuple[str, ...] = ()
    typed: str = ""
    arrangement: Arrangement = UNSORTED


def ways(audit: Audit, recipe: Recipe) -> dict[str, dict[str, Any]]:
    """Return the identifiers that stores can be joined by, and the fields of a recipe that say each."""
    found = {
        str(way.identifier): {"var_key": way.var_key, "var_map": _map_of(way)}
        for way in _usable(audit, recipe)
    }
    found.setdefault("index", {"var_key": None, "var_map": None})
    return found


def way_of(audit: Audit | None, recipe: Recipe) -> str:
    """Return the name of the identifier that a recipe joins by; words for one that is not offered."""
    index = {"index": {"var_key": None, "var_map": None}}
    for name, way in (index if audit is None else ways(audit, recipe)).items():
        key, var_map = var_key_of(way["var_key"]), var_map_of(way["var_map"])
        if (key, var_map) == (recipe.var_key, recipe.var_map):
            return name
    words = "index" if recipe.var_key is None else shown(recipe.var_key)
    return words if recipe.var_map is None else f"{words}, {recipe.var_map['map']}"


def _usable(audit: Audit, recipe: Recipe) -> list[Any]:
    """The rows of the what-if table that a recipe can say; a map has no versions either way."""
    return [
        way
        for way in audit.coverage.what_if.itertuples()
        if not way.upper_case and (_map_of(way) or way.strip_version == recipe.strip_version)
    ]


def _map_of(way: Any) -> str | None:
    return way.var_map if isinstance(way.var_map, str) else None  # NaN if read from JSON


def body(audit: Audit, state: State) -> list[Node]:
    """Return the tab."""
    draw = {
        "genes against k": _curve,
        "without one store": _without,
        "patterns": _patterns,
        "per store": _stores,
        "identifiers": _identifiers,
        "search": _found,
    }[state.show]
    return [
        nodes.numbers("numbers", _numbers(audit, state)),
        nodes.row("joining", _joining(audit, state)),
        nodes.row("identifying", _identifying(audit, state)),
        nodes.segments(
            "show", "Show", state.show, [(name, name[:1].upper() + name[1:]) for name in SHOWS]
        ),
        *draw(audit, state),
    ]


def _numbers(audit: Audit, state: State) -> list[tuple[str, str]]:
    coverage = audit.coverage
    n = len(coverage.stores)
    k = min(state.k, max(n, 1))
    kept = int(coverage.at_least.loc[k]) if len(coverage.at_least) else 0
    some = [
        (quantity(coverage.inner), "genes in all stores"),
        (quantity(kept), f"in at least {k:,} of {n:,}"),
        (quantity(coverage.outer), "in any store"),
    ]
    if state.recipe.var_names is not None:
        some.append((quantity(len(state.recipe.var_names)), "listed genes are kept"))
    return some


def _joining(audit: Audit, state: State) -> list[Node]:
    options: list[Node] = [
        {"id": name, "text": text, "title": title} for name, (text, title) in _JOINS.items()
    ]
    if state.join == "panel":
        n = len(state.recipe.var_names or ())
        options.append({"id": "panel", "text": f"{things(n, 'listed gene')}"})
    elif state.join == "none":
        options.append({"id": "none", "text": "Not joined"})
    top = max(1, len(audit.coverage.stores), state.recipe.min_stores or 1)
    slider = nodes.slider(
        "k",
        "k",
        min(state.k, top),
        low=1,
        high=top,
        text_=f"{state.k:,} of {len(audit.coverage.stores):,}",
        title="stores that a gene has to be in",
        disabled=state.join == "none",
    )
    return [nodes.segments("join", "Keep genes", state.join, options), slider]


def _identifying(audit: Audit, state: State) -> list[Node]:
    sizes = {
        str(way.identifier): f"{way.inner:,} genes in all" for way in _usable(audit, state.recipe)
    }
    named = identifier_ids(audit, state.recipe)
    options = [
        {"id": named.of(name), "text": shown(name, 40), "note": sizes.get(name, "")}
        for name in ways(audit, state.recipe)
    ]
    chosen = named.known([state.identifier])
    return [
        nodes.select(
            "identifier",
            "Identified by",
            chosen[0] if chosen else shown(state.identifier),
            options,
            title="which names the stores are joined by",
        ),
        nodes.check("strip_version", "Without version (ENSG….18 is ENSG…)", state.strip_version),
    ]


def identifier_ids(audit: Audit, recipe: Recipe) -> Ids:
    """Return the ids of the identifiers."""
    return Ids(ways(audit, recipe), "i")


def _curve(audit: Audit, state: State) -> list[Node]:
    genes = audit.coverage.at_least
    at = np.unique(
        np.linspace(0, max(len(genes) - 1, 0), min(len(genes), _MOST_POINTS)).astype(int)
    )
    return [
        pictures.curve(
            "curve",
            "Genes in at least k stores",
            [[int(genes.index[i]), int(genes.iloc[i])] for i in at],
            xlabel="k stores",
            ylabel="genes",
            selected=[str(state.k)],
            selectable="one",
        )
    ]


@of_audit
def store_ids(audit: Audit) -> Ids:
    """Return the ids of the stores that have genes."""
    return Ids(audit.coverage.table.index, "s")


def _without(audit: Audit, state: State) -> list[Node]:
    coverage = audit.coverage
    table = coverage.table.sort_values("gain_without", ascending=False, kind="stable")
    some = table.iloc[: state.top_n]
    texts, marks = texts_of(audit), marks_of(audit)
    named = store_ids(audit)
    rows = [
        {
            "id": named.of(store),
            "label": texts[str(store)],
            "mark": marks.get(str(store)),
            "title": shown(store, 300),
            "values": [coverage.inner, int(facts["gain_without"])],
            "text": f"{coverage.inner:,} → {int(facts['inner_without']):,}",
        }
        for store, facts in some.iterrows()
    ]
    made = pictures.bars(
        "bars",
        "Genes without one store",
        rows,
        [
            {"name": "inner join", "colour": _BLUE},
            {"name": "gained without this store", "colour": _ORANGE},
        ],
        unit="genes",
        selected=named.known(state.stores[:1]),
        selectable="one",
    )
    words = []
    if len(table) > 1 and not int(table["gain_without"].max()):
        words.append(
            nodes.note(
                "alone", "No single store decides: leaving any one out keeps as many genes.", "hint"
            )
        )
    return [*words, made, *_together(audit, state)]


@of_audit
def sets(audit: Audit) -> list[tuple[tuple[str, ...], int, int]]:
    """Return stores that win most genes when left out together, the inner join, and the gain."""
    try:
        table = audit.coverage.leave_out()
    except RecipeError:  # of an audit that was read from JSON
        return []
    ways: list[Any] = table.to_dict("records")
    return [
        (tuple(way["stores"]), int(way["inner"]), int(way["gain"]))
        for way in ways
        if way["n_stores"] > 1
    ]


def set_ids(audit: Audit) -> Ids:
    """Return the ids of these sets of stores."""
    return Ids((stores for stores, *_ in sets(audit)), "t")


def _together(audit: Audit, state: State) -> list[Node]:
    """The stores to leave out together, where more than one decides."""
    found, named = sets(audit), set_ids(audit)
    if not found:
        return []
    columns: list[Node] = [
        {"id": "n", "label": "stores left out", "align": "right"},
        {"id": "inner", "label": "genes", "align": "right", "bar": True},
        {"id": "gain", "label": "gained", "align": "right"},
        {"id": "stores", "label": "which"},
    ]
    lines = [
        {
            "id": named.of(stores),
            "cells": [
                count(len(stores)),
                count(inner, audit.coverage.outer),
                {"text": f"+{gain:,}"},
                {
                    "text": listed_stores(audit, stores, most=5),
                    "title": listed_stores(audit, stores, most=40),
                },
            ],
        }
        for stores, inner, gain in found
    ]
    return [
        pictures.table(
            "together",
            "Stores left out together",
            columns,
            lines,
            selected=named.known([tuple(state.stores)]),
            selectable="one",
            copies=(),
        )
    ]


def pattern_ids(audit: Audit, top_n: int) -> Ids:
    """Return the ids of the patterns that are shown."""
    return Ids(audit.coverage.patterns["pattern"].iloc[:top_n], "p")


def _patterns(audit: Audit, state: State) -> list[Node]:
    coverage = audit.coverage
    if len(coverage.stores) > MOST_SETS:
        return [_by_number(coverage)]
    some = coverage.patterns.iloc[: state.top_n]
    named, sets = pattern_ids(audit, state.top_n), store_ids(audit)
    columns = [
        {
            "id": named.of(pattern),
            "size": int(n),
            "members": [sets.of(store) for store in pattern],
            "title": f"{pattern_words(pattern, coverage.stores)}: {things(int(n), 'gene')}",
        }
        for pattern, n in zip(some["pattern"], some["n_genes"].tolist(), strict=True)
    ]
    made = pictures.upset(
        "patterns",
        "Genes by the stores that have them",
        [
            {
                "id": sets.of(store),
                "label": text,
                "size": int(n),
                "title": shown(store, 300),
                "mark": marks_of(audit).get(store),
            }
            for store, text, n in zip(
                coverage.stores,
                [texts_of(audit)[store] for store in coverage.stores],
                (coverage.table["kept"] + coverage.table["lost"]).tolist(),
                strict=True,
            )
        ],
        columns,
        selected=named.known([tuple(state.stores)]),
    )
    rest = coverage.outer - int(some["n_genes"].sum())
    if not rest:
        return [made]
    more = things(coverage.n_patterns - len(some), "more pattern")
    return [made, nodes.note("rest", f"{things(rest, 'gene')} in {more}.", "hint")]


def _by_number(coverage: Coverage) -> Node:
    """Genes by the number of stores that have them: patterns of many stores are too many."""
    n = len(coverage.stores)
    bins = []
    found: list[Any] = coverage.histogram(MOST_BINS).to_dict("records")
    for one in found:
        low, high, genes = int(one["low"]), int(one["high"]), int(one["n_genes"])
        stores = f"{low:,}" if high == low else f"{low:,} to {high:,}"
        bins.append(
            {
                "id": f"b{low}",
                "low": low,
                "high": high,
                "count": genes,
                "title": f"{things(genes, 'gene')} in {stores} of {n:,} stores",
            }
        )
    return pictures.histogram(
        "patterns", "Genes by number of stores", bins, xlabel="stores", ylabel="genes"
    )


def _stores(audit: Audit, state: State) -> list[Node]:
    table = audit.coverage.table
    keys: dict[str, Any] = {name: table[name].tolist() for name in _STORE_COLUMNS}
    keys["store"] = table.index.tolist()
    page = cut(range(len(table)), keys, state.arrangement)
    texts, named, marks = texts_of(audit), store_ids(audit), marks_of(audit)
    lines = [
        {
            "id": named.of(table.index[i]),
            "cells": [
                {
                    "text": texts[str(table.index[i])],
                    "title": shown(table.index[i], 300),
                    "mark": marks.get(str(table.index[i])),
                },
                *(
                    {"text": shown(keys[name][i])} if name == "id_kind" else count(keys[name][i])
                    for name in _STORE_COLUMNS
                ),
            ],
        }
        for i in page.rows
    ]
    columns: list[Node] = [{"id": "store", "label": "store", "sticky": True}]
    columns += [
        {"id": name, "label": words, "align": "left" if name == "id_kind" else "right"}
        for name, words in _STORE_COLUMNS.items()
    ]
    return [
        pictures.table(
            "grid",
            "Genes per store",
            columns,
            lines,
            **page.node,
            selected=named.known(state.stores),
            selectable="many",
        )
    ]


def _identifiers(audit: Audit, state: State) -> list[Node]:
    table = audit.coverage.what_if.iloc[:60]
    columns: list[Node] = [
        {"id": "identifier", "label": "identified by", "sticky": True},
        {"id": "strip", "label": "version"},
        {"id": "case", "label": "case"},
        {"id": "n_stores", "label": "stores that have it", "align": "right"},
        {"id": "inner", "label": "genes in all", "align": "right"},
        {"id": "outer", "label": "genes in any", "align": "right"},
    ]
    ways_ = list(table.itertuples())
    keys: dict[str, Any] = {
        "identifier": [str(way.identifier) for way in ways_],
        "strip": [bool(way.strip_version) for way in ways_],
        "case": [bool(way.upper_case) for way in ways_],
        **{name: table[name].tolist() for name in ("n_stores", "inner", "outer")},
    }
    page = cut(range(len(ways_)), keys, state.arrangement, 60)
    lines = [
        {
            "id": f"i{i}",
            "cells": [
                {"text": shown(ways_[i].identifier)},
                {"text": "stripped" if ways_[i].strip_version else "as it is"},
                {"text": "ignored" if ways_[i].upper_case else "as it is"},
                count(ways_[i].n_stores),
                count(ways_[i].inner),
                count(ways_[i].outer),
            ],
        }
        for i in page.rows
    ]
    return [pictures.table("grid", "Joins by other identifiers", columns, lines, **page.node)]


def _found(audit: Audit, state: State) -> list[Node]:
    """Stores that have the genes: the table first, then what can be done with them."""
    found = audit.coverage.find(state.genes)
    stores = list(found.columns)
    several = len(stores) > 12
    texts = differing([str(store) for store in stores], 18)
    columns: list[Node] = [
        {"id": "gene", "label": "gene", "sticky": True},
        {"id": "n", "label": "in stores"},
    ]
    if several:
        columns.append({"id": "lack", "label": "not in"})
    else:
        columns += [
            {"id": f"s{i}", "label": text, "title": shown(store, 300)}
            for i, (text, store) in enumerate(zip(texts, stores, strict=True))
        ]
    n_of = found.sum(axis=1).tolist()
    keys: Mapping[str, Any] = {"gene": found.index.tolist(), "n": n_of}
    page = cut(range(len(found)), keys, state.arrangement)
    lines = [
        {
            "id": f"q{i}",
            "cells": [
                {"text": shown(found.index[i])},
                {"text": f"{n_of[i]:,} of {len(stores):,}" if n_of[i] else "no store"},
                *_where(found.iloc[i].tolist(), texts, several),
            ],
        }
        for i in page.rows
    ]
    listed = state.recipe.var_names is not None
    tools = [
        nodes.button(
            "train_on_genes",
            "Train on these genes",
            "keep exactly these genes, in this order",
            icon="check",
            disabled=not state.genes,
        ),
        nodes.button(
            "all_genes",
            "All genes again",
            "forget the list of genes",
            icon="times",
            disabled=not listed,
        ),
    ]
    made = [
        nodes.text_field(
            "search", "Genes", state.typed, placeholder="CD3E, MS4A1, … (paste a list)", area=True
        )
    ]
    if len(found):
        made.append(
            pictures.table("grid", "Stores that have the genes", columns, lines, **page.node)
        )
    return [*made, nodes.row("panel", tools)]


def _where(has: list[bool], texts: list[str], several: bool) -> list[Node]:
    if not several:
        return [{"text": "✓" if there else "–"} for there in has]
    lacking = [text for text, there in zip(texts, has, strict=True) if not there]
    if len(lacking) in (0, len(texts)):
        return [{"text": "–"}]
    more = f" and {len(lacking) - 3:,} more" if len(lacking) > 3 else ""
    return [{"text": ", ".join(names(lacking[:3])) + more, "title": ", ".join(lacking[:40])}]
