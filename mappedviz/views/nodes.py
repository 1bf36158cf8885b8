"""The nodes that a page is a tree of: layout, texts and controls, as plain checked dictionaries.

Each function returns one node: its ``id`` and ``kind``, what the browser draws of it, and, if it
holds others, these as ``children``. What has its default is left out, for it travels. Texts are
shown as they are, so they come out of :mod:`mappedviz.text.display`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

#: A node, or a record in one.
Node: TypeAlias = dict[str, Any]

MOST = 200  # rows or options that a node has at most
_MOST_CODE = 16_000  # characters
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_MOODS = ("plain", "hint", "warning", "error", "ok", "busy", "primary", "danger", "good")


# ------------------------------------------------------------------------ checking


def node(kind: str, name: str, **props: Any) -> Node:
    """Return a node without what has its default: None, False, "" and [] are not sent."""
    made: Node = {"id": text(name, "id"), "kind": kind}
    for prop, value in props.items():
        if not empty(value):
            made[prop] = value
    return made


def text(value: Any, what: str) -> str:
    """Return a value that is text.

    Raises
    ------
    TypeError
        It is not.
    """
    if not isinstance(value, str):
        raise TypeError(f"{what}: {value!r} is not text.")
    return value


def number(value: Any, what: str) -> float | int | None:
    """Return a number that JSON knows; None for None and NaN.

    Raises
    ------
    TypeError
        It is no number.
    ValueError
        It is infinite.

    Examples
    --------
    >>> number(3.0, "n"), number(float("nan"), "n")
    (3, None)
    """
    if value is None:
        return None
    if hasattr(value, "item"):  # of numpy
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{what}: {value!r} is not a number.")
    if math.isinf(value):
        raise ValueError(f"{what}: {value!r} cannot be drawn.")
    if math.isnan(value):
        return None
    return int(value) if value == int(value) else value


def numbers_in(values: Any, what: str) -> list[float | int | None]:
    """Return a list of numbers that JSON knows.

    Raises
    ------
    TypeError
        It is no list, or holds something else.
    """
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise TypeError(f"{what}: {values!r} is not a list of numbers.")
    return [number(value, what) for value in values]


def colour(value: Any, what: str) -> str:
    """Return a colour like ``"#0072b2"``.

    Raises
    ------
    ValueError
        It is written in another way.
    """
    if not isinstance(value, str) or not _COLOUR.fullmatch(value):
        raise ValueError(f"{what}: {value!r} is not a colour like '#0072b2'.")
    return value


def mood(value: str, what: str) -> str:
    """Return a mood that the style knows; "" for the plain one, which is not sent.

    Raises
    ------
    ValueError
        There is no such mood.
    """
    if value not in _MOODS:
        raise ValueError(f"{what}: {value!r} is no mood; there are {', '.join(_MOODS)}.")
    return "" if value == "plain" else value


def one_of(value: str, known: Sequence[str], what: str) -> str:
    """Return a word if it is among the known ones.

    Raises
    ------
    ValueError
        It is another one.
    """
    if value not in known:
        raise ValueError(f"{what}: {value!r} is none of {', '.join(known)}.")
    return value


def records(
    values: Iterable[Mapping[str, Any]], what: str, known: Sequence[str], most: int = MOST
) -> list[Node]:
    """Return dictionaries with known keys and ids that differ, without what is empty.

    Raises
    ------
    TypeError, ValueError
        A key is not known, an id is no text, or is there twice; there are too many.
    """
    made: list[Node] = []
    seen = set[str]()
    for i, value in enumerate(values):
        where = f"{what}[{i}]"
        if not isinstance(value, Mapping):
            raise TypeError(f"{where}: {value!r} is not a dictionary.")
        if unknown := set(value) - {"id", *known}:
            raise ValueError(f"{where} has {sorted(unknown)}; known are {sorted(known)}.")
        name = text(value.get("id"), f"{where}['id']")
        if name in seen:
            raise ValueError(f"{what}: the id {name!r} is there twice.")
        seen.add(name)
        if value.get("mark") is not None:
            mark(value["mark"], where)
        made.append({**compact(value), "id": name})
    if len(made) > most:
        raise ValueError(f"{what}: {len(made):,} are too many to draw; at most {most}.")
    return made


def mark(value: Any, what: str) -> None:
    """Check the mark before a name: ``{"colour", "hatch"}``.

    Raises
    ------
    TypeError, ValueError
        It is no dictionary, or has no colour.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{what}: the mark {value!r} is not a dictionary.")
    colour(value.get("colour"), what)


