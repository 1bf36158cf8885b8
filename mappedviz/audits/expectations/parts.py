"""The parts of expectations: of the stores, the genes, a matrix, and a column of obs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

from mappedviz._types import SEVERITIES, Severity
from mappedviz.audits.nearest import suggestion
from mappedviz.audits.scales import SCALES
from mappedviz.audits.tables.identifiers import ID_KINDS
from mappedviz.audits.tables.organisms import plain_species
from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.recipe.fields import number_of, wrong_type
from mappedviz.recipe.labels import Label, as_label
from mappedviz.text.toml import dotted

Match: TypeAlias = Literal["subset", "exact"]

#: Kinds of obs columns that may be expected -> kinds that they are in a store.
COLUMN_KINDS: dict[str, tuple[str, ...]] = {
    "text": ("categorical", "string"),
    "number": ("integer", "float"),
    "categorical": ("categorical",),
    "string": ("string",),
    "integer": ("integer",),
    "float": ("float",),
    "boolean": ("boolean",),
}
#: A broken expectation is never fatal: the engine reads the stores all the same.
EXPECTED_SEVERITIES: tuple[Severity, ...] = SEVERITIES[1:]

_P = TypeVar("_P")


@dataclass(frozen=True, kw_only=True)
class ExpectedStores:
    """Numbers of stores, and of the cells of each.

    Attributes
    ----------
    least, most
        Numbers of stores that can be read.
    least_cells
        Cells of each store, those that a filter of the recipe leaves.
    severity
        Of what is broken; default: that of the expectations.
    """

    least: int | None = None
    most: int | None = None
    least_cells: int | None = None
    severity: Severity | None = None

    def __post_init__(self) -> None:
        for name in ("least", "most", "least_cells"):
            _put(self, name, _whole(name, getattr(self, name)))
        severity_of(self.severity)
        if self.least is not None and self.most is not None and self.least > self.most:
            raise RecipeError(
                f"is {self.most}, and least is {self.least}",
                key="most",
                remedy="Give a number that is at least as large.",
            )


@dataclass(frozen=True, kw_only=True)
class ExpectedGenes:
    """Species and identifiers of the genes, and how many the stores share.

    Attributes
    ----------
    species
        Such as ``"human"``; several are a list.
    identifiers
        Kinds of identifiers that the stores are joined by: ``"ensembl"``, ``"ensembl.version"``,
        ``"symbol"``, ``"positional"``, ``"number"``, ``"other"``.
    least_shared
        Genes that all stores have.
    least_share
        Share of the genes of each store that all stores have.
    severity
        Of what is broken; default: that of the expectations.
    """

    species: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    least_shared: int | None = None
    least_share: float | None = None
    severity: Severity | None = None

    def __post_init__(self) -> None:
        _put(self, "species", tuple(plain_species(one) for one in _texts("species", self.species)))
        _put(self, "identifiers", _choices("identifiers", self.identifiers, ID_KINDS))
        _put(self, "least_shared", _whole("least_shared", self.least_shared))
        _put(self, "least_share", _share("least_share", self.least_share))
        severity_of(self.severity)


@dataclass(frozen=True, kw_only=True)
class ExpectedMatrix:
    """The scale of X or of a layer; every store has to have the matrix.

    Attributes
    ----------
    scale
        Scales that a store may have, such as ``"counts"`` or ``"log1p"``; any if there is none.
    severity
        Of what is broken; default: that of the expectations.
    """

    scale: tuple[str, ...] = ()
    severity: Severity | None = None

    def __post_init__(self) -> None:
        _put(self, "scale", _choices("scale", self.scale, SCALES))
        severity_of(self.severity)


@dataclass(frozen=True, kw_only=True)
class ExpectedColumn:
    """An obs column: whether it has to be there, its kind, its labels, its gaps.

    Attributes
    ----------
    required
        Whether every store has to have it.
    kind
        ``"text"`` (``"categorical"`` or ``"string"``), ``"number"`` (``"integer"`` or
        ``"float"``), ``"boolean"``; several are a list.
    labels
        Allowed labels; None for any.
    match
        ``"subset"``: the labels are among these. ``"exact"``: each of these is there, too.
    most_missing
        Largest share of the cells of a store that have no label.
    severity
        Of what is broken; default: that of the expectations.
    """

    required: bool = True
    kind: tuple[str, ...] = ()
    labels: tuple[Label, ...] | None = None
    match: Match = "subset"
    most_missing: float | None = None
    severity: Severity | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.required, (bool, np.bool_)):
            raise wrong_type("required", self.required, "true or false")
        _put(self, "required", bool(self.required))
        _put(self, "kind", _choices("kind", self.kind, tuple(COLUMN_KINDS)))
        _put(self, "labels", _labels(self.labels))
        _choice("match", self.match, ("subset", "exact"))
        if self.match == "exact" and self.labels is None:
            raise RecipeError(
                "is 'exact', and no labels are named", key="match", remedy="Name them in labels."
            )
        _put(self, "most_missing", _share("most_missing", self.most_missing))
        severity_of(self.severity)


def part_of(kind: type[_P], value: Any, place: str) -> _P:
    """Return a part of expectations out of a mapping; errors name the place.

    Raises
    ------
    RecipeError
        There is no such field, or a value is not among the valid ones.
    """
    if isinstance(value, kind):
        return value
    check_names(value, [one.name for one in fields(kind)], place)  # type: ignore[arg-type]
    try:
        return kind(**value)
    except RecipeError as error:
        inner = f"{place}.{error.key}" if error.key else place
        raise type(error)(error.message, key=inner, remedy=error.remedy) from None


def check_names(value: Any, known: Iterable[str], place: str = "") -> None:
    """Raise RecipeError where a mapping has names that mean nothing."""
    names = list(known)
    if not isinstance(value, Mapping):
        raise RecipeTypeError(
            f"is {value!r} of type {type(value).__name__}",
            key=place or "expectations",
            remedy=f"Give a table with some of {', '.join(names)}.",
        )
    for name in value:
        if name not in names:
            key = dotted(str(name))
            raise RecipeError(
                "is not the name of an expectation",
                key=f"{place}.{key}" if place else key,
                remedy=suggestion(str(name), names) + f"There are {', '.join(names)}.",
            )


def severity_of(value: Any) -> Severity | None:
    """Return how bad it is that an expectation is broken."""
    if value is not None:
        _choice("severity", value, EXPECTED_SEVERITIES)
    severity: Severity | None = value
    return severity


def _put(part: Any, name: str, value: Any) -> None:
    object.__setattr__(part, name, value)


def _whole(key: str, value: Any) -> int | None:
    if value is None:
        return None
    number = number_of(key, value)
    if number < 0 or number % 1:
        raise RecipeError(f"is {value}", key=key, remedy="Give a whole number from 0 upwards.")
    return int(value)


def _share(key: str, value: Any) -> float | None:
    if value is None:
        return None
    share = number_of(key, value)
    if not 0 <= share <= 1:
        raise RecipeError(f"is {share}", key=key, remedy="Give a share from 0 to 1.")
    return share


def _texts(key: str, value: Any) -> tuple[str, ...]:
    some = [value] if isinstance(value, str) else value
    if not isinstance(some, (list, tuple)) or not all(isinstance(one, str) for one in some):
        raise wrong_type(key, value, "a text, or a list of texts")
    return tuple(dict.fromkeys(some))


def _choices(key: str, value: Any, valid: Iterable[str]) -> tuple[str, ...]:
    some, known = _texts(key, value), list(valid)
    for one in some:
        if one not in known:
            raise RecipeError(
                f"is {one!r}",
                key=key,
                remedy=suggestion(one, known) + f"Use one of {', '.join(map(repr, known))}.",
            )
    return some


def _choice(key: str, value: Any, valid: Iterable[str]) -> None:
    if not isinstance(value, str):
        raise wrong_type(key, value, "a text")
    _choices(key, value, valid)


def _labels(value: Any) -> tuple[Label, ...] | None:
    if value is None:
        return None
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise wrong_type("labels", value, "a list of labels")
    found: dict[Label, None] = {}
    for one in value:
        try:
            label = as_label(one)
        except RecipeError as error:
            raise RecipeError(error.message, key="labels", remedy=error.remedy) from None
        if label is None:
            raise RecipeError(
                "holds a missing label, which is no label",
                key="labels",
                remedy="Say how many may be missing with most_missing.",
            )
        found[label] = None
    return tuple(found)
