"""Findings, and the changes of a recipe that put them right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from mappedviz._types import SEVERITIES, Severity
from mappedviz.recipe.leaving_out import without_stores
from mappedviz.recipe.recipe import Recipe
from mappedviz.recipe.relabels import steps_between, with_renames
from mappedviz.text.addresses import absolute

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes
    ----------
    id
        Which check found it.
    severity
        ``"fatal"``: the engine refuses. ``"error"``: training fails or learns something wrong.
        ``"warning"``: training is biased or slow. ``"info"``: worth knowing.
    message
        What was found, in a sentence with its numbers.
    stores
        Display names of the stores concerned.
    number
        The number that the finding is about.
    remedy
        What to do about it.
    fix
        The recipe with the change that puts it right; None where no recipe can.
    code
        That change as a line of code.
    change
        That change: fields of a recipe, and ``"drop"`` for the paths of stores to leave out.
    alternative
        Whether other findings of the check offer another way to put the same right.
    """

    id: str
    severity: Severity
    message: str
    stores: tuple[str, ...] = ()
    number: float | None = None
    remedy: str = ""
    fix: Recipe | None = field(default=None, repr=False)
    code: str = ""
    change: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    alternative: bool = field(default=False, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "id": self.id,
            "severity": self.severity,
            "message": self.message,
            "stores": list(self.stores),
            "number": self.number,
            "remedy": self.remedy,
            "code": self.code,
            "fix": None if self.fix is None else self.fix.to_json(),
            "alternative": self.alternative,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Finding:
        """The finding that :meth:`to_dict` made."""
        fix = values["fix"]
        return cls(
            id=values["id"],
            severity=values["severity"],
            message=values["message"],
            stores=tuple(values["stores"]),
            number=values["number"],
            remedy=values["remedy"],
            code=values["code"],
            fix=None if fix is None else Recipe.from_json(fix),
            alternative=values.get("alternative", False),
        )


def remedy_below(message: str, remedy: str | None) -> str:
    """Return what to show below a message as its remedy: nothing where the message ends with it, as those of errors do."""
    return "" if message.endswith(remedy or "") else str(remedy)


@dataclass(frozen=True)
class NotApplicable:
    """A check that could not be made, and why; that is not a pass."""

    id: str
    message: str


class NotApplicableError(Exception):
    """Raised by a check that has nothing to look at."""


@dataclass(frozen=True)
class Found:
    """Values that a check found; its docstring makes a message of them.

    Attributes
    ----------
    values
        For the placeholders of the docstring.
    stores, number, change
        As of a :class:`Finding`.
    severity, remedy
        In place of the check's own.
    alternative
        Whether the change is one of several ways to put the same right: no two of them are made.
    """

    values: Mapping[str, Any]
    stores: Sequence[str] = ()
    number: float | None = None
    change: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity | None = None
    remedy: str | None = None
    alternative: bool = False


CheckFunction: TypeAlias = "Callable[[Evidence], Iterator[Found]]"


@dataclass(frozen=True)
class Check:
    """A check: what it looks for, how bad that is, and what to do about it.

    Attributes
    ----------
    id
        Its name.
    severity
        Of what it finds, where the finding says nothing else.
    message
        Its docstring, a template.
    remedy
        What to do about it.
    look
        The function.
    """

    id: str
    severity: Severity
    message: str
    remedy: str
    look: CheckFunction

    def run(self, evidence: Evidence) -> list[Finding] | NotApplicable:
        """Return what the check finds; an empty list is a pass."""
        try:
            every = together(list(self.look(evidence)), evidence.paths, self.remedy)
            return [self._finding(found, evidence) for found in every]
        except NotApplicableError as reason:
            return NotApplicable(self.id, str(reason))
        except Exception as error:  # an audit goes on, whatever is wrong with a store
            return NotApplicable(self.id, f"could not be made: {error}")

    def _finding(self, found: Found, evidence: Evidence) -> Finding:
        fix = None
        if found.change:
            fix = changed(evidence.recipe, found.change, evidence.paths)
        return Finding(
            self.id,
            found.severity or self.severity,
            self.message.format(**found.values),
            tuple(found.stores),
            None if found.number is None else float(found.number),
            self.remedy if found.remedy is None else found.remedy,
            fix,
            "" if fix is None else code_of(evidence.recipe, fix),
            found.change,
            found.alternative,
        )


def together(found: list[Found], paths: Sequence[str], remedy: str) -> list[Found]:
    """Findings of one check, each with the changes of all of them where these only add up.

    Stores to leave out, and labels to rename, are put right at one go: of five unreadable stores
    all five are left out.

    Parameters
    ----------
    found
        What the check found.
    paths
        All stores: not all of them are left out.
    remedy
        That of the check.

    Examples
    --------
    >>> some = [Found({}, change={"drop": [path]}) for path in "ab"]
    >>> one, two = together(some, ["a", "b", "c"], "Leave it out.")
    >>> one.change, two.change, one.remedy
    ({'drop': ['a', 'b']}, {'drop': ['a', 'b']}, 'Leave it out. The fix leaves out all 2.')
    >>> together(some, ["a", "b"], "Leave it out.")[0].change
    {}
    """
    add_up = [one for one in found if one.change and set(one.change) <= {"drop", "relabel"}]
    if any(one.alternative for one in found) or not add_up:
        return found
    drop = list(dict.fromkeys(path for one in add_up for path in one.change.get("drop", ())))
    relabel: dict[str, dict[Any, Any]] = {}
    for one in add_up:
        for key, renames in one.change.get("relabel", {}).items():
            relabel.setdefault(key, {}).update(renames)
    if len(drop) >= len(set(paths)):
        drop = []
    change = {name: value for name, value in (("drop", drop), ("relabel", relabel)) if value}
    more = f" The fix leaves out all {len(drop)}." if len(add_up) > 1 and len(drop) > 1 else ""
    return [
        replace(one, change=change, remedy=(remedy if one.remedy is None else one.remedy) + more)
        if one in add_up
        else one
        for one in found
    ]


CHECKS: dict[str, Check] = {}
"""Every check by its id."""


def check(name: str, severity: Severity, remedy: str) -> Callable[[CheckFunction], CheckFunction]:
    """Register a check; the first paragraph of its docstring is the message.

    Parameters
    ----------
    name
        Its id.
    severity
        How bad it is.
    remedy
        What to do about it.
    """

    def register(look: CheckFunction) -> CheckFunction:
        message = " ".join((look.__doc__ or "").strip().split("\n\n")[0].split())
        CHECKS[name] = Check(name, severity, message, remedy, look)
        return look

    return register


def changed(recipe: Recipe, change: Mapping[str, Any], paths: Sequence[str]) -> Recipe:
    """A recipe with a change: dicts are merged key by key, stores are left out, genes renamed.

    Parameters
    ----------
    recipe
        What is changed.
    change
        Fields, and ``"drop"``: paths of stores. A dict as ``var_names`` says new names of genes, None
        for those to leave out.
    paths
        All paths, globs and directories replaced by what they hold.

    Examples
    --------
    >>> recipe = Recipe(paths=["a.h5ad", "b.h5ad"], relabel={"k": {"x": "y"}})
    >>> changed(recipe, {"drop": ["a.h5ad"], "relabel": {"k": {"z": "y"}}}, recipe.paths)
    Recipe(paths=('b.h5ad',), relabel={'k': {'x': 'y', 'z': 'y'}})
    """
    new: dict[str, Any] = {}
    dropped = set(change.get("drop", ()))
    kept = tuple(path for path in paths if path not in dropped)
    if len(paths) - len(kept) < len(dropped):  # a path may be written in another way
        every = {absolute(path) for path in dropped}
        kept = tuple(path for path in kept if absolute(path) not in every)
    if dropped and kept:
        recipe = without_stores(recipe, change["drop"], kept)
    for name, value in change.items():
        if name == "drop":
            continue
        if name == "relabel":
            new[name] = with_renames(recipe.relabel, value)
        elif name in ("obs_alias", "var_alias"):
            new[name] = {**getattr(recipe, name), **value}
        elif name == "var_names" and isinstance(value, Mapping):
            names = [value.get(one, one) for one in recipe.var_names or ()]
            new[name] = tuple(dict.fromkeys(one for one in names if one is not None))
        elif (
            name == "var_key" and isinstance(value, Mapping) and isinstance(recipe.var_key, Mapping)
        ):
            new[name] = {**recipe.var_key, **value}
        else:
            new[name] = value
    return recipe.replace(**new) if new else recipe


def change_of(old: Recipe, new: Recipe) -> dict[str, Any]:
    """The change that makes one recipe of another, for :func:`changed`.

    Examples
    --------
    >>> change_of(Recipe(paths=["a", "b"]), Recipe(paths=["b"], strip_version=True))
    {'strip_version': True, 'drop': ['a']}
    """
    names = [one.name for one in fields(Recipe) if one.name != "paths"]
    change = {
        name: getattr(new, name) for name in names if getattr(new, name) != getattr(old, name)
    }
    if "relabel" in change:
        change["relabel"] = steps_between(old.relabel, new.relabel)
    gone = [path for path in old.paths if path not in new.paths]
    return {**change, "drop": gone} if gone else change


def code_of(old: Recipe, new: Recipe) -> str:
    """The line of code that makes one recipe of another.

    Examples
    --------
    >>> code_of(Recipe(), Recipe(strip_version=True))
    'recipe = recipe.replace(strip_version=True)'
    """
    names = [one.name for one in fields(Recipe)]
    parts = [new.code_of(name) for name in names if getattr(new, name) != getattr(old, name)]
    return f"recipe = recipe.replace({', '.join(parts)})" if parts else ""


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Findings, the worst first; those of one severity stay in order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
