"""How a value finds what renders it as HTML.

Values of the lower packages are shown in notebooks, and what renders them is built on top of them.
So a value only asks here; renderers register themselves when their package is imported, and the
root of mappedviz says which package that is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from mappedviz.errors import MissingPackageError


class Renderer(NamedTuple):
    """The renderings of one type.

    Attributes
    ----------
    fragment
        Value -> HTML to be shown in a notebook.
    write_page
        Value and path -> path of a self-contained page; None if the type has no page.
    """

    fragment: Callable[[Any], str]
    write_page: Callable[..., Any] | None = None


_renderers: dict[type, Renderer] = {}
_sources: list[Callable[[], object]] = []


def register(kind: type, renderer: Renderer) -> None:
    """Let values of a type be rendered so."""
    _renderers[kind] = renderer


def renderers_from(load: Callable[[], object]) -> None:
    """Name what has to be called, once, before renderers are there; it is called when needed."""
    _sources.append(load)


def shown_in_notebooks(value: object) -> str | None:
    """Return the HTML that a notebook shows, None where what makes it is not installed.

    None has IPython show the ``repr``, as in a terminal.
    """
    try:
        return renderer_of(value).fragment(value)
    except MissingPackageError:
        return None


def renderer_of(value: object) -> Renderer:
    """Return the renderer of a value's type or of the nearest of its bases.

    Raises
    ------
    TypeError
        Nothing renders such a value.

    Examples
    --------
    >>> class Greeting(str): ...
    >>> register(Greeting, Renderer(fragment=lambda value: f"<p>{value}</p>"))
    >>> renderer_of(Greeting("Hello")).fragment(Greeting("Hello"))
    '<p>Hello</p>'
    """
    while _sources:
        _sources[-1]()
        _sources.pop()  # one that fails is asked again
    for kind in type(value).__mro__:
        if kind in _renderers:
            return _renderers[kind]
    raise TypeError(f"nothing renders a {type(value).__name__} as HTML")
