"""The labels: bars by store, spellings side by side, stores without the column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz.text.display import listed, quantity, shown
from mappedviz.views import nodes
from mappedviz.views.models.conditions import condition
from mappedviz.views.models.kinds import kinds
from mappedviz.views.models.label_bars import bars, matrix
from mappedviz.views.models.memory import of_audit
from mappedviz.views.models.spellings import renamed, variants
from mappedviz.views.models.stores import listed_stores
from mappedviz.views.series import Ids

if TYPE_CHECKING:
    from mappedviz._types import Array
    from mappedviz.audits.result import Audit
    from mappedviz.audits.tables.labels import LabelTable
    from mappedviz.views.models.label_state import State
    from mappedviz.views.nodes import Node

SCALES = ("cells", "shares", "logarithm")
SORTS = {"count": "Cells", "name": "Name", "stores": "Number of stores"}
_MEASURED, _NONE = 8, 9  # measurements; no such column
_MOST_KEYS = 190


def body(audit: Audit, state: State) -> list[Node]:
    """Return the tab."""
    if not state.key:
        ask = "Choose the obs column that holds the class of each cell."
        return [nodes.note("message", ask, "hint"), nodes.row("asked", [_key(audit, state)])]
    labels = audit.labels(state.key)
    missing, absent = int(labels.missing.sum()), int(labels.absent.sum())
    n_labels = len(labels.classes)
    numbers: list[tuple[str, ...]] = [
        (quantity(n_labels), "label" if n_labels == 1 else "labels"),
        (quantity(labels.n_rows - missing - absent), "labelled cells"),
    ]
    if missing:
        numbers.append((quantity(missing), "without a label", "", "warning"))
    if absent:
        numbers.append((quantity(absent), "in stores without this column", "", "warning"))
    said = [] if labels.classes else [f"No cell has a label in {shown(state.key)!r}."]
    return [
        *(nodes.note("message", text, "warning") for text in said),
        nodes.numbers("numbers", numbers),
        nodes.row("asked", _asked(audit, state)),
        *_absent(audit, labels, state),
        *_counting(state),
        bars(audit, labels, state),
        nodes.row("deciding", _deciding(state)),
        condition(audit, labels, state),
        *variants(labels, state),
        kinds(audit, state),
        *renamed(labels, state),
        _crossed(audit, state),
    ]


def _counting(state: State) -> list[Node]:
    if "bars" not in state.waiting:
        return []
    text = f"Counting the cells of each {shown(state.by, 40)} …"
    return [nodes.note("reading", text, "hint")]


def _asked(audit: Audit, state: State) -> list[Node]:
    return [
        _key(audit, state),
        nodes.text_field("search", "Search", state.search, placeholder="part of a label"),
        nodes.number_field("top_n", "Show", state.top_n, low=1, high=150),
        nodes.select("sort", "Sort by", state.sort, list(SORTS.items()), title="order of the bars"),
        nodes.segments("scale", "Scale", state.scale, [(one, one.capitalize()) for one in SCALES]),
        _other_key(audit, state.key, "by", "Stacked by", state.by),
    ]


def _other_key(audit: Audit, but: str, name: str, label: str, chosen: str) -> Node:
    """The choice of the store or another key."""
    named = key_ids(audit)
    options: list[Node] = [{"id": "", "text": "Store"}]
    options += [
        {"id": named.of(key), "text": shown(key, 40), "note": note}
        for key, note in keys(audit)
        if key != but
    ]
    known = named.known([chosen])
    return nodes.select(name, label, known[0] if known else "", options)


def _crossed(audit: Audit, state: State) -> Node:
    opened = "cross" in state.opened
    inner = []
    if opened:
        named = key_ids(audit)
        known = [state.across] if state.across else [state.key]
        options = [(named.of(key), shown(key, 40)) for key, _ in keys(audit)]
        chosen = named.known(known)
        rows = nodes.select("across", "Rows", chosen[0] if chosen else shown(known[0], 40), options)
        columns = _other_key(audit, known[0], "against", "Columns", state.against)
        inner = [nodes.row("crossing", [rows, columns]), matrix(audit, state)]
    return nodes.disclosure("cross", "One key against another", inner, opened=opened)


# ------------------------------------------------------------------------ the key


@of_audit
def keys(audit: Audit) -> list[tuple[str, str]]:
    """Return obs columns that may hold a label, and a remark; labels first, then whole numbers."""
    columns, kinds = _kinds(audit)
    n_stores = kinds.shape[1]
    found: list[tuple[int, int, int, str]] = []
    for place, (column, of_stores) in enumerate(zip(columns, kinds, strict=True)):
        kind = int(of_stores.min(initial=_NONE))
        if kind < _MEASURED:
            found.append((kind, -int((of_stores < _NONE).sum()), place, column))
    return [
        (column, "" if -n == n_stores else f"in {-n:,} of {n_stores:,} stores")
        for _, n, _, column in sorted(found)[:_MOST_KEYS]
    ]


@of_audit
def key_ids(audit: Audit) -> Ids:
    """Return the ids of these columns."""
    return Ids((key for key, _ in keys(audit)), "k")


def _key(audit: Audit, state: State) -> Node:
    found, named = keys(audit), key_ids(audit)
    options: list[Node] = [] if state.key else [{"id": "", "text": "Choose a column"}]
    options += [{"id": named.of(key), "text": shown(key, 40), "note": note} for key, note in found]
    known = named.known([state.key])
    value = known[0] if known else shown(state.key, 40) if state.key else ""
    return nodes.select("key", "Label", value, options, title="the obs column of the class")


@of_audit
def _kinds(audit: Audit) -> tuple[list[str], Array]:
    """The obs columns, and what each is in each store."""
    schema = audit.obs_schema
    columns = [str(column) for column in schema.index]
    if not len(schema.columns):
        return columns, np.empty((len(columns), 0), dtype=np.int64)
    dtypes = schema.xs("dtype", axis=1, level="what").to_numpy(dtype=object)
    known = {one: _kind(one) if isinstance(one, str) else _NONE for one in set(dtypes.flat)}
    kinds = [known[dtype] for dtype in dtypes.flat]
    return columns, np.array(kinds, dtype=np.int64).reshape(dtypes.shape)


def _kind(dtype: str) -> int:
    """0 for labels, 1 for whole numbers, more for what is no label."""
    if dtype.startswith(("category", "string", "str", "object", "bool")):
        return 0
    return 1 if dtype.startswith(("int", "uint")) else _MEASURED


def _deciding(state: State) -> list[Node]:
    nothing = not state.classes
    made = [
        nodes.button(
            "keep_selected",
            "Keep only selected",
            "train on the selected labels",
            icon="filter",
            disabled=nothing,
        ),
        nodes.button(
            "leave_selected_out",
            "Leave selected out",
            "train without them",
            icon="minus",
            disabled=nothing,
        ),
    ]
    if state.key in state.recipe.obs_filter:
        made.append(nodes.button("keep_all", "All labels again", "forget the filter", icon="times"))
    made += [
        nodes.text_field("name", "New name", state.name, placeholder="one name for them"),
        nodes.button(
            "rename_selected",
            "Rename selected",
            "read all of them as this label",
            icon="pencil",
            disabled=nothing,
        ),
    ]
    if state.key in state.recipe.relabel:
        made.append(
            nodes.button(
                "forget_names", "Original names again", "forget all new names", icon="times"
            )
        )
    return made


# ------------------------------------------------------------------------ stores without it


def without(labels: LabelTable) -> tuple[str, ...]:
    """Return the stores that have no such column."""
    return tuple(str(store) for store, n in labels.absent.items() if n)


@of_audit
def columns_of(audit: Audit, stores: tuple[str, ...]) -> dict[str, int]:
    """Return columns of labels that some stores have, and how many of them do; most first."""
    columns, kinds = _kinds(audit)
    wanted = set(stores)
    pairs: list[Any] = audit.obs_schema.columns.tolist()
    here = [store for store, what in pairs if what == "dtype"]
    some = [place for place, store in enumerate(here) if store in wanted]
    counts = (kinds[:, some] == 0).sum(axis=1)
    order = np.argsort(-counts, kind="stable")[:_MOST_KEYS]
    return {columns[i]: int(counts[i]) for i in order.tolist() if counts[i]}


def column_ids(audit: Audit, labels: LabelTable) -> Ids:
    """Return the ids of the columns that may be read in place of the key."""
    return Ids(columns_of(audit, without(labels)), "a")


def suggested(state: State) -> list[str]:
    """Return the columns that the audit suggests."""
    if state.fix is None:
        return []
    return list(dict.fromkeys(state.fix.change["obs_alias"][state.key].values()))


def chosen_column(audit: Audit, labels: LabelTable, state: State) -> str | None:
    """Return the column that is chosen, else what the audit suggests, else the most frequent one."""
    known = columns_of(audit, without(labels))
    for column in (state.column, *suggested(state), *known):
        if column in known:
            return column
    return None


def _absent(audit: Audit, labels: LabelTable, state: State) -> list[Node]:
    lacking = without(labels)
    if not lacking:
        return []
    n, of = len(lacking), len(labels.stores)
    has = "has" if n == 1 else "have"
    said = (
        f"{n:,} of {of:,} stores {has} no obs column {shown(state.key, 30)!r}: "
        f"{listed_stores(audit, lacking)}. Is it called differently there?"
    )
    tools = []
    if state.fix is not None:
        some = listed(suggested(state), most=3, limit=24)
        tools.append(
            nodes.button("use_suggestion", f"Use {some}", "what the audit suggests", icon="magic")
        )
    counts, named = columns_of(audit, lacking), column_ids(audit, labels)
    chosen = chosen_column(audit, labels, state)
    if chosen is not None:
        options = [
            {"id": named.of(column), "text": shown(column, 40), "note": f"in {k:,} of them"}
            for column, k in counts.items()
        ]
        tools += [
            nodes.select(
                "column",
                "Read it from",
                named.of(chosen),
                options,
                title="an obs column of those stores",
            ),
            nodes.button(
                "use_column", "Use this column", "the same key under another name", icon="link"
            ),
        ]
    return [nodes.panel("absent", [nodes.row("reading", tools)], hint=said)]
