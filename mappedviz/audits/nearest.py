"""Names that may be meant by a name that matches nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mappedviz.audits.tables.spelling import plain_spelling
from mappedviz.text.display import shown

if TYPE_CHECKING:
    from mappedviz.recipe.labels import Label

_MOST_KNOWN = 100_000
_MOST_COMPARED = 5_000


def nearest(name: Label, known: Sequence[Label]) -> Label | None:
    """Return the known name that may be meant by another one, or None.

    A name of the same plain spelling comes first, then the same number or text in another type,
    then the most similar text.

    Examples
    --------
    >>> nearest("T cells", ["B cell", "T_cell"]), nearest("1", [0, 1]), nearest("x", ["abc"])
    ('T_cell', 1, None)
    """
    plain = plain_spelling(name)
    known = known[:_MOST_KNOWN]
    for one in known:
        if plain_spelling(one) == plain:
            return one
    number = _number(name)
    if number is not None:
        return next((one for one in known if _number(one) == number), None)
    texts = {str(one): one for one in known[:_MOST_COMPARED]}
    similar = difflib.get_close_matches(str(name), texts, n=1, cutoff=0.6)
    return texts[similar[0]] if similar else None


def _number(label: Label) -> float | None:
    try:
        return float(label)
    except (ValueError, OverflowError):
        return None


def did_you_mean(names: Iterable[Label], known: Sequence[Label], most: int = 3) -> str:
    """Return names, each with the known one that may be meant by it.

    Examples
    --------
    >>> did_you_mean(["Blood", "x"], ["blood", "lung"])
    "'Blood' (did you mean 'blood'?), 'x'"
    """
    every = list(names)
    words = []
    for name in every[:most]:
        near = nearest(name, known)
        words.append(repr(name) + ("" if near is None else f" (did you mean {near!r}?)"))
    return ", ".join(words) + (f" and {len(every) - most:,} more" if len(every) > most else "")


def suggestion(name: str, known: Sequence[str]) -> str:
    """Return a question for the known name that may be meant, to begin a remedy with; else nothing.

    Examples
    --------
    >>> suggestion("X_umpa", ["X_umap", "X_pca"]), suggestion("x", ["X_umap"])
    ("Did you mean 'X_umap'? ", '')
    """
    near = nearest(name, known)
    return "" if near is None else f"Did you mean {near!r}? "


def some_of(names: Iterable[Label | None], most: int = 5) -> str:
    """Return the first names in quotes, and how many more there are.

    Examples
    --------
    >>> some_of(["a", "b", "c"], 2)
    "'a', 'b' and 1 more"
    """
    every = list(names)
    words = ", ".join(
        repr(shown(one)) if isinstance(one, str) else repr(one) for one in every[:most]
    )
    return words + (f" and {len(every) - most:,} more" if len(every) > most else "")
