"""The cells: the embedding of each store, depth, genes and mitochondrial share, and one gene."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mappedviz.errors import MappedvizError
from mappedviz.text.display import quantity, shown
from mappedviz.views import nodes
from mappedviz.views.models import cell_points, cell_strips
from mappedviz.views.models.categories import keys
from mappedviz.views.models.memory import of_audit
from mappedviz.views.models.shapes import ids
from mappedviz.views.models.stores import colours_of, listed_stores, marks_of, texts_of
from mappedviz.views.models.tables import things
from mappedviz.views.series import Ids

if TYPE_CHECKING:
    from mappedviz.audits.cells.depths import CellStats
    from mappedviz.audits.cells.embeddings import Embedding
    from mappedviz.audits.cells.expression import Expression
    from mappedviz.audits.result import Audit
    from mappedviz.views.nodes import Node

STORE = "store"
MOST_STORES = 60  # of which cells are read
CELLS = 5_000  # of a store, at most
_ALL_CELLS = 100_000
_FEW = 20  # stores of which all measures are shown
_POINTS_OF_MANY = 4_400  # of more stores
_MOST_BYTES = 62_000  # of a tab, with room for the status and the tabs
_MOST_KEYS = 180
_MOST_MATCHES = 8


@dataclass(frozen=True)
class State:
    """The state of the view, and what was read of the cells.

    Attributes
    ----------
    by
        The obs key that cells are coloured by, or ``"store"``.
    element
        The obsm element; "" for the one that most stores have.
    gene, typed
        The gene, and what is in its field.
    colour
        ``"by"`` or ``"gene"``.
    measure
        The measure that is shown of many stores.
    stores
        Stores in focus.
    embedding, stats, expression
        What was read; None until then.
    errors
        Part -> why it could not be read.
    reading
        What is being read, in words; done and total stores.
    stopped
        Whether the reading was stopped.
    figures
        Whether matplotlib's figures are shown in place of charts.
    """

    by: str = STORE
    element: str = ""
    gene: str = ""
    typed: str = ""
    colour: str = "gene"
    measure: str = "total"
    stores: tuple[str, ...] = ()
    embedding: Embedding | None = None
    stats: CellStats | None = None
    expression: Expression | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    reading: str = ""
    done: int = 0
    total: int = 0
    stopped: bool = False
    figures: bool = False


# ------------------------------------------------------------------------ what is asked for


@of_audit
def readable(audit: Audit) -> tuple[str, ...]:
    """Return the stores whose cells can be read."""
    status, known = audit.stores["status"], set(audit.coverage.stores)
    return tuple(str(one) for one in audit.stores.index[status == "ok"] if one in known)


def chosen(audit: Audit, focus: Sequence[str]) -> tuple[str, ...]:
    """Return the stores whose cells are shown: all, or of many those in focus and the largest ones."""
    every = readable(audit)
    if len(every) <= MOST_STORES:
        return every
    first = set(focus)
    n_obs = audit.stores["n_obs"]
    order = sorted(every, key=lambda one: (one not in first, -int(n_obs[one])))
    some = set(order[:MOST_STORES])
    return tuple(one for one in every if one in some)


def cells_of_each(n_stores: int) -> int:
    """Return how many cells are read of each store."""
    return max(500, min(CELLS, _ALL_CELLS // max(n_stores, 1)))


@of_audit
def other_keys(audit: Audit) -> list[tuple[str, str]]:
    """Return all obs columns that cells can be coloured by, and a remark: labels first, then numbers."""
    found = keys(audit)
    known = {key for key, _ in found}
    numbers = [str(one) for one in audit.obs_schema.index if str(one) not in known]
    return [*found, *((key, "numbers") for key in numbers)][:_MOST_KEYS]


@of_audit
def key_ids(audit: Audit) -> Ids:
    """Return the ids of these columns."""
    return Ids((key for key, _ in other_keys(audit)), "k")


@of_audit
def elements(audit: Audit) -> dict[str, int]:
    """Return the obsm elements and the number of stores that have them, most first."""
    times: dict[str, int] = {}
    for some in audit.stores["obsm"]:
        for name in some:
            times[str(name)] = times.get(str(name), 0) + 1
    return dict(sorted(times.items(), key=lambda one: -one[1])[:_MOST_KEYS])


@of_audit
def element_ids(audit: Audit) -> Ids:
    """Return the ids of these elements."""
    return Ids(elements(audit), "e")


@of_audit
def _genes(audit: Audit) -> tuple[list[str], frozenset[str]]:
    """Names of all genes without regard to case, and as they are; none of an audit from JSON."""
    try:
        every = audit.coverage.names.tolist()
    except MappedvizError:
        return [], frozenset()
    return sorted(every, key=lambda name: (len(name), name)), frozenset(every)


def is_gene(audit: Audit, gene: str) -> bool:
    """Return whether any store has a gene of this name."""
    return gene in _genes(audit)[1]


@of_audit
def matches(audit: Audit, typed: str) -> tuple[str, ...]:
    """Return genes whose names begin with a text, the shortest first."""
    wanted, found = typed.casefold(), []
    for name in _genes(audit)[0] if typed else ():
        if name.casefold().startswith(wanted):
            found.append(name)
            if len(found) == _MOST_MATCHES:
                break
    return tuple(found)


def match_ids(audit: Audit, typed: str) -> Ids:
    """Return the ids of these genes."""
    return Ids(matches(audit, typed), "m")


# ------------------------------------------------------------------------ the tab


def body(audit: Audit, state: State) -> list[Node]:
    """Return the tab."""
    some = chosen(audit, state.stores)
    if not some:
        return [nodes.note("message", "There is no store whose cells can be read.", "warning")]
    around = [nodes.row("asked", _asked(audit, state))]
    around += [*_matching(audit, state), *_working(state)]
    every = len(readable(audit))
    if len(some) < every:
        text = (
            f"{len(some):,} of {every:,} stores are shown: those that are selected, and those "
            "with most cells."
        )
        around.append(nodes.note("some", text, "hint"))
    below = [*_gene(audit, state), *_stats(audit, state)]
    room = _MOST_BYTES - len(json.dumps([*around, *below]))
    return [*around, *_embedding(audit, state, room), *below]


def _asked(audit: Audit, state: State) -> list[Node]:
    named, known = key_ids(audit), element_ids(audit)
    options: list[Node] = [{"id": "", "text": "Store"}]
    options += [
        {"id": named.of(key), "text": shown(key, 40), "note": note}
        for key, note in other_keys(audit)
    ]
    n = len(readable(audit))
    most = state.embedding.key if state.embedding is not None and not state.element else None
    first = {"id": "", "text": "The usual one", "note": "" if most is None else shown(most, 30)}
    spelled: list[Node] = [first]
    spelled += [
        {"id": known.of(name), "text": shown(name, 40), "note": f"in {k:,} of {n:,} stores"}
        for name, k in elements(audit).items()
    ]
    by, element = named.known([state.by]), known.known([state.element])
    value = "" if state.by == STORE else by[0] if by else shown(state.by, 40)
    made = [
        nodes.select("by", "Coloured by", value, options, title="an obs key, or the store"),
        nodes.select(
            "element",
            "Embedding",
            element[0] if element else shown(state.element, 40) if state.element else "",
            spelled,
            title="an element of obsm, however each store spells it",
        ),
        nodes.text_field("gene", "Gene", state.typed, placeholder="CD8A, …"),
    ]
    if state.expression is not None:
        shown_by = "store" if state.by == STORE else shown(state.by, 24)
        pairs = [("gene", shown(state.gene, 24)), ("by", shown_by)]
        made.append(nodes.segments("colour", "Colours", state.colour, pairs))
    return made


def _matching(audit: Audit, state: State) -> list[Node]:
    """Genes that may be meant."""
    if not state.typed or is_gene(audit, state.typed):
        return []
    some, named = matches(audit, state.typed), match_ids(audit, state.typed)
    if not some:
        return []
    options = [(named.of(gene), shown(gene, 30)) for gene in some]
    return [nodes.chips("matches", f"Genes that begin with {shown(state.typed, 24)}", [], options)]


def _working(state: State) -> list[Node]:
    if state.reading:
        bar = nodes.progress("progress", state.done, max(state.total, 1))
        text = f"{state.reading} …"
        if state.total:
            text += f" {state.done:,} of {things(state.total, 'store')}"
        stop = nodes.button("stop", "Stop", "stop reading")
        return [nodes.row("working", [nodes.note("reading", text, "hint"), bar, stop])]
    again = nodes.button("read_again", "Read again", "read the cells")
    if state.stopped:
        return [nodes.row("working", [nodes.note("stopped", "Stopped.", "hint"), again])]
    if state.errors:
        return [nodes.row("working", [again])]
    return []


def _trouble(state: State, part: str) -> list[Node]:
    text = state.errors.get(part)
    return [] if text is None else [nodes.note(f"{part}_error", shown(text, 600), "warning")]


def _by_colour(audit: Audit) -> list[str]:
    """The stores in the order of their colours, with gaps for those that were left out."""
    places = colours_of(audit)
    if not places:
        return [str(store) for store in audit.stores.index]
    stores = [""] * (max(places.values()) + 1)
    for store, place in places.items():
        stores[place] = store
    return stores


def _embedding(audit: Audit, state: State, room: int) -> list[Node]:
    embedding = state.embedding
    if embedding is None:
        return _trouble(state, "embedding")
    said = []
    if embedding.absent:
        reasons = embedding.stores["note"]
        text = listed_stores(audit, embedding.absent)
        why = shown(str(reasons[embedding.absent[0]]), 120)
        said.append(nodes.note("absent", f"Nothing is drawn of {text}: {why}.", "hint"))
    if not embedding.stores["drawn"].any():
        return [*_trouble(state, "embedding"), *said]
    if state.expression is not None and state.colour == "gene":
        paints = cell_points.by_gene(embedding, state.expression)
    else:
        paints = cell_points.by_key(embedding, _by_colour(audit))
    overhead = sum(100 + 2 * len(text) for text in texts_of(audit).values()) // max(
        len(texts_of(audit)), 1
    )
    points = (room - overhead * len(embedding.stores) - 2_000) // 5
    # As many whatever is shown besides: places that do not change are not sent again.
    several = len(embedding.stores) > _FEW
    most = max(500, min(_POINTS_OF_MANY if several else cell_points.MOST_POINTS, points))
    made, n = cell_points.scatter(embedding, paints, texts_of(audit), most, marks_of(audit))
    text = cell_points.sentence(embedding, n)
    if len(embedding.stores) > 1:
        text += " Each embedding is its store's own: compare shapes and labels, not places."
    drawn = nodes.note("drawn", text, "hint")
    return [*_trouble(state, "embedding"), made, drawn, *said]


def _gene(audit: Audit, state: State) -> list[Node]:
    if state.expression is None:
        return _trouble(state, "expression")
    made, said = cell_strips.of_gene(
        state.expression, texts_of(audit), ids(audit), state.stores, marks_of(audit)
    )
    words = f"{'; '.join(said)}." if said else ""
    notes = [nodes.note("gene_said", words[:1].upper() + words[1:], "hint")] if said else []
    return [*_trouble(state, "expression"), made, *notes]


def _stats(audit: Audit, state: State) -> list[Node]:
    stats = state.stats
    if stats is None:
        return _trouble(state, "stats")
    texts, named = texts_of(audit), ids(audit)
    several = len(stats.stores) > _FEW
    measures = [state.measure] if several else list(cell_strips.MEASURES)
    title = ""
    if state.figures:
        measures, title = ["total"], "Depth, genes and mitochondrial share"
    charts = [
        cell_strips.of_stores(stats, measure, texts, named, state.stores, title, marks_of(audit))
        for measure in measures
    ]
    tools: list[Node] = []
    if several and not state.figures:
        options = list(cell_strips.MEASURES.items())
        tools.append(nodes.segments("measure", "Of each store", state.measure, options))
    said = []
    if stats.not_counts:
        some = listed_stores(audit, stats.not_counts)
        text = f"Grey: values of {some} are not counts, so their sum is no depth."
        said.append(nodes.note("not_counts", text, "hint"))
    said += _not_known(audit, stats)
    if state.stores:
        leave = nodes.button(
            "leave_selected_out",
            f"Leave {things(len(state.stores), 'selected store')} out",
            "train without the selected stores",
        )
        tools.append(leave)
    n = quantity(stats.stores["drawn"].max())
    read = nodes.note("read", f"Out of up to {n} cells of each store.", "hint")
    row = [nodes.row("measuring", tools)] if tools else []
    return [*row, nodes.row("measures", charts), *said, read, *_trouble(state, "stats")]


def _not_known(audit: Audit, stats: CellStats) -> list[Node]:
    """What is not known of the cells of which stores, in one sentence."""
    groups: dict[str, list[str]] = {}
    for store, note in stats.stores["note"].items():
        if note:
            alike = re.sub(r" \d[\d,]*(?= genes)", "", str(note))  # told apart by a number alone
            groups.setdefault(alike, []).append(str(store))
    most = sorted(groups, key=lambda one: -len(groups[one]))[:3]
    words = [f"{shown(one, 120)} ({listed_stores(audit, groups[one])})" for one in most]
    text = "; ".join(words)
    return [nodes.note("not_known", f"{text[:1].upper()}{text[1:]}.", "hint")] if text else []