def compact(record: Mapping[str, Any]) -> Node:
    """Return a record without what is None, False, empty text or an empty list."""
    return {key: value for key, value in record.items() if not empty(value)}


def empty(value: Any) -> bool:
    """Return True for what is a default: None, False, "" and []; 0 is a value."""
    return value is None or value is False or (isinstance(value, (str, list, tuple)) and not value)


def texts_in(record: Mapping[str, Any], keys: Sequence[str], what: str) -> None:
    """Check that some values of a record are texts, where they are there.

    Raises
    ------
    TypeError
        One is not.
    """
    for key in keys:
        if record.get(key) is not None:
            text(record[key], f"{what}[{key!r}]")


# ------------------------------------------------------------------------ layout and texts


def page(
    tabs: Iterable[Mapping[str, Any]], tab: str, children: Sequence[Node], *, theme: str = ""
) -> Node:
    """Return the root: tabs ``{"id", "title", "badge", "title_text"}``, and what is in the open one."""
    made = records(tabs, "tabs", ("title", "badge", "title_text"))
    one_of(tab, [one["id"] for one in made], "tab")
    return node("page", "page", tabs=made, tab=tab, theme=theme, children=list(children))


def status(
    text_: str,
    mood_: str = "ok",
    *,
    done: int = 0,
    total: int = 0,
    can_undo: bool = False,
    can_redo: bool = False,
) -> Node:
    """Return the status line: what happens, how far it is, and whether it can be taken back."""
    made = node(
        "status",
        "status",
        mood=one_of(mood_, ("ok", "busy", "warning", "error"), "mood"),
        done=done or None,
        total=total or None,
        can_undo=can_undo,
        can_redo=can_redo,
    )
    return {**made, "text": text(text_, "status")}


def stack(name: str, children: Sequence[Node]) -> Node:
    """Return nodes below each other."""
    return node("stack", name, children=list(children))


def row(name: str, children: Sequence[Node]) -> Node:
    """Return nodes beside each other, which wrap where there is little room."""
    return node("row", name, children=list(children))


def panel(
    name: str, children: Sequence[Node], *, title: str = "", hint: str = "", aside: bool = False
) -> Node:
    """Return nodes with a title around them; `aside` puts them beside the others where there is room."""
    return node("panel", name, title=title, hint=hint, aside=aside, children=list(children))


def note(name: str, text_: str, mood_: str = "plain", *, strong: bool = False) -> Node:
    """Return a sentence."""
    made = node("note", name, mood=mood(mood_, name), strong=strong)
    return {**made, "text": text(text_, name)}


def numbers(name: str, items: Iterable[tuple[str, ...]]) -> Node:
    """Return a few large numbers: number and name, if need be a tooltip and a mood."""
    made = []
    for item in items:
        value, label, title, mood_ = (*item, "", "")[:4]
        made.append(
            compact(
                {
                    "value": text(value, name),
                    "label": text(label, name),
                    "title": title,
                    "mood": mood(mood_ or "plain", name),
                }
            )
        )
    return node("numbers", name, items=made)


def disclosure(name: str, title: str, children: Sequence[Node], *, opened: bool = False) -> Node:
    """Return what is shown when it is opened; while it is closed, its children need not be given."""
    return node("disclosure", name, title=text(title, name), open=opened, children=list(children))


