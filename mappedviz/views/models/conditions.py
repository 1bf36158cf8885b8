"""The condition on obs that says which cells are kept: what it is, what is wrong with it, what it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mappedviz.audits.nearest import suggestion
from mappedviz.errors import MissingKeyError
from mappedviz.recipe.query import Query
from mappedviz.text.display import quantity, shown
from mappedviz.views import nodes

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit
    from mappedviz.audits.tables.labels import LabelTable
    from mappedviz.views.models.label_state import State
    from mappedviz.views.nodes import Node

_EXAMPLE = "n_genes > 200 and tissue not in ['blood']"


def checked(audit: Audit, text: str) -> str | None:
    """Return a condition that the stores can answer; None for an empty one.

    Raises
    ------
    RecipeError
        It is no condition.
    MissingKeyError
        It names a column that no store has.
    """
    text = text.strip()
    if not text:
        return None
    known = {*map(str, audit.obs_schema.index), *audit.recipe.obs_alias}
    for column in Query(text).columns:
        if column not in known:
            raise MissingKeyError(
                "no store has this obs column",
                key=column,
                remedy=suggestion(column, sorted(known)).strip() or None,
            )
    return text


def condition(audit: Audit, labels: LabelTable, state: State) -> Node:
    """Return the field of the condition, its error, and the number of cells that stay."""
    recipe = audit.recipe
    typed = state.recipe.obs_query if state.query is None else state.query
    made = [
        nodes.text_field(
            "query",
            "Keep cells where",
            typed or "",
            placeholder=_EXAMPLE,
            late=True,
            title="a condition on obs columns: comparisons, and, or, not, in; Enter applies it",
        )
    ]
    error = state.query_error or _refusal(audit, state)
    if error:
        made.append(nodes.note("query_error", shown(error, 400), "error"))
    elif recipe.filter_keys:
        every = int(audit.stores["n_obs"].sum())
        said = f"{quantity(labels.n_rows)} of {quantity(every)} cells stay"
        what = [name for name in ("obs_filter", "obs_query") if getattr(recipe, name)]
        made.append(nodes.note("query_leaves", f"{said}, by {' and '.join(what)}.", "hint"))
    return nodes.row("narrowing", made)


def _refusal(audit: Audit, state: State) -> str:
    """What the engine says of the condition, if it cannot be answered by the values."""
    if audit.recipe.obs_query is None or audit.recipe.obs_query != state.recipe.obs_query:
        return ""
    for one in audit.findings:
        if one.severity == "fatal" and "obs_query" in one.message:
            return one.message
    return ""
