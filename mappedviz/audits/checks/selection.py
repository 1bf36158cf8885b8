"""Checks of what the recipe leaves: rows, labels, classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.audits.findings import Found, NotApplicableError, check
from mappedviz.audits.nearest import did_you_mean, some_of
from mappedviz.recipe.relabels import n_renamed

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence
    from mappedviz.audits.tables.labels import LabelTable
    from mappedviz.recipe.labels import Label


def _read(e: Evidence) -> None:
    if not e.used:
        raise NotApplicableError("no store can be read")


def _rows(e: Evidence) -> None:
    _read(e)
    if not len(e.rows):
        raise NotApplicableError("no cell is left")


def _keys(e: Evidence) -> list[str]:
    """The obs keys that arrive in a batch or decide about rows, the label first."""
    named = [e.label, *e.recipe.obs_keys, *e.recipe.weights_keys, e.batch, e.group]
    named += e.recipe.keys_of_split()
    return [key for key in dict.fromkeys(named) if key is not None]


def _why(e: Evidence) -> str:
    """What the recipe does that may leave so little."""
    asked = [
        f"obs_filter asks for {some_of(wanted)} of {key!r}, "
        f"and the stores have {some_of(e.every_label(key)) or 'no such column'}"
        for key, wanted in e.recipe.obs_filter.items()
    ]
    if e.recipe.obs_query is not None:
        asked.append(f"obs_query is {e.recipe.obs_query!r}")
    return "; ".join(asked)


@check("no-cells", "error", "Change obs_filter= or obs_query=, or add stores.")
def no_cells(e: Evidence) -> Iterator[Found]:
    """No cell is left to train on: {why}."""
    _read(e)
    if len(e.rows):
        return
    change: dict[str, Any] = {}
    if any(scan.n_obs for _, scan in e.used):
        nothing = {
            key: did_you_mean([one for one in wanted if one is not None], e.every_label(key))
            for key, wanted in e.recipe.obs_filter.items()
            if not set(wanted) & set(e.every_label(key))
        }
        why = _why(e) + "".join(f"; {key}: {words}" for key, words in nothing.items() if words)
        change = {"obs_filter": {}, "obs_query": None}
    else:
        why = f"the {len(e.used)} stores have none"
    yield Found({"why": why}, stores=[name for name, _ in e.used], number=0, change=change)


@check("store-left-out", "info", "Change the filter, or leave these stores out.")
def store_left_out(e: Evidence) -> Iterator[Found]:
    """The filter leaves no cell of {n} of {all} stores{why}."""
    if not e.recipe.filter_keys:
        raise NotApplicableError("the recipe filters no cells")
    _rows(e)
    kept = [
        (name, scan.n_obs, n)
        for (name, scan), n in zip(e.used, e.rows.counts, strict=True)
        if scan.n_obs
    ]
    empty = [name for name, _, n in kept if not n]
    if not empty:
        return
    lacking = {
        key: [name for name in empty if e.all_labels(key).absent.get(name, 0)]
        for key in e.recipe.filter_keys
    }
    words = [f"{len(some)} have no obs column {key!r}" for key, some in lacking.items() if some]
    paths = [str(e.stores.loc[name, "path"]) for name in empty]
    yield Found(
        {"n": len(empty), "all": len(kept), "why": f": {', '.join(words)}" if words else ""},
        stores=empty,
        number=len(empty),
        severity="warning" if words else None,
        change={"drop": paths} if len(paths) < len(e.paths) else {},
    )


def _classes(e: Evidence, key: str) -> list[Label]:
    """The classes that a model learns: the unknown label is none of them."""
    unknown = e.recipe.unknown_label_of(key)
    return [label for label in e.labels(key).classes if label != unknown]


def _label(e: Evidence) -> str:
    if e.label is None:
        raise NotApplicableError("no label was named")
    _rows(e)
    if not e.has(e.label):
        raise NotApplicableError(f"no store has the label {e.label!r}")
    return e.label


def _lost(e: Evidence, key: str) -> str:
    """Words on what the recipe does to the labels of a key, as a sentence; nothing if it does not."""
    recipe = e.recipe
    words = []
    if recipe.filter_keys:
        words.append(_why(e))
    if key in recipe.obs_alias:
        words.append(f"obs_alias takes {recipe.obs_alias[key]!r} for it")
    if key in recipe.relabel:
        words.append(f"relabel renames {n_renamed(recipe.relabel[key])} labels")
    if recipe.unknown_label_of(key) is not None:
        words.append(f"unknown_label is {recipe.unknown_label_of(key)!r}")
    return f" ({'; '.join(words)})" if words else ""


@check("no-label", "error", "Name another column, with label= or obs_alias=.")
def no_label(e: Evidence) -> Iterator[Found]:
    """None of the {n:,} cells has a label of {key!r}{why}."""
    key = _label(e)
    if not _classes(e, key):
        yield Found(
            {"n": len(e.rows), "key": key, "why": _lost(e, key)},
            stores=e.labels(key).stores,
            number=0,
        )


@check(
    "one-class",
    "error",
    "Add cells of other classes, name another column, or change what leaves only these.",
)
def one_class(e: Evidence) -> Iterator[Found]:
    """All {n:,} labelled cells are of one class of {key!r}, {label!r}: there is nothing to tell
    apart{why}.
    """
    key = _label(e)
    classes = _classes(e, key)
    if len(classes) == 1:
        total = e.labels(key).total
        yield Found(
            {
                "n": int(total.iloc[e.labels(key).classes.index(classes[0])]),
                "key": key,
                "label": classes[0],
                "why": _lost(e, key),
            },
            stores=e.labels(key).stores,
            number=1,
        )


def _unlabelled(e: Evidence, table: LabelTable, key: str) -> list[str]:
    """Stores that have the column, and not one label in it."""
    unknown = e.recipe.unknown_label_of(key)
    known = np.array([label != unknown for label in table.classes], dtype=bool)
    labelled = set(np.unique(table.rows[1][known[table.rows[0]]]).tolist())
    counted = e.rows_of(table)
    return [
        name
        for i, name in enumerate(table.stores)
        if i not in labelled and int(counted.iloc[i]) and not int(table.absent.iloc[i])
    ]


@check(
    "key-empty",
    "error",
    "Say which column it is with obs_alias=, or leave these stores out.",
)
def key_empty(e: Evidence) -> Iterator[Found]:
    """{n} of {all} stores have the obs column {key!r} and no label in it: {rows:,} cells without one."""
    _rows(e)
    keys = [key for key in _keys(e) if e.has(key)]
    if not keys:
        raise NotApplicableError("the recipe names no obs column that the stores have")
    for key in keys:
        table = e.labels(key)
        empty = _unlabelled(e, table, key)
        if not empty or (key == e.label and not _classes(e, key)):  # no-label says so
            continue
        rows = e.rows_of(table)
        paths = [str(e.stores.loc[name, "path"]) for name in empty]
        yield Found(
            {
                "n": len(empty),
                "all": len(table.stores),
                "key": key,
                "rows": sum(int(rows.iloc[table.stores.index(name)]) for name in empty),
            },
            stores=empty,
            number=len(empty),
            change={"drop": paths} if len(paths) < len(e.paths) else {},
        )


@check(
    "key-absent",
    "warning",
    "Say which column it is with obs_alias=, or leave these stores out.",
)
def key_absent(e: Evidence) -> Iterator[Found]:
    """{n} of {all} stores have no obs column {key!r}: {rows:,} cells get -1 or NaN in a batch."""
    keys = [key for key in e.recipe.obs_keys if key != e.label]  # label-absent is about that
    if not keys:
        raise NotApplicableError("the recipe reads no other obs column than the label")
    _rows(e)
    for key in keys:
        absent = e.labels(key).absent
        absent = absent[absent > 0]
        if len(absent) and e.has(key):
            paths = [str(e.stores.loc[name, "path"]) for name in absent.index]
            yield Found(
                {
                    "n": len(absent),
                    "all": len(e.labels(key).stores),
                    "key": key,
                    "rows": int(absent.sum()),
                },
                stores=[str(name) for name in absent.index],
                number=int(absent.sum()),
                change={"drop": paths} if len(paths) < len(e.paths) else {},
            )
