"""Rolling terms up: what stands above them at a level that was chosen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from mappedviz.errors import RecipeError
from mappedviz.ontology.terms import ROOT, terms

#: A depth below "cell", a list of the ontology ("class", "subclass"), or terms.
Level: TypeAlias = "int | str | Iterable[str]"


def targets(level: Level) -> frozenset[str] | int:
    """Return the identifiers of the terms to roll up to; of a depth, the depth.

    Raises
    ------
    MissingKeyError
        One of them is no term.
    RecipeError
        There are none, or the depth is below 0.

    Examples
    --------
    >>> sorted(targets(["T cell", "CL:0000236"])), len(targets("class"))
    (['CL:0000084', 'CL:0000236'], 22)
    """
    every = terms()
    if isinstance(level, int):
        if level < 0:
            raise RecipeError(f"is {level}", key="level", remedy="Use a depth from 0 upwards.")
        return level
    if isinstance(level, str):
        if level in every.lists:
            return frozenset(every.lists[level])
        level = [level]
    found = frozenset(every.named(one) for one in level)
    if not found:
        raise RecipeError("names no term", key="level", remedy="Name some, such as 'T cell'.")
    return found


def rolled(name: str, level: frozenset[str] | int) -> tuple[str, ...]:
    """Return the terms of a level that are a term or above it, the most special ones alone.

    Parameters
    ----------
    name
        Identifier of the term.
    level
        See :func:`targets`.

    Examples
    --------
    >>> rolled("CL:0000624", targets(["lymphocyte", "T cell"]))
    ('CL:0000084',)
    """
    every = terms()
    above = [name, *every.above(name)]
    if isinstance(level, int):
        hits = [one for one in above if _depth(one) == level]
    else:
        hits = [one for one in above if one in level]
    covered = {higher for one in hits for higher in every.above(one)}
    return tuple(one for one in hits if one not in covered)


def _depth(name: str) -> int | None:
    return 0 if name == ROOT else terms().above(name).get(ROOT)
