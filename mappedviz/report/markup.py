"""Text as HTML: plain values of what is to be shown, and one template with autoescaping.

The only place where text becomes markup. What a notebook shows is built from inline styles,
tables and ``<details>`` alone: an untrusted JupyterLab removes everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import markupsafe
from markupsafe import Markup

from mappedviz.text.display import visible

if TYPE_CHECKING:
    from jinja2 import Template

BLUE, ORANGE, GREEN, GREY = "#0072b24d", "#e69f0059", "#009e734d", "#8b949e59"


@dataclass(frozen=True)
class Cell:
    """One cell of a table: a text, and a bar behind it or stacked beside it.

    Attributes
    ----------
    text
        What is shown.
    bar
        Length of a bar behind the text, 0 … 1.
    colour
        Colour of the bar.
    parts
        Instead of text: (length, colour) of the segments of a stacked bar.
    title
        Shown when the pointer rests on the cell.
    number
        Whether the text is aligned to the right.
    wrap
        Whether the text may take several lines.
    """

    text: str = ""
    bar: float | None = None
    colour: str = BLUE
    parts: tuple[tuple[float, str], ...] = ()
    title: str = ""
    number: bool = False
    wrap: bool = False

    @property
    def style(self) -> str:
        """Declarations for the cell's ``style``; made of numbers and our own colours only."""
        if self.parts:
            stops, at = [], 0.0
            for length, colour in self.parts:
                stops.append(f"{colour} {100 * at:.3g}% {100 * (at + length):.3g}%")
                at += length
            stops.append(f"#0000 {100 * at:.3g}%")
            return f"min-width:9em;background:linear-gradient(90deg,{','.join(stops)})"
        align = "text-align:right" if self.number else "text-align:left"
        if self.wrap and len(self.text) > 24:
            align += ";white-space:normal;min-width:11em"
        if self.bar is None:
            return align
        # A bar that is there is seen, however short.
        length = 100 * min(max(self.bar, 0.004 if self.bar > 0 else 0.0), 1.0)
        return f"{align};background:linear-gradient(90deg,{self.colour} {length:.3g}%,#0000 0)"


@dataclass(frozen=True)
class Table:
    """A table: its head, its rows, and what was left out."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ""
    note: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure as two pictures, for light and for dark paper, as data URIs."""

    alt: str
    light: str
    dark: str


@dataclass(frozen=True)
class Section:
    """One view: a lead sentence, large numbers, tables, and (on a page) pictures."""

    id: str
    title: str
    lead: str = ""
    numbers: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    legend: Sequence[tuple[str, str]] = ()
    pictures: Sequence[Picture] = ()


# -------------------------------------------------------------------------- escaping


def escape(value: Any) -> Markup:
    """A value as HTML text: escaped, on one line, with everything invisible spelled out.

    Examples
    --------
    >>> escape('<script>alert("1")</script>')
    Markup('&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;')
    """
    return markupsafe.escape(visible(str(value)))


def _escaped_lines(value: Any) -> Markup:
    """Code: as :func:`escape`, but its line breaks stay."""
    return Markup("\n").join(escape(line) for line in str(value).splitlines())


def _finish(value: Any) -> Any:
    """What jinja does with every expression of a template before it escapes it."""
    return value if isinstance(value, Markup) else visible(str(value))


_TABLE = """\
{%- macro table(t) -%}
{%- if t.title and not t.folded %}<div style="font-weight:600;margin:.9em 0 .2em">{{ t.title }}</div>{% endif -%}
{%- if t.folded %}<details style="margin:.6em 0"><summary>{{ t.title }}</summary>{% endif -%}
<div style="overflow-x:auto"><table style="border-collapse:collapse;margin:0"><thead><tr>
{%- for name in t.head %}<th style="text-align:{{ 'left' if loop.first else 'center' }}">{{ name }}</th>{% endfor -%}
</tr></thead><tbody>
{% for row in t.rows %}<tr>
{%- for c in row %}<td style="{{ c.style }}"{% if c.title %} title="{{ c.title }}"{% endif %}>{{ c.text }}</td>{% endfor -%}
</tr>
{% endfor %}</tbody></table></div>
{%- if t.note %}<div style="opacity:.8">{{ t.note }}</div>{% endif -%}
{%- if t.folded %}</details>{% endif -%}
{%- endmacro -%}
"""

