"""What a collection has to be: one frozen value that is read from TOML and written as TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol, Self

from mappedviz._types import PathLike, Severity
from mappedviz.audits.expectations.parts import (
    ExpectedColumn,
    ExpectedGenes,
    ExpectedMatrix,
    ExpectedStores,
    check_names,
    part_of,
    severity_of,
)
from mappedviz.audits.thresholds import Thresholds
from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.recipe.fields import wrong_type
from mappedviz.recipe.frozen import FrozenDict
from mappedviz.text.files import write_text
from mappedviz.text.toml import dotted, toml_table

_HEAD = "# What a collection has to be: see `mappedviz audit --expect FILE`.\n"


class Audited(Protocol):
    """An audit, of which what holds now can be asked."""

    def expectations(self) -> Expectations:
        """Return what holds now."""
        ...


@dataclass(frozen=True, kw_only=True)
class Expectations:
    """Requirements on a collection: numbers of stores, genes, scales, obs columns, thresholds.

    Parts may be given as dicts; they become values that cannot be changed and cannot be invalid.

    Attributes
    ----------
    severity
        How bad it is that an expectation is broken, where its part says nothing else: ``"error"``,
        ``"warning"`` or ``"info"``.
    stores
        See :class:`~mappedviz.audits.ExpectedStores`.
    genes
        See :class:`~mappedviz.audits.ExpectedGenes`.
    matrices
        ``"X"``, a layer or ``"raw.X"`` -> :class:`~mappedviz.audits.ExpectedMatrix`.
    obs
        Obs key -> :class:`~mappedviz.audits.ExpectedColumn`. Aliases, relabelling and filters of the
        recipe apply.
    thresholds
        From which numbers on the checks of the audit say something: see
        :class:`~mappedviz.audits.Thresholds`.

    Raises
    ------
    RecipeError
        There is no such expectation, or a value is not among the valid ones.
    RecipeTypeError
        A value has the wrong type.

    Examples
    --------
    >>> import mappedviz as mv
    >>> expected = mv.Expectations(
    ...     obs={"celltype": {"kind": "text", "most_missing": 0}},
    ...     matrices={"X": {"scale": "counts"}},
    ... )
    >>> path = mv.datasets.demo() / "boston.zarr"
    >>> audit = mv.audit(path, label="celltype", expect=expected, progress=False)
    >>> [finding.message for finding in audit.findings if finding.id.startswith("expected")]
    ["matrices.X.scale: X is 'log1p' in 1 of 1 stores, where 'counts' is expected."]
    >>> mv.Expectations.from_toml(expected.to_toml()) == expected
    True
    """

    severity: Severity = "error"
    stores: ExpectedStores = field(default_factory=ExpectedStores)
    genes: ExpectedGenes = field(default_factory=ExpectedGenes)
    matrices: Mapping[str, ExpectedMatrix] = field(default_factory=FrozenDict)
    obs: Mapping[str, ExpectedColumn] = field(default_factory=FrozenDict)
    thresholds: Thresholds = field(default_factory=Thresholds)

    def __post_init__(self) -> None:
        put = object.__setattr__
        if severity_of(self.severity) is None:
            raise wrong_type("severity", self.severity, "'error', 'warning' or 'info'")
        put(self, "stores", part_of(ExpectedStores, self.stores, "stores"))
        put(self, "genes", part_of(ExpectedGenes, self.genes, "genes"))
        put(self, "matrices", _parts_of(ExpectedMatrix, self.matrices, "matrices"))
        put(self, "obs", _parts_of(ExpectedColumn, self.obs, "obs"))
        put(self, "thresholds", part_of(Thresholds, self.thresholds, "thresholds"))

    def replace(self, **changes: Any) -> Self:
        """Return the expectations with other parts."""
        check_names(changes, _NAMES)
        return replace(self, **changes)

    # --- TOML ---------------------------------------------------------------------------

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Return the expectations that a TOML document names.

        Raises
        ------
        RecipeError
            It is no TOML, or something in it is no expectation: the place is named, and what may be
            meant.
        """
        try:
            content = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise RecipeError(
                f"is not TOML ({error})", key="expectations", remedy="Mend it there."
            ) from error
        check_names(content, _NAMES)
        return cls(**content)

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Return the expectations of a TOML file.

        Raises
        ------
        RecipeError
            As :meth:`from_toml`; the message names the file.
        OSError
            It cannot be read.
        """
        try:
            return cls.from_toml(Path(path).read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise RecipeError(
                f"is not UTF-8 ({error.reason})", store=path, remedy="Write it as TOML."
            ) from error
        except RecipeError as error:
            raise type(error)(
                error.message, store=path, key=error.key, remedy=error.remedy
            ) from error

    def to_toml(self) -> str:
        """Return them as TOML; what is not expected is left out, thresholds are there as comments.

        Raises
        ------
        RecipeError
            A name holds half a surrogate pair, which no TOML can hold.
        """
        changed = self.thresholds.changed()
        lines = [
            f"# {name} = {default:g}  # {what}"
            for name, default, what in Thresholds.described()
            if name not in changed
        ]
        text = toml_table({**_content(self), "thresholds": changed} if changed else _content(self))
        head = "" if changed else "\n[thresholds]\n"
        return f"{_HEAD}{text}{head}" + "\n".join(lines) + "\n" * bool(lines)

    def save(self, path: PathLike) -> Path:
        """Write them to a TOML file; an existing file stays whole until then."""
        return write_text(path, self.to_toml())

    # --- an audit -----------------------------------------------------------------------

    @classmethod
    def from_audit(cls, audit: Audited) -> Expectations:
        """Return what holds of an audited collection: audited again, it breaks none of it.

        Parameters
        ----------
        audit
            The audit of stores, not one that was read from JSON.

        Examples
        --------
        >>> import mappedviz as mv
        >>> audit = mv.audit(mv.datasets.demo(), progress=False)
        >>> mv.Expectations.from_audit(audit).genes.species
        ('human',)
        """
        return audit.expectations()


_NAMES = [one.name for one in fields(Expectations)]


def _parts_of(kind: type[Any], value: Any, place: str) -> FrozenDict[Any]:
    if not isinstance(value, Mapping):
        raise RecipeTypeError(
            f"is {value!r} of type {type(value).__name__}",
            key=place,
            remedy="Give a table of name -> what is expected of it.",
        )
    made = {}
    for name, one in value.items():
        if not isinstance(name, str):
            raise wrong_type(place, name, "names as texts")
        made[name] = part_of(kind, one, f"{place}.{dotted(name)}")
    return FrozenDict(made)


def _content(part: Any) -> dict[str, Any]:
    """Fields that are not the default, for TOML; parts in obs and matrices are always there."""
    found: dict[str, Any] = {}
    for one in fields(part):
        value = getattr(part, one.name)
        if one.name == "thresholds":
            continue
        if isinstance(value, FrozenDict):
            if value:
                found[one.name] = {name: _content(inner) for name, inner in value.items()}
        elif hasattr(value, "__dataclass_fields__"):
            if inner := _content(value):
                found[one.name] = inner
        elif one.name == "severity" and isinstance(part, Expectations):
            found[one.name] = value
        elif value != one.default:
            single = isinstance(value, tuple) and len(value) == 1 and one.name != "labels"
            found[one.name] = value[0] if single else value
    return found
