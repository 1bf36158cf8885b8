"""Which term of the Cell Ontology a label may mean, and how that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations
from typing import Literal, TypeAlias

from mappedviz.ontology.spelling import is_marker, parts_of, plain, words_of
from mappedviz.ontology.terms import Terms, terms

How: TypeAlias = Literal["identifier", "exact", "synonym", "plural", "tokens", "broader"]
#: The ways in which a label is recognised, the surest first.
HOWS: tuple[How, ...] = ("identifier", "exact", "synonym", "plural", "tokens", "broader")

_SCORES = {"identifier": 1.0, "exact": 1.0, "synonym": 0.95, "plural": 0.9}
_TOKENS, _STEP, _BROADER = 0.8, 0.05, 0.5
#: What labels leave unsaid: words of a name, and the words beside which they are left out.
_UNSAID: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (frozenset({"human"}), frozenset()),
    (frozenset({"alpha", "beta"}), frozenset({"t"})),
    (frozenset({"thymus", "derived"}), frozenset({"t"})),
    (frozenset({"mature"}), frozenset()),
)
#: Words beside which CD4 or CD8 does not mean a T cell.
_NOT_T = frozenset({"t", "monocyte", "dendritic", "thymocyte", "killer", "b", "macrophage"})
#: Words that by themselves name nothing: "M" is rarely the M cell of the gut.
_LETTERS = frozenset("acdefghijklmnopqrsuvwxyz") | {"alpha", "beta", "gamma", "delta"}
_MOST_MARKERS = 5


@dataclass(frozen=True)
class Match:
    """A term that a label may mean.

    Attributes
    ----------
    id
        Identifier of the term.
    how
        How it was recognised.
    score
        From 0 to 1: how sure that is.
    """

    id: str
    how: How
    score: float


@dataclass(frozen=True, eq=False)
class _Index:
    """Texts and sets of words -> identifiers of terms, with the number of words left unsaid."""

    names: dict[str, list[str]]
    synonyms: dict[str, list[str]]
    plains: dict[str, list[str]]
    words: dict[frozenset[str], dict[str, float]]


@cache
def _index(every: Terms) -> _Index:
    names: dict[str, list[str]] = {}
    synonyms: dict[str, list[str]] = {}
    plains: dict[str, list[str]] = {}
    words: dict[frozenset[str], dict[str, float]] = {}
    for term in every.of.values():
        for text in (term.name, *term.synonyms):
            own = text == term.name
            _add(names if own else synonyms, text.casefold(), term.id)
            _add(plains, plain(text), term.id)
            for some, unsaid in _shorter(words_of(text)):
                costs = words.setdefault(some, {})
                cost = unsaid + (0 if own else 0.5)  # a name before a synonym
                costs[term.id] = min(cost, costs.get(term.id, cost))
    return _Index(names, synonyms, plains, words)


def _add(found: dict[str, list[str]], key: str, name: str) -> None:
    some = found.setdefault(key, [])
    if name not in some:
        some.append(name)


def _shorter(words: frozenset[str]) -> Iterator[tuple[frozenset[str], int]]:
    """Words of a name, also without those that labels leave unsaid; and how many kinds of them."""
    groups = [unsaid for unsaid, beside in _UNSAID if unsaid < words and beside <= words]
    for n in range(len(groups) + 1):
        for some in combinations(groups, n):
            yield words.difference(*some), n


@lru_cache(maxsize=100_000)
def matches(label: str) -> tuple[Match, ...]:
    """The terms that a label may mean: one, several that are equally likely, or none.

    Examples
    --------
    >>> matches("CD4 T cells")
    (Match(id='CL:0000624', how='tokens', score=0.75),)
    >>> matches("T/NK cells"), matches("cluster 7")
    ((), ())
    """
    every = terms()
    name = every.identifier(label)
    if name is not None:
        return (Match(name, "identifier", 1.0),)
    index = _index(every)
    text = label.strip().casefold()
    ways: tuple[tuple[How, Callable[[], list[str]]], ...] = (
        ("exact", lambda: index.names.get(text, [])),
        ("synonym", lambda: index.synonyms.get(text, [])),
        ("plural", lambda: index.plains.get(plain(label), [])),
    )
    for how, look in ways:
        if found := look():
            return _made(found, how, _SCORES[how])
    if _several_kinds(label):
        return ()
    words = words_of(label)
    if len(words) == 1 and words <= _LETTERS:
        return ()
    best, cost = _least(index, words)
    if best:
        return _made(best, "tokens", _TOKENS - _STEP * int(cost))
    markers = sorted(one for one in words if is_marker(one))[:_MOST_MARKERS]
    for n in range(1, len(markers) + 1):
        options = [_least(index, words - {*some}) for some in combinations(markers, n)]
        least = min((cost for best, cost in options if best), default=None)
        if least is not None:
            best = list(dict.fromkeys(one for some, c in options if c == least for one in some))
            return _made(best, "broader", _BROADER - _STEP * (n - 1))
    return ()


def _made(names: list[str], how: How, score: float) -> tuple[Match, ...]:
    """Matches; several are each as likely as the others."""
    return tuple(Match(name, how, round(score / len(names), 3)) for name in sorted(names))


def _least(index: _Index, words: frozenset[str]) -> tuple[list[str], float]:
    """The terms of some words that have the fewest others, and how many kinds these are."""
    options = [(words, 0)]
    if words & {"cd4+", "cd8+"} and not words & _NOT_T:
        options.append((words | {"t"}, 1))
    costs: dict[str, float] = {}
    for some, more in options:
        for name, cost in index.words.get(some, {}).items() if some else ():
            costs[name] = min(cost + more, costs.get(name, cost + more))
    least = min(costs.values(), default=0.0)
    return [name for name, cost in costs.items() if cost == least], least


def _several_kinds(label: str) -> bool:
    """Return True for a label that names several kinds of cells, such as "T/NK"."""
    parts = parts_of(label)
    if len(parts) < 2:
        return False
    kinds = [words for one in parts if (words := words_of(one)) and not all(map(is_marker, words))]
    index = _index(terms())
    return sum(bool(_least(index, words)[0]) for words in kinds) > 1