_CHIP = {
    "fatal": "#a4161a",
    "error": "#b3261e",
    "warning": "#7d4e00",
    "info": "#0b5394",
}

_BODY = (
    _TABLE
    + """\
{%- macro chip(severity) -%}
<b style="background:{{ chips[severity] }};color:#fff;border-radius:3px;padding:0 .5em;margin-right:.5em">{{ severity }}</b>
{%- endmacro -%}
{%- macro finding(f) -%}
<div style="margin:.5em 0;padding-left:.7em;overflow-wrap:anywhere;border-left:3px solid {{ chips[f.severity] }}">
<div>{{ chip(f.severity) }}{{ f.message }} <span style="opacity:.8;white-space:nowrap">[{{ f.id }}]</span>{% if f.stores %} <span style="opacity:.8">– {{ f.stores }}</span>{% endif %}</div>
{%- if f.remedy %}<div style="margin-top:.15em">→ {{ f.remedy }}</div>{% endif -%}
{%- if f.code %}<pre style="margin:.3em 0;padding:.4em .6em;background:#8b949e22;white-space:pre-wrap;overflow-wrap:anywhere">{{ f.code|lines }}</pre>{% endif -%}
</div>
{%- endmacro -%}
{%- if findings %}
{% for f in findings %}{{ finding(f) }}
{% endfor %}
{%- if more_findings %}<details><summary>{{ more_findings|length }} more</summary>
{% for f in more_findings %}{{ finding(f) }}
{% endfor %}</details>{% endif -%}
{% endif -%}
{%- if not_applicable %}<details style="margin:.5em 0"><summary>Checks that do not apply: {{ not_applicable|length }}</summary><ul>
{% for text in not_applicable %}<li>{{ text }}</li>
{% endfor %}</ul></details>{% endif -%}
{%- for s in sections %}
<details{% if loop.first or page %} open{% endif %} id="{{ s.id }}" style="margin:.6em 0"><summary style="font-weight:600;font-size:1.1em">{{ s.title }}</summary>
{% if s.lead %}<div style="margin:.3em 0">{{ s.lead }}</div>{% endif %}
{%- if s.numbers %}<div style="display:flex;flex-wrap:wrap;gap:.4em 2.2em;margin:.5em 0">
{%- for value, words in s.numbers %}<div><div style="font-size:1.6em;font-weight:600;line-height:1.2">{{ value }}</div><div style="opacity:.8">{{ words }}</div></div>{% endfor -%}
</div>{% endif -%}
{%- if s.pictures %}<div class="figures">
{% for p in s.pictures %}<figure><picture><source media="screen and (prefers-color-scheme: dark)" srcset="{{ p.dark }}"><img src="{{ p.light }}" alt="{{ p.alt }}"></picture></figure>
{% endfor %}</div>{% endif -%}
{%- if s.legend %}<div style="margin:.3em 0">{% for colour, name in s.legend %}<span style="margin-right:1em"><span style="background:{{ colour }};padding:0 .5em;margin-right:.3em"></span>{{ name }}</span> {% endfor %}</div>{% endif -%}
{%- for t in s.tables %}{{ table(t) }}{% endfor -%}
</details>
{%- endfor %}
{%- if code %}
<details{% if page %} open{% endif %} id="recipe" style="margin:.6em 0"><summary style="font-weight:600;font-size:1.1em">Recipe</summary>
<pre style="padding:.4em .6em;background:#8b949e22;white-space:pre-wrap;overflow-wrap:anywhere">{{ code|lines }}</pre></details>
{%- endif %}
"""
)