def code(name: str, text_: str, *, language: str = "python", title: str = "") -> Node:
    """Return code with a button that copies it; of a long one the middle is not sent.

    Then the button asks for all of it.
    """
    cut = len(text(text_, name)) > _MOST_CODE
    if cut:
        left = len(text_) - _MOST_CODE // 2
        head, tail = text_[: _MOST_CODE // 4], text_[-_MOST_CODE // 4 :]
        text_ = f"{head}\n\n… {left:,} more characters, which Copy takes as well …\n\n{tail}"
    made = node("code", name, language=language, title=title, cut=cut)
    return {**made, "text": text_}


def image(name: str, svg: str, title: str) -> Node:
    """Return a picture as SVG, which is shown as an image: nothing in it runs."""
    return node("image", name, svg=text(svg, name), title=text(title, name))


def progress(name: str, done: int, total: int, *, title: str = "") -> Node:
    """Return a bar that shows how much is done."""
    return node("progress", name, done=int(done), total=int(total), title=title)


# ------------------------------------------------------------------------ controls


def button(
    name: str,
    text_: str,
    title: str,
    *,
    icon: str = "",
    mood_: str = "plain",
    disabled: bool = False,
) -> Node:
    """Return a button; its id is the name of an action of the view."""
    return node(
        "button",
        name,
        text=text(text_, name),
        title=text(title, name),
        icon=icon,
        mood=mood(mood_, name),
        disabled=disabled,
    )


def options_of(values: Iterable[Any], what: str) -> list[Node]:
    """Return options: dictionaries, or pairs of id and text; the first 200."""
    some = [
        {"id": value[0], "text": value[1]} if isinstance(value, tuple) else value
        for value, _ in zip(values, range(MOST), strict=False)
    ]
    made = records(some, what, ("text", "note", "disabled", "count", "mood", "title"))
    for one in made:
        texts_in(one, ("text", "note", "mood", "title"), what)
        one.setdefault("text", one["id"])
    return made


def select(
    name: str,
    label: str,
    value: str,
    options: Iterable[Any],
    *,
    title: str = "",
    disabled: bool = False,
) -> Node:
    """Return a list to choose one from; one with more than 12 options can be searched.

    A value that is not among the options is put before them: what is chosen is always shown.
    """
    made = options_of(options, name)
    if all(one["id"] != value for one in made):
        made = [{"id": value, "text": value or "–"}, *made][:MOST]
    search = len(made) > 12
    some = node(
        "select", name, label=text(label, name), title=title, search=search, disabled=disabled
    )
    return {**some, "value": text(value, name), "options": made}


def segments(
    name: str,
    label: str,
    value: str,
    options: Iterable[Any],
    *,
    title: str = "",
    disabled: bool = False,
) -> Node:
    """Return a few options side by side, one of which is chosen."""
    made = options_of(options, name)
    some = node("segments", name, label=text(label, name), title=title, disabled=disabled)
    return {**some, "value": text(value, name), "options": made}


def check(name: str, label: str, value: bool, *, title: str = "", disabled: bool = False) -> Node:
    """Return a box to tick."""
    some = node("check", name, label=text(label, name), title=title, disabled=disabled)
    return {**some, "value": bool(value)}


def checks(
    name: str,
    label: str,
    value: Iterable[str],
    options: Iterable[Any],
    *,
    title: str = "",
    disabled: bool = False,
) -> Node:
    """Return several boxes to tick; more than 8 can be searched."""
    made = options_of(options, name)
    some = node("checks", name, label=text(label, name), title=title, disabled=disabled)
    search = {"search": True} if len(made) > 8 else {}
    return {**some, **search, "value": [text(one, name) for one in value], "options": made}


def chips(
    name: str,
    label: str,
    value: Iterable[str],
    options: Iterable[Any],
    *,
    several: bool = False,
) -> Node:
    """Return filters that can be pressed, each with a count."""
    some = node("chips", name, label=text(label, name), several=several)
    return {
        **some,
        "value": [text(one, name) for one in value],
        "options": options_of(options, name),
    }


def slider(
    name: str,
    label: str,
    value: float,
    *,
    low: float,
    high: float,
    step: float = 1,
    text_: str = "",
    title: str = "",
    disabled: bool = False,
) -> Node:
    """Return a slider; `text_` is how its value is written."""
    some = node("slider", name, label=text(label, name), text=text_, title=title, disabled=disabled)
    for prop, one in (("value", value), ("min", low), ("max", high), ("step", step)):
        some[prop] = number(one, f"{name}[{prop!r}]")
    return some


def number_field(
    name: str,
    label: str,
    value: float,
    *,
    low: float,
    high: float,
    title: str = "",
    disabled: bool = False,
) -> Node:
    """Return a field for a number."""
    some = node("number", name, label=text(label, name), title=title, disabled=disabled)
    for prop, one in (("value", value), ("min", low), ("max", high)):
        some[prop] = number(one, f"{name}[{prop!r}]")
    return some


def file_field(name: str, label: str, *, accept: str = "") -> Node:
    """Return a button that opens a file; the event's value is ``{"name", "text"}``."""
    return node("file", name, label=text(label, name), accept=accept)


def text_field(
    name: str,
    label: str,
    value: str,
    *,
    placeholder: str = "",
    area: bool = False,
    late: bool = False,
    title: str = "",
    disabled: bool = False,
) -> Node:
    """Return a field for text; `area` gives it several lines, `late` waits until it is left, or Enter."""
    some = node(
        "text",
        name,
        label=text(label, name),
        placeholder=placeholder,
        area=area,
        late=late,
        title=title,
        disabled=disabled,
    )
    return {**some, "value": text(value, name)}
