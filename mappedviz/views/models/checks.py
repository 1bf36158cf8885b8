"""The findings, those of one check together: what was found, what to do, and what that changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mappedviz.audits.findings import CHECKS, code_of, remedy_below
from mappedviz.text.display import listed, shown
from mappedviz.views import nodes, pictures
from mappedviz.views.models.memory import of_audit
from mappedviz.views.models.stores import without_paths
from mappedviz.views.models.tables import UNSORTED, Arrangement, cut, things
from mappedviz.views.series import Ids

if TYPE_CHECKING:
    from mappedviz.audits.findings import Finding
    from mappedviz.audits.result import Audit
    from mappedviz.views.nodes import Node
    from mappedviz.views.outcome import Outcome

_ORDER = {"fatal": 0, "error": 1, "warning": 2, "info": 3}
_SIGNS = {"fatal": "✕ fatal", "error": "▲ error", "warning": "△ warning", "info": "○ info"}
_MOODS = {"fatal": "error", "error": "error", "warning": "warning", "info": ""}
# Module of a check -> the tab that shows what it is about, and the title of that.
_TABS = {
    "genes": "coverage",
    "panel": "coverage",
    "labels": "categories",
    "naming": "categories",
    "selection": "categories",
    "bias": "weights",
    "batch": "handoff",
    "splitting": "handoff",
}
_TITLES = {
    "shapes": "Stores",
    "coverage": "Genes",
    "categories": "Labels",
    "weights": "Weights",
    "handoff": "Hand-off",
}
_COLUMNS: list[Node] = [
    {"id": "severity", "label": "severity"},
    {"id": "fix", "label": "fix", "title": "a recipe can put it right"},
    {"id": "message", "label": "what was found"},
]


@dataclass(frozen=True)
class State:
    """The state of the view.

    Attributes
    ----------
    selected
        Position of the selected finding.
    outcome, looking
        What its fix would change; whether that is being found out.
    linked
        Whether there are other tabs.
    reviewing
        Whether all safe fixes are shown together.
    groups, members
        Order and page of both tables.
    """

    selected: int = -1
    outcome: Outcome | None = None
    looking: bool = False
    linked: bool = False
    reviewing: bool = False
    groups: Arrangement = UNSORTED
    members: Arrangement = UNSORTED


@of_audit
def grouped(audit: Audit) -> dict[tuple[str, str], list[int]]:
    """Return the positions of the findings by check and severity, the worst first."""
    groups: dict[tuple[str, str], list[int]] = {}
    for i, one in enumerate(audit.findings):
        groups.setdefault((one.id, one.severity), []).append(i)
    return groups


@of_audit
def group_ids(audit: Audit) -> Ids:
    """Return the ids of the groups."""
    return Ids((f"{name} {severity}" for name, severity in grouped(audit)), "g")


def members(audit: Audit, group: str) -> list[int]:
    """Return the positions of the findings of a group, by its id."""
    wanted = group_ids(audit).value(group)
    return next(
        some for (name, severity), some in grouped(audit).items() if f"{name} {severity}" == wanted
    )


def group_of(audit: Audit, position: int) -> list[int]:
    """Return the positions of all findings of a group, by that of one."""
    for some in grouped(audit).values():
        if position in some:
            return some
    return []


def fixable(audit: Audit, some: Sequence[int]) -> list[Finding]:
    """Return the findings of a group that can be put right at once; not those of alternatives."""
    found = [audit.findings[i] for i in some]
    return [one for one in found if one.fix is not None and not one.alternative]


def body(audit: Audit, state: State) -> list[Node]:
    """Return the tab."""
    n, other = len(audit.passed), len(audit.not_applicable)
    said = (
        f"{things(n, 'check')} found nothing; {other:,} could not be made here, "
        "which is not a pass."
    )
    made = [*_safe(audit, state), _groups(audit, state)] if audit.findings else []
    if state.reviewing and audit.safe_fixes():
        made.append(_review(audit, state))
    elif 0 <= state.selected < len(audit.findings):
        made.append(_detail(audit, state))
    return [*made, nodes.note("passed", said, "hint")]


def _groups(audit: Audit, state: State) -> Node:
    groups, named = grouped(audit), group_ids(audit)
    facts = list(groups.items())
    keys: dict[str, list[Any]] = {
        "severity": [_ORDER[severity] for (_, severity), _ in facts],
        "fix": [bool(_fix_word(audit, some)) for _, some in facts],
        "message": [audit.findings[some[0]].message for _, some in facts],
    }
    page = cut(range(len(facts)), keys, state.groups)
    lines = []
    for (name, severity), some in (facts[i] for i in page.rows):
        stores = list(dict.fromkeys(s for i in some for s in audit.findings[i].stores))
        more = f" (and {len(some) - 1:,} more)" if len(some) > 1 else ""
        message = without_paths(audit, audit.findings[some[0]].message, stores[:20])
        lines.append(
            {
                "id": named.of(f"{name} {severity}"),
                "cells": [
                    {"text": _SIGNS[severity], "mood": _MOODS[severity]},
                    {"text": _fix_word(audit, some) or "–"},
                    {
                        "text": shown(message, 300) + more,
                        "title": f"{name}: {listed(stores, most=8)}",
                    },
                ],
            }
        )
    chosen = [
        named.of(f"{name} {severity}") for (name, severity), some in facts if state.selected in some
    ]
    return pictures.table(
        "grid",
        "Findings",
        _COLUMNS,
        lines,
        **page.node,
        selected=chosen,
        selectable="one",
    )


def _safe(audit: Audit, state: State) -> list[Node]:
    """The button for all fixes that lose nothing."""
    n = len(audit.safe_fixes())
    if not n:
        return []
    text = (
        "Hide the safe fixes"
        if state.reviewing
        else f"Review {things(n, 'safe fix', 'safe fixes')}"
    )
    said = f"{'It leaves' if n == 1 else 'They leave'} out no store, cell, gene or label."
    button = nodes.button("review", text, "see what they change together", icon="check")
    return [nodes.row("safe", [button, nodes.note("safe_said", said, "hint")])]


def _review(audit: Audit, state: State) -> Node:
    """All safe fixes, and what they change together."""
    some = audit.safe_fixes()
    lines = [
        {
            "id": f"f{i}",
            "cells": [
                {"text": _SIGNS[one.severity], "mood": _MOODS[one.severity]},
                {
                    "text": shown(without_paths(audit, one.message, one.stores), 200),
                    "title": shown(one.id, 60),
                },
            ],
        }
        for i, one in enumerate(some)
    ]
    columns: list[Node] = [_COLUMNS[0], _COLUMNS[2]]
    apply = nodes.button(
        "apply_safe",
        "Apply it" if len(some) == 1 else f"Apply all {len(some):,}",
        "change the recipe so, as one step that can be undone",
        icon="check",
        mood_="primary",
    )
    inner = [
        *_ahead(state),
        nodes.row("fixing", [apply]),
        pictures.table("members", "Put right by them", columns, lines, copies=()),
        nodes.code("change", code_of_change(audit, -1), title="The change of the recipe"),
    ]
    return nodes.panel(
        "detail", inner, title=things(len(some), "safe fix", "safe fixes"), aside=True
    )


def code_of_change(audit: Audit, selected: int) -> str:
    """Return the change of the recipe as code: of a finding, or of all safe fixes."""
    if 0 <= selected < len(audit.findings):
        return audit.findings[selected].code
    return code_of(audit.recipe, audit.recipe_with(audit.safe_fixes()))


def _fix_word(audit: Audit, some: Sequence[int]) -> str:
    n = sum(audit.findings[i].fix is not None for i in some)
    return "" if not n else "yes" if n == len(some) else f"{n:,} of {len(some):,}"


def _detail(audit: Audit, state: State) -> Node:
    one = audit.findings[state.selected]
    some = group_of(audit, state.selected)
    inner = [
        nodes.note("what", shown(without_paths(audit, one.message, one.stores), 600), strong=True)
    ]
    if remedy := remedy_below(one.message, one.remedy):
        inner.append(nodes.note("remedy", shown(remedy, 400)))
    inner += _ahead(state)
    inner.append(nodes.row("fixing", _fixing(audit, one, some, state)))
    if len(some) > 1:
        inner.append(_members(audit, state, some))
    if one.code:
        inner.append(nodes.code("change", one.code, title="The change of the recipe"))
    return nodes.panel("detail", inner, title=shown(one.id, 60), aside=True)


def _fixing(audit: Audit, one: Finding, some: Sequence[int], state: State) -> list[Node]:
    made = []
    several = fixable(audit, some)
    drops = all(set(each.change) == {"drop"} for each in several)
    words = f"Leave all {len(several):,} out" if drops else f"Apply all {len(several):,} fixes"
    alike = len(several) > 1 and all(each.fix == several[0].fix for each in several)
    if one.fix is not None:
        text = words if alike else "Apply this fix"
        made.append(
            nodes.button("apply", text, "change the recipe so", icon="check", mood_="primary")
        )
    if len(several) > 1 and not alike:
        made.append(
            nodes.button("apply_all", words, "put all of these right at once", icon="check")
        )
    if state.linked:
        words = f"Show me in {_TITLES[tab_of(one)]}"
        made.append(nodes.button("show_me", words, "open the tab that shows it", icon="eye"))
    return made


def tab_of(one: Finding) -> str:
    """Return the tab that shows what a finding is about."""
    found = CHECKS.get(one.id)
    return (
        "shapes" if found is None else _TABS.get(found.look.__module__.rpartition(".")[2], "shapes")
    )


def _ahead(state: State) -> list[Node]:
    """The change that the fix would make, in numbers."""
    if state.outcome is None:
        return [nodes.note("ahead", "Looking what this changes …", "hint")] if state.looking else []
    items = [
        (f"{old:,} → {new:,}", name)
        for name, (old, new) in state.outcome.numbers.items()
        if old != new
    ]
    return [
        *([nodes.numbers("ahead", items)] if items else []),
        nodes.note("after", f"With this change: {shown(state.outcome.verdict, 300)}", "hint"),
    ]


def member_ids(some: Sequence[int]) -> Ids:
    """Return the ids of the findings of a group."""
    return Ids(some, "f")


def _members(audit: Audit, state: State, some: Sequence[int]) -> Node:
    named = member_ids(some)
    findings = [audit.findings[i] for i in some]
    texts = [without_paths(audit, one.message, one.stores) for one in findings]
    keys = {"message": texts}
    page = cut(range(len(some)), keys, state.members)
    lines = [
        {
            "id": named.of(some[i]),
            "cells": [
                {
                    "text": shown(texts[i], 300),
                    "title": listed(list(findings[i].stores), most=8),
                }
            ],
        }
        for i in page.rows
    ]
    return pictures.table(
        "members",
        "Each of them",
        [{"id": "message", "label": things(len(some), "finding")}],
        lines,
        **page.node,
        selected=named.known([state.selected]),
        selectable="one",
        copies=(),
    )
