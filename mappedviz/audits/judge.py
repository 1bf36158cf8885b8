"""Law 1: an audit is fatal if and only if the engine refuses, in the same words.

The engine itself makes the plan, of stores that answer from memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mappedviz.collection.plan import Plan, make_plan
from mappedviz.collection.sources import StoreFile, StoreSource, UnreadableStore, paths_of
from mappedviz.text.addresses import absolute

if TYPE_CHECKING:
    from mappedviz.audits.scan import Scan
    from mappedviz.recipe.recipe import Recipe


def judge(recipe: Recipe, scans: Sequence[Scan]) -> tuple[Plan | None, Exception | None]:
    """The plan that the engine makes of a recipe and scanned stores, or its refusal.

    Parameters
    ----------
    recipe
        What the user wants.
    scans
        The stores of the recipe; others may be among them.
    """
    try:
        return make_plan(recipe, sources_among(recipe, scans)), None
    except Exception as error:
        return None, error.with_traceback(None)


def sources_among(
    recipe: Recipe, scans: Sequence[Scan], *, at_hand: bool = False
) -> list[StoreSource]:
    """A source per store of a recipe that answers from its scan; a file that came later is opened.

    Parameters
    ----------
    recipe, scans
        See :func:`judge`.
    at_hand
        Whether the files of the stores have to be here as they were scanned.

    Raises
    ------
    StoreError
        A path stands for no store, and the recipe does not skip such paths.
    """
    paths, failed = paths_of(recipe)
    by_path = {absolute(scan.path): scan for scan in scans}
    return [
        UnreadableStore(path, failed[path])
        if path in failed
        else _source(path, by_path.get(absolute(path)), at_hand)
        for path in paths
    ]


def _source(path: str, scan: Scan | None, at_hand: bool) -> StoreSource:
    if scan is None:
        return StoreFile(path)
    if scan.known is None:
        assert scan.error is not None
        return UnreadableStore(path, scan.error)
    return scan.known.at_hand() if at_hand else scan.known
