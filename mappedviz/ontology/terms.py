"""The terms of the packaged Cell Ontology: identifiers, names, synonyms, what is above what."""

from __future__ import annotations

import difflib
import gzip
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from mappedviz.errors import MissingKeyError

_IDENTIFIER = re.compile(r"(?:.*/)?(CL)[:_](\d{7})", re.IGNORECASE)
ROOT = "CL:0000000"


@dataclass(frozen=True)
class Term:
    """A kind of cell.

    Attributes
    ----------
    id
        Identifier, such as ``"CL:0000084"``.
    name
        Its name.
    synonyms
        Other names that mean exactly the same.
    parents
        Identifiers of the terms right above it.
    """

    id: str
    name: str
    synonyms: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Terms:
    """All terms of a release.

    Attributes
    ----------
    release
        Its date.
    of
        Identifier -> term.
    replaced
        Identifier of a retired term -> that of the term that replaces it.
    lists
        Name of a list of terms (``"class"``, ``"subclass"``) -> their identifiers.
    """

    release: str
    of: dict[str, Term]
    replaced: dict[str, str]
    lists: dict[str, tuple[str, ...]]

    def identifier(self, text: str) -> str | None:
        """Return the identifier that a text is, a retired one replaced; None if it is none."""
        found = _IDENTIFIER.fullmatch(text.strip())
        if found is None:
            return None
        name = f"CL:{found[2]}"
        name = self.replaced.get(name, name)
        return name if name in self.of else None

    def above(self, name: str) -> dict[str, int]:
        """Return all terms above one, with the length of the shortest way there; nearest first."""
        found: dict[str, int] = {}
        level, far = [name], 0
        while level:
            far += 1
            level = sorted({one for below in level for one in self.of[below].parents} - {*found})
            found.update(dict.fromkeys(level, far))
        return found

    def named(self, text: str) -> str:
        """Return the identifier of a term that is given by its identifier, name or synonym.

        Raises
        ------
        MissingKeyError
            There is no such term.
        """
        name = self.identifier(text) or names(self).get(text.strip().casefold())
        if name is None:
            known = [term.name for term in self.of.values()]
            near = difflib.get_close_matches(text, known, n=2, cutoff=0.6)
            raise MissingKeyError(
                f"{text!r:.200} is no term of the Cell Ontology {self.release}"
                + (f"; did you mean {' or '.join(map(repr, near))}?" if near else ""),
                remedy="Use an identifier such as CL:0000084, or a name such as 'T cell'.",
            )
        return name


@cache
def terms() -> Terms:
    """The packaged terms; read at the first call."""
    packed = (files("mappedviz.ontology") / "data" / "cell_ontology.tsv.gz").read_bytes()
    said: dict[str, str] = {}
    of: dict[str, Term] = {}
    replaced: dict[str, str] = {}
    for line in gzip.decompress(packed).decode().splitlines():
        cells = line.split("\t")
        if line.startswith("#"):
            said[cells[0][1:]] = cells[1]
            continue
        name, label, parents, synonyms, new = cells
        if new:
            replaced[name] = new
        else:
            others = tuple(synonyms.split("|")) if synonyms else ()
            of[name] = Term(name, label, others, tuple(parents.split()))
    lists = {kind: tuple(said[kind].split()) for kind in ("class", "subclass")}
    return Terms(said["release"], of, replaced, lists)


@cache
def names(every: Terms) -> dict[str, str]:
    """Name or synonym, without regard to case -> identifier; what several terms share is left out."""
    found: dict[str, str | None] = {}
    for term in every.of.values():
        _note(found, term.synonyms, term.id)
    own: dict[str, str | None] = {}
    for term in every.of.values():
        _note(own, [term.name], term.id)
    return {text: name for text, name in {**found, **own}.items() if name is not None}


def _note(found: dict[str, str | None], texts: Iterable[str], name: str) -> None:
    for text in texts:
        key = text.casefold()
        found[key] = name if found.get(key, name) == name else None
