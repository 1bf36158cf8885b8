"""New names of labels: for all stores, and for single ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.recipe.fields import wrong_type
from mappedviz.recipe.frozen import FrozenDict
from mappedviz.recipe.labels import Label, as_label

#: What stands in place of a store for all of them.
ALL = "*"

Pairs: TypeAlias = "tuple[tuple[Label, Label | None], ...]"
#: The new names of one key: pairs of old and new, or such pairs per store.
Renames: TypeAlias = "Pairs | FrozenDict[Pairs]"

_FORMS = "{old label: new label}, or {store: {old label: new label}}"


def relabel_of(value: Any) -> FrozenDict[Renames]:
    """Return the new names of labels per key, checked and as values.

    Names that are given for all stores alone are pairs, however they are given.

    Raises
    ------
    RecipeError
        The missing label is renamed, or what holds for all stores and for one of them can be
        read in two ways.
    RecipeTypeError
        It is no mapping, or mixes labels and stores.

    Examples
    --------
    >>> relabel_of({"k": {"T cells": "T"}})
    {'k': (('T cells', 'T'),)}
    >>> relabel_of({"k": {"a.h5ad": {"1": "T"}, None: {"T cells": "T"}}})
    {'k': {'*': (('T cells', 'T'),), 'a.h5ad': (('1', 'T'),)}}
    """
    if value is None:
        return FrozenDict()
    if not isinstance(value, Mapping):
        raise wrong_type("relabel", value, "a dict of key -> {old: new}")
    return FrozenDict({key: _of_key(key, one) for key, one in value.items()})


def _of_key(key: str, given: Any) -> Renames:
    where = f"relabel[{key!r}]"
    if not isinstance(given, (Mapping, list, tuple)):
        raise wrong_type("relabel", given, "a dict of old label -> new label")
    renames = dict(given)
    of_stores = [isinstance(one, (Mapping, list, tuple)) for one in renames.values()]
    if not any(of_stores):
        return _pairs(where, renames)
    if not all(of_stores):
        label = next(old for old, nested in zip(renames, of_stores, strict=True) if not nested)
        raise RecipeTypeError(
            f"mixes stores and the label {label!r}",
            key=where,
            remedy=f"Give {_FORMS}; what holds for all stores goes under {ALL!r}.",
        )
    stores: dict[str, Pairs] = {}
    for store, one in renames.items():
        name = ALL if store is None else store
        if not isinstance(name, str):
            raise wrong_type(where, store, "names of stores as strings")
        if name in stores:
            raise RecipeError(
                "has new names for all stores twice", key=where, remedy=f"Use {ALL!r} alone."
            )
        pairs = _pairs(f"{where}[{name!r}]", dict(one))
        if pairs:
            stores[name] = pairs
    everywhere = stores.pop(ALL, ())
    if not stores:
        return everywhere
    for name, pairs in stores.items():
        _check_one_step(f"{where}[{name!r}]", dict(everywhere), dict(pairs))
    return FrozenDict({**({ALL: everywhere} if everywhere else {}), **stores})


def _pairs(where: str, renames: Mapping[Any, Any]) -> Pairs:
    pairs = []
    for old, new in renames.items():
        label = as_label(old)
        if label is None:
            raise RecipeError(
                "renames the missing label, which is no label",
                key=where,
                remedy="Use unknown_label, or obs_filter to drop these rows.",
            )
        pairs.append((label, as_label(new)))
    return tuple(pairs)


def _check_one_step(
    where: str, everywhere: Mapping[Label, Label | None], own: Mapping[Label, Label | None]
) -> None:
    """Raise where a store renames what another label becomes in all stores: that may be two steps."""
    for old, new in everywhere.items():
        if new is not None and old != new and old not in own and own.get(new, new) != new:
            raise RecipeError(
                f"renames {new!r} to {own[new]!r}, and {old!r} becomes {new!r} in all stores; "
                "labels are renamed in one step",
                key=where,
                remedy=f"Say here what {old!r} becomes in this store.",
            )


def renames_in(renames: Renames, store: str | None = None) -> dict[Label, Label | None]:
    """Return ``{old: new}`` for one store, by the name that `renames` has for it.

    Parameters
    ----------
    renames
        The new names of one key.
    store
        The name; None for what holds in stores that have no names of their own.

    Examples
    --------
    >>> some = relabel_of({"k": {"*": {"T cells": "T"}, "a": {"T cells": "CD4 T", "1": "B"}}})["k"]
    >>> renames_in(some), renames_in(some, "a")
    ({'T cells': 'T'}, {'T cells': 'CD4 T', '1': 'B'})
    """
    if not isinstance(renames, FrozenDict):
        return dict(renames)
    own = () if store is None else renames.get(store, ())
    return {**dict(renames.get(ALL, ())), **dict(own)}


def plain_renames(renames: Renames) -> dict[Any, Any]:
    """Return the new names of one key as the dict that a person gives.

    Examples
    --------
    >>> plain_renames(relabel_of({"k": {"a": {"1": "T"}}})["k"])
    {'a': {'1': 'T'}}
    """
    if isinstance(renames, FrozenDict):
        return {store: dict(pairs) for store, pairs in renames.items()}
    return dict(renames)


def n_renamed(renames: Renames) -> int:
    """Return how many labels get a new name, in any store."""
    if isinstance(renames, FrozenDict):
        return len({old for pairs in renames.values() for old, _ in pairs})
    return len(renames)


def renamed(renames: Renames, more: Any) -> dict[Any, Any]:
    """Return the new names of one key after labels, as they are now, are renamed once more.

    Parameters
    ----------
    renames
        The new names so far.
    more
        What labels become that have these names now: ``{old: new}``, or such dicts per store.

    Examples
    --------
    >>> renamed((("T cells", "T"), ("B cells", "B")), {"T": "lymphocyte", "B": "B cells"})
    {'T cells': 'lymphocyte', 'T': 'lymphocyte', 'B': 'B cells'}
    >>> before = relabel_of({"k": {"a": {"1": "T"}}})["k"]
    >>> renamed(before, {"T": "lymphocyte"})
    {'*': {'T': 'lymphocyte'}, 'a': {'1': 'lymphocyte'}}
    """
    added = _of_key("", more)
    before = renames if isinstance(renames, FrozenDict) else FrozenDict({ALL: renames})
    if isinstance(added, FrozenDict):
        for_all, for_stores = dict(added.get(ALL, ())), {**added}
        for_stores.pop(ALL, None)
    else:
        for_all, for_stores = dict(added), {}
    everywhere = _composed(dict(before.get(ALL, ())), for_all)
    stores: dict[str, dict[Label, Label | None]] = {}
    for name in dict.fromkeys([*before, *for_stores]):
        if name == ALL:
            continue
        step = {**for_all, **dict(for_stores.get(name, ()))}
        whole = _composed(renames_in(before, name), step)
        own = {old: new for old, new in whole.items() if everywhere.get(old, old) != new}
        own.update({old: old for old in everywhere if old not in whole})
        # What becomes the name of a label that is renamed here is said here: in one step.
        while twice := [
            old
            for old, new in everywhere.items()
            if old not in own and own.get(new, new) != new  # type: ignore[arg-type]
        ]:
            own.update({old: whole.get(old, old) for old in twice})
        if own:
            stores[name] = own
    plain = {old: new for old, new in everywhere.items() if old != new}
    if not stores:
        return plain
    return {**({ALL: plain} if plain else {}), **stores}


def _composed(
    before: Mapping[Label, Label | None], more: Mapping[Label, Label | None]
) -> dict[Label, Label | None]:
    """What labels become in two steps, said as one; labels that keep their names are left out."""
    both = {old: new if new is None else more.get(new, new) for old, new in before.items()}
    both.update({old: new for old, new in more.items() if old not in both})
    return {old: new for old, new in both.items() if old != new}


def steps_between(
    before: Mapping[str, Renames], after: Mapping[str, Renames]
) -> dict[str, dict[Any, Any]]:
    """Return what labels, as they are with one relabelling, become with another one, in all stores.

    Examples
    --------
    >>> steps_between(relabel_of({"k": {"x": "y"}}), relabel_of({"k": {"x": "z", "y": "z"}}))
    {'k': {'y': 'z'}}
    """
    found: dict[str, dict[Any, Any]] = {}
    for key, renames in after.items():
        earlier = before.get(key, ())
        step: dict[Any, Any] = {}
        both = [name for one in (renames, earlier) if isinstance(one, FrozenDict) for name in one]
        for store in (None, *both):
            old, new = renames_in(earlier, store), renames_in(renames, store)
            for one in dict.fromkeys([*old, *new]):
                now, later = old.get(one, one), new.get(one, one)
                if now is not None and now != later:
                    step.setdefault(now, later)
        if step:
            found[key] = step
    return found


def with_renames(
    relabel: Mapping[str, Renames], more: Mapping[str, Any]
) -> dict[str, dict[Any, Any]]:
    """Return a relabelling after labels of some keys, as they are now, are renamed once more.

    Examples
    --------
    >>> with_renames(relabel_of({"k": {"x": "y"}}), {"k": {"y": "z"}, "other": {"a": "b"}})
    {'k': {'x': 'z', 'y': 'z'}, 'other': {'a': 'b'}}
    """
    every = {key: plain_renames(renames) for key, renames in relabel.items()}
    for key, renames in more.items():
        every[key] = renamed(relabel.get(key, ()), renames)
    return every