_FRAGMENT = (
    """\
<div style="line-height:1.5">
<div style="font-size:1.2em;font-weight:600">{{ verdict }}</div>
<div style="opacity:.8;margin-bottom:.4em">{{ summary }}</div>
"""
    + _BODY
    + "</div>"
)

_PAGE = (
    """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="mappedviz {{ version }}">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; --paper: #fff; --desk: #f3f5f7; --ink: #1b1f24; --line: #d8dee4; --link: #0b5394 }
@media (prefers-color-scheme: dark) { :root { --paper: #14181d; --desk: #0b0e11; --ink: #e6edf3; --line: #30363d; --link: #79b8ff } }
* { box-sizing: border-box }
body { margin: 0; background: var(--desk); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif }
main { max-width: 1240px; margin: 0 auto; padding: 2rem 1.2rem 3rem }
header { margin-bottom: 1.2rem }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .2rem 0 .3rem }
header p { margin: .1rem 0 }
nav a { color: var(--link); margin-right: 1em }
.paper, main > details { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: .9rem 1.2rem; margin: 1rem 0 !important }
summary { cursor: pointer }
table { font-size: .88rem; font-variant-numeric: tabular-nums }
th, td { padding: .18rem .5rem; border-bottom: 1px solid var(--line); white-space: nowrap }
th { font-weight: 600 }
td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 19em }
pre { font: .85rem/1.45 ui-monospace, "DejaVu Sans Mono", monospace; border-radius: 6px }
figure { margin: .6rem 0 }
.figures { display: flex; flex-wrap: wrap; gap: 0 1.6rem; align-items: flex-start }
figure img { max-width: 100%; height: auto }
footer { opacity: .8; font-size: .85rem }
@media print {
  :root { --paper: #fff; --desk: #fff; --ink: #000; --line: #bbb; color-scheme: light }
  body { font-size: 10pt } main { max-width: none; padding: 0 } nav { display: none }
  .paper, main > details { border: 0; padding: 0 }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact }
  figure, tr, pre { break-inside: avoid } details::details-content { content-visibility: visible !important; block-size: auto !important }
}
</style></head><body><main>
<header><p>{{ title }}</p><h1>{{ verdict }}</h1><p>{{ summary }}</p>
<nav>{% for s in sections %}<a href="#{{ s.id }}">{{ s.title }}</a>{% endfor %}{% if code %}<a href="#recipe">Recipe</a>{% endif %}</nav></header>
"""
    + _BODY.replace("{%- if findings %}", '<div class="paper">\n{%- if findings %}', 1).replace(
        "{%- for s in sections %}", "</div>\n{%- for s in sections %}", 1
    )
    + """
<footer>Made by mappedviz {{ version }}. This file holds everything that it shows; it contains no scripts and loads nothing.</footer>
</main></body></html>
"""
)


@lru_cache(maxsize=4)
def _template(source: str) -> Template:
    from jinja2 import Environment

    environment = Environment(autoescape=True, finalize=_finish, trim_blocks=False)
    environment.filters["lines"] = _escaped_lines
    return environment.from_string(source)


def fragment(**content: Any) -> str:
    """HTML for the output of a notebook.

    Parameters
    ----------
    **content
        ``verdict``, ``summary``, ``findings``, ``more_findings``, ``not_applicable``,
        ``sections`` (of :class:`Section`) and ``code``; what is not given is left out.
    """
    return _template(_FRAGMENT).render(**content, page=False, chips=_CHIP)


def page(title: str, version: str, **content: Any) -> str:
    """A whole HTML document: dark and light, printable, without scripts or a network.

    Parameters
    ----------
    title
        Title of the page.
    version
        Of mappedviz, for the footer.
    **content
        As for :func:`fragment`.
    """
    return _template(_PAGE).render(**content, page=True, chips=_CHIP, title=title, version=version)
