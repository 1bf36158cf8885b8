"""The split that a recipe asks for, made of a plan: one plan for each part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar, overload

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import RecipeError
from mappedviz.recipe.parts import parts_by_recipe
from mappedviz.recipe.splits import chances_of_stores

if TYPE_CHECKING:
    from mappedviz.recipe.joins import RowMap
    from mappedviz.recipe.labels import Labels
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.stores.store import Store

_T = TypeVar("_T")
_Made = TypeVar("_Made")
_P = TypeVar("_P", bound="Splittable")


class Splittable(Protocol):
    """What a split needs of a plan."""

    @property
    def stores(self) -> Sequence[Store]:
        """The stores."""
        ...

    @property
    def rows(self) -> RowMap:
        """Rows -> (store, local row)."""
        ...

    def labels_of(self, key: str) -> Labels:
        """The labels of all rows by an obs key."""
        ...

    def take(self, rows: Array, recipe: Recipe | None = None) -> Self:
        """The plan of some of the rows, which the recipe describes, if there is one."""
        ...


class Parts(tuple[_T, ...]):  # noqa: SLOT001 - a tuple has no slots for names
    """The parts of a split, in order and by name.

    Parameters
    ----------
    names
        Of the parts.
    parts
        The parts.

    Examples
    --------
    >>> parts = Parts(["train", "test"], [[0, 1], [2]])
    >>> train, test = parts
    >>> parts.test, parts["train"], parts[0], parts.names
    ([2], [0, 1], [0, 1], ('train', 'test'))
    """

    names: tuple[str, ...]

    def __new__(cls, names: Sequence[str], parts: Sequence[_T]) -> Self:  # noqa: D102
        self = super().__new__(cls, parts)
        self.names = tuple(names)
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.names, tuple(self)

    def __getattr__(self, name: str) -> _T:
        names = self.__dict__.get("names", ())
        if name not in names:
            raise AttributeError(f"{name!r} is no part; there are {', '.join(map(repr, names))}")
        part: _T = self[names.index(name)]
        return part

    @overload  # type: ignore[override]
    def __getitem__(self, key: int | str) -> _T: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[_T, ...]: ...
    def __getitem__(self, key: Any) -> Any:
        """Return a part by its position or its name."""
        if isinstance(key, str):
            if key not in self.names:
                raise KeyError(f"{key!r} is no part; there are {', '.join(map(repr, self.names))}")
            return super().__getitem__(self.names.index(key))
        return super().__getitem__(key)

    def items(self) -> Iterator[tuple[str, _T]]:
        """Return pairs of name and part."""
        return zip(self.names, self, strict=True)

    def map(self, make: Callable[[_T], _Made]) -> Parts[_Made]:
        """Return what is made of each part."""
        return Parts(self.names, [make(part) for part in self])

    def __repr__(self) -> str:
        return f"Parts({', '.join(f'{name}={part!r}' for name, part in self.items())})"


def split_recipe(
    recipe: Recipe,
    by: str | Sequence[str] | Literal[False] | None = None,
    fraction: float | None = None,
    seed: int | None = None,
    stratify: str | Sequence[str] | Literal[False] | None = None,
    holdout: Mapping[str, Any] | None = None,
    parts: Mapping[str, float] | None = None,
) -> Recipe:
    """Return the recipe with another split; None leaves what it says.

    A recipe that names a part is split within that part.
    """
    changes: dict[str, Any] = {
        "split_seed": seed,
        "holdout": holdout,
        "split_parts": parts or None,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    if fraction is not None:
        if parts:
            raise RecipeError(
                f"is {fraction}, and shares of {', '.join(parts)} are given too",
                key="fraction",
                remedy="Give one of them.",
            )
        changes |= {"split_fraction": fraction, "split_parts": ()}
    if by is not None:
        changes["split_by"] = None if by is False else by
    if stratify is not None:
        changes["stratify"] = () if stratify is False else stratify
    if not changes:
        return recipe.replace(part=None)
    changes["split_rule"] = 2
    return (
        recipe.replace(**changes, part=None)
        if recipe.part is None
        else recipe.part_split(**changes)
    )


def split_plan(plan: _P, recipe: Recipe, *, described: bool = True) -> Parts[_P]:
    """Split a plan as a recipe says.

    Parameters
    ----------
    plan
        The rows to split.
    recipe
        Its fields of the split count.
    described
        The rows are those that the recipe, less its ``part``, describes: then the recipe of each
        part is this one, with its name. Else no recipe describes the parts, and theirs stays that
        of the plan.

    Raises
    ------
    MissingKeyError
        No store has a key.
    RecipeError
        The rows cannot be split like that.
    """
    parts = _parts(plan, recipe)
    return Parts(
        recipe.part_names,
        [
            plan.take(np.flatnonzero(parts == i), recipe.replace(part=name) if described else None)
            for i, name in enumerate(recipe.part_names)
        ],
    )


def described_rows(plan: _P, recipe: Recipe) -> _P:
    """Return the rows that a recipe describes, of the plan of all that it selects."""
    for step in recipe.splits:
        part = step.part_names.index(step.part or "")
        plan = plan.take(np.flatnonzero(_parts(plan, step) == part), recipe)
    return plan


def _parts(plan: Splittable, recipe: Recipe) -> Array:
    """The part of each row."""

    def chances() -> Array:
        stores = [(store.path, store.facts.n_obs) for store in plan.stores]
        return chances_of_stores(stores, plan.rows.kept, recipe.split_seed)

    try:
        return parts_by_recipe(recipe, len(plan.rows), plan.labels_of, chances)
    except RecipeError as error:
        if error.key == "split" and recipe.split_keys:
            error.key = ", ".join(recipe.split_keys)
        raise
