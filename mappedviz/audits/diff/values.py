"""A difference of two audits as a value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from mappedviz._types import PathLike
from mappedviz.recipe.fields import json_value
from mappedviz.text.display import listed, quantity, shown
from mappedviz.text.rendering import renderer_of, shown_in_notebooks

if TYPE_CHECKING:
    import pandas as pd

How: TypeAlias = Literal["came", "went", "changed"]

#: What changes are about, in the order in which they are shown.
ABOUT = ("recipe", "stores", "cells", "genes", "columns", "labels", "findings")
_SIGNS = {"came": "+", "went": "-", "changed": "~"}
SCHEMA = 1


@dataclass(frozen=True)
class Change:
    """One thing that came, went, or changed.

    Attributes
    ----------
    about
        ``"recipe"``, ``"stores"``, ``"cells"``, ``"genes"``, ``"columns"``, ``"labels"`` or
        ``"findings"``.
    name
        Of the field, the store, the column, the label (None for cells without one); the id of the
        check.
    how
        ``"came"``, ``"went"`` or ``"changed"``.
    before, after
        A number or words; None where there was, or is, nothing.
    key
        The obs key of a label; the property of a store.
    """

    about: str
    name: Any
    how: How
    before: int | str | None = None
    after: int | str | None = None
    key: str = ""

    @property
    def words(self) -> str:
        """The change in one line, made safe to show."""
        place = shown(self.name)
        if self.key and self.about == "labels":
            place = f"{shown(self.key)} = {place}"
        elif self.key:
            place = f"{place}, {self.key}"
        return f"{place}: {self.values}" if self.values else place

    @property
    def values(self) -> str:
        """Before and after in words."""
        before, after = (_value(one) for one in (self.before, self.after))
        return f"{before} → {after}" if before and after else before or after


@dataclass(frozen=True)
class Side:
    """One of the two audits, in numbers.

    Attributes
    ----------
    stores
        Stores that can be read.
    cells
        Cells of these stores.
    inner, outer
        Genes that all stores have; that any has.
    verdict
        The verdict of the audit.
    """

    stores: int
    cells: int
    inner: int
    outer: int
    verdict: str


@dataclass(frozen=True)
class AuditDiff:
    """The difference of two audits: see :meth:`Audit.diff`.

    In a notebook it shows one table per kind of change.

    Attributes
    ----------
    before, after
        The two audits in numbers.
    changes
        What came, went, or changed.
    unknown
        What could not be compared, and why.

    Examples
    --------
    >>> import mappedviz as mv
    >>> before = mv.audit(mv.datasets.demo() / "berlin.h5ad", progress=False)
    >>> after = mv.audit(mv.datasets.demo() / "*.h5ad", progress=False)
    >>> diff = before.diff(after)
    >>> diff.equal, [one.name for one in diff.changes if one.about == "stores"]
    (False, ['kyoto.h5ad', 'oxford.h5ad'])
    >>> before.diff(before).equal
    True
    """

    before: Side
    after: Side
    changes: tuple[Change, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """True if nothing came, went, or changed."""
        return not self.changes

    @property
    def summary(self) -> str:
        """The difference in one sentence."""
        if self.equal:
            return "Nothing changed."
        parts = []
        for about in ABOUT:
            n = dict.fromkeys(_SIGNS, 0)
            for one in _counted(self.of(about)):
                n[one.how] += _weight(one)
            some = [f"{quantity(n[how])} {how}" for how in _SIGNS if n[how]]
            if some:
                parts.append(f"{about}: {', '.join(some)}")
        return "; ".join(parts).capitalize() + "."

    def of(self, about: str) -> list[Change]:
        """Return the changes about one thing."""
        return [one for one in self.changes if one.about == about]

    def table(self) -> pd.DataFrame:
        """Return one row per change: about, key, name, how, before, after."""
        import pandas as pd

        columns = ["about", "key", "name", "how", "before", "after"]
        rows = [[getattr(one, name) for name in columns] for one in self.changes]
        return pd.DataFrame(rows, columns=columns, dtype=object)

    def text(self, most: int = 20) -> str:
        """Return the changes as lines of text.

        Parameters
        ----------
        most
            Lines about each thing.
        """
        lines = [self.summary]
        for about in ABOUT:
            some = self.of(about)
            if not some:
                continue
            lines += ["", about]
            lines += [f"  {_SIGNS[one.how]} {one.words}" for one in some[:most]]
            if len(some) > most:
                lines.append(f"  … and {len(some) - most:,} more")
        if self.unknown:
            lines += ["", f"not compared: {listed(self.unknown, limit=200)}"]
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return it as JSON: both sides in numbers, and every change."""
        content = {
            "schema": SCHEMA,
            "equal": self.equal,
            "summary": self.summary,
            "before": asdict(self.before),
            "after": asdict(self.after),
            "changes": [asdict(one) for one in self.changes],
            "unknown": list(self.unknown),
        }
        return json.dumps(json_value(content), allow_nan=False)

    def to_html(self, path: PathLike) -> Path:
        """Write one self-contained page; an existing file stays whole until then.

        Raises
        ------
        OSError
            It cannot be written; the old file is still there.
        """
        write_page = renderer_of(self).write_page
        assert write_page is not None
        page: Path = write_page(self, path)
        return page

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"AuditDiff: {self.summary}"

    def _repr_html_(self) -> str | None:
        return shown_in_notebooks(self)


def _value(value: Any) -> str:
    if value is None:
        return ""
    return quantity(value) if isinstance(value, int) else shown(value, 300)


def _counted(changes: list[Change]) -> list[Change]:
    """Changes that a summary counts: of genes, those of any store where there are some."""
    genes = [one for one in changes if one.about == "genes"]
    some = [one for one in genes if one.name == "in any store" and one.how != "changed"]
    return (some or genes[:1]) if genes else changes


def _weight(one: Change) -> int:
    """Genes that came or went are counted, not listed."""
    counted = one.about == "genes" and one.how != "changed"
    number = one.after if one.how == "came" else one.before
    return number if counted and isinstance(number, int) else 1


def sorted_changes(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return changes in the order in which they are shown; those about one thing stay in order."""
    return tuple(sorted(changes, key=lambda one: ABOUT.index(one.about)))
