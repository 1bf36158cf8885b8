"""A change of the recipe before it is made: stores, cells, genes and findings, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit
    from mappedviz.recipe.recipe import Recipe


@dataclass(frozen=True)
class Outcome:
    """The numbers of a change.

    Attributes
    ----------
    recipe
        The recipe with the change.
    numbers
        Name -> before and after.
    verdict
        Of the audit of that recipe.
    """

    recipe: Recipe
    numbers: dict[str, tuple[int, int]]
    verdict: str


def outcome_of(before: Audit, after: Audit) -> Outcome:
    """Compare the audits of two recipes."""
    old, new = _numbers(before), _numbers(after)
    numbers = {name: (old[name], new[name]) for name in old}
    return Outcome(after.recipe, numbers, after.verdict)


def _numbers(audit: Audit) -> dict[str, int]:
    bad = [one for one in audit.findings if one.severity != "info"]
    return {
        "stores": len(audit.stores),
        "cells": cells_of(audit),
        "labelled cells": labelled_of(audit),
        "genes": genes_of(audit),
        "findings": len(bad),
    }


def cells_of(audit: Audit) -> int:
    """Return the number of cells that the recipe selects, as far as its label tells."""
    if audit.label is not None and audit.recipe.filter_keys:
        return audit.labels(audit.label).n_rows
    return int(audit.stores["n_obs"].sum())


def labelled_of(audit: Audit) -> int:
    """Return the number of cells that have a label; 0 without one."""
    return 0 if audit.label is None else int(audit.labels(audit.label).total.sum())


def genes_of(audit: Audit) -> int:
    """Return the number of genes that the recipe keeps."""
    recipe, coverage = audit.recipe, audit.coverage
    if recipe.var_names is not None:
        return len(recipe.var_names)
    if recipe.min_stores is not None and len(coverage.at_least):
        return int(coverage.at_least.loc[min(recipe.min_stores, len(coverage.at_least))])
    return coverage.outer if recipe.join == "outer" else coverage.inner
