"""The tree of a page laid flat, and what changed in it: that is what travels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

#: Id -> props; children are ids.
Flat: TypeAlias = dict[str, dict[str, Any]]


def flat(tree: Mapping[str, Any], prefix: str = "") -> Flat:
    """Return the nodes of a tree by their ids.

    Parameters
    ----------
    tree
        A node with its children.
    prefix
        Put before every id.

    Raises
    ------
    ValueError
        An id is there twice.

    Examples
    --------
    >>> flat({"id": "a", "kind": "row", "children": [{"id": "b", "kind": "note"}]}, "x.")
    {'x.a': {'kind': 'row', 'children': ['x.b']}, 'x.b': {'kind': 'note'}}
    """
    found: Flat = {}
    todo = [tree]
    while todo:
        one = todo.pop()
        name = prefix + one["id"]
        if name in found:
            raise ValueError(f"the id {name!r} is there twice.")
        props = {key: value for key, value in one.items() if key != "id"}
        children = props.get("children")
        if children is not None:
            props["children"] = [prefix + child["id"] for child in children]
            todo += reversed(children)
        found[name] = props
    return found


def diff(old: Flat, new: Flat, touched: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the message that makes the new tree of the old one; empty if nothing differs.

    Parameters
    ----------
    old, new
        Flat trees.
    touched
        Id -> prop that is sent even if it did not change: the browser may show another value.

    Examples
    --------
    >>> old = {"page": {"kind": "page", "children": ["k"]}, "k": {"kind": "slider", "value": 2}}
    >>> diff(old, {**old, "k": {"kind": "slider", "value": 3}})
    {'patch': {'k': {'value': 3}}}
    >>> diff(old, {"page": {"kind": "page", "children": []}})
    {'patch': {'page': {'children': []}}, 'gone': ['k']}
    >>> diff(old, old, {"k": "value"})
    {'patch': {'k': {'value': 2}}}
    """
    patch: Flat = {}
    for name, props in new.items():
        before = old.get(name)
        if before is None or before["kind"] != props["kind"]:
            patch[name] = props
        elif before is not props:
            changed = {
                key: value
                for key, value in props.items()
                if key not in before or before[key] != value
            }
            changed.update(dict.fromkeys(key for key in before if key not in props))
            if changed:
                patch[name] = changed
    for name, prop in (touched or {}).items():
        if name in new:
            patch[name] = {prop: new[name].get(prop), **patch.get(name, {})}
    message: dict[str, Any] = {"patch": patch} if patch else {}
    gone = [name for name in old if name not in new]
    if gone:
        message["gone"] = gone
    return message
