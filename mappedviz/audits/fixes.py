"""What findings come to: a verdict in one sentence, and the recipe with their fixes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mappedviz.audits.findings import Finding, change_of, changed
from mappedviz.errors import RecipeError

if TYPE_CHECKING:
    from mappedviz.recipe.recipe import Recipe

# Fields that a change may touch without anything being left out.
_HARMLESS = frozenset(
    (
        "obs_alias",
        "relabel",
        "strip_version",
        "duplicates",
        "var_names",
        "dtype",
        "split_by",
        "stratify",
        "split_seed",
    )
)


def verdict_of(findings: Sequence[Finding]) -> str:
    """Return the judgement in one sentence.

    Examples
    --------
    >>> verdict_of([Finding("depth", "warning", "Depths differ.")])
    'This collection can be trained on, with care: 1 warning.'
    """
    counts = {
        severity: sum(finding.severity == severity for finding in findings)
        for severity in ("fatal", "error", "warning", "info")
    }
    if counts["fatal"]:
        first = next(finding for finding in findings if finding.severity == "fatal")
        more = f" (and {_things(counts['fatal'] - 1, 'more')})" if counts["fatal"] > 1 else ""
        return f"This collection cannot be read as asked: {first.message}{more}"
    found = ", ".join(
        _things(counts[severity], severity) for severity in ("error", "warning") if counts[severity]
    )
    if counts["error"]:
        return f"This collection can be read, but do not train on it yet: {found}."
    if counts["warning"]:
        return f"This collection can be trained on, with care: {found}."
    return "This collection can be trained on: nothing was found against it."


def recipe_with(
    fixes: Finding | str | Iterable[Finding | str],
    findings: Sequence[Finding],
    recipe: Recipe,
    paths: Sequence[str],
) -> Recipe:
    """Return a recipe with the changes of some findings.

    Parameters
    ----------
    fixes
        Findings, or ids of checks.
    findings
        All findings about the recipe.
    recipe
        The recipe that was audited.
    paths
        Of all its stores.

    Raises
    ------
    RecipeError
        A finding has no fix, or there is none of this id.
    """
    some = [fixes] if isinstance(fixes, (Finding, str)) else list(fixes)
    wanted: list[Finding] = []
    for one in some:
        if isinstance(one, Finding):
            wanted.append(one)
            continue
        named = [finding for finding in findings if finding.id == one]
        if not named:
            raise RecipeError(
                f"there is no finding {one!r}",
                key="fixes",
                remedy=f"Choose among {sorted({f.id for f in findings if f.fix})}.",
            )
        fixable = [finding for finding in named if finding.fix is not None] or named[:1]
        wanted += fixable[:1] if fixable[0].alternative else fixable
    whole = recipe.replace(paths=paths)
    drop, chosen = dict[str, None](), set[str]()
    for finding in wanted:
        if finding.fix is None:
            raise RecipeError(
                f"the finding {finding.id!r} has no fix",
                key="fixes",
                remedy=finding.remedy or "Change the stores.",
            )
        if finding.alternative and finding.id in chosen:
            continue
        chosen.add(finding.id)
        # An audit that was read from JSON has the recipe and not the change.
        change = finding.change or change_of(whole, finding.fix)
        drop.update(dict.fromkeys(change.get("drop", ())))
        rest = {name: value for name, value in change.items() if name != "drop"}
        recipe = changed(recipe, rest, paths)
    return changed(recipe, {"drop": list(drop)}, paths) if drop else recipe


def safe_fixes(findings: Sequence[Finding], recipe: Recipe, paths: Sequence[str]) -> list[Finding]:
    """Return the findings that are no mere information and have one fix, which loses nothing.

    Parameters
    ----------
    findings
        All findings about the recipe.
    recipe
        The recipe that was audited.
    paths
        Of all its stores.
    """
    whole = recipe.replace(paths=paths)
    return [
        one
        for one in findings
        if one.fix is not None
        and one.severity != "info"
        and not one.alternative
        and loses_nothing(recipe, one.change or change_of(whole, one.fix))
    ]


def loses_nothing(recipe: Recipe, change: Mapping[str, Any]) -> bool:
    """Return True if a change leaves out no store, cell, gene or label, and loses no value.

    Names are given (to columns, labels and listed genes), genes of one name are one, a type of
    numbers becomes wider, and a split gets groups, strata or another seed. What genes are joined
    by and which join is made are decisions: a gene may have no value in the other column.

    Examples
    --------
    >>> from mappedviz.recipe.recipe import Recipe
    >>> recipe = Recipe(paths=["a.h5ad"])
    >>> loses_nothing(recipe, {"relabel": {"k": {"T-cell": "T cell"}}})
    True
    >>> loses_nothing(recipe, {"relabel": {"k": {"unknown": None}}})
    False
    >>> loses_nothing(recipe, {"drop": ["a.h5ad"]}), loses_nothing(recipe, {"join": "outer"})
    (False, False)
    """
    if not change or not set(change) <= _HARMLESS:
        return False
    if "dtype" in change and recipe.dtype is None:
        return False  # what is stored in a wider type is rounded
    if change.get("duplicates") == "first":
        return False
    names = change.get("var_names", {})
    return isinstance(names, Mapping) and not (_drops(names) or _drops(change.get("relabel", {})))


def _drops(names: Any) -> bool:
    """True if new names leave something out: None stands in place of one, at any depth."""
    news = names.values() if isinstance(names, Mapping) else [new for _, new in names]
    return any(
        new is None or (isinstance(new, (Mapping, list, tuple)) and _drops(new)) for new in news
    )


def _things(n: int, what: str) -> str:
    return f"{n} {what}" if what in ("more", "fatal") else f"{n} {what}{'s' * (n != 1)}"
