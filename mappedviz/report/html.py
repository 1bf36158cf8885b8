"""Audits, collections and batches as HTML, rendered from ``templates/``.

The only place where text becomes markup: every expression of a template is escaped. A fragment is
built from inline styles, tables and ``<details>`` alone, because an untrusted JupyterLab removes
everything else.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mappedviz._types import PathLike
from mappedviz.report.figures import figures_of
from mappedviz.report.sections.audit import audit_content
from mappedviz.report.sections.batch import batch_content
from mappedviz.report.sections.collection import collection_content
from mappedviz.report.sections.copies import copy_content
from mappedviz.report.sections.diff import diff_content
from mappedviz.report.values import PAGE_ROWS, Content, Figures
from mappedviz.text.display import visible
from mappedviz.text.extras import optional_packages
from mappedviz.text.files import write_text

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from mappedviz.audits.diff import AuditDiff
    from mappedviz.audits.result import Audit
    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.collection.row_batch import RowBatch
    from mappedviz.copies.result import Copy

_CHIPS = {"fatal": "#a4161a", "error": "#b3261e", "warning": "#7d4e00", "info": "#0b5394"}


# ------------------------------------------------------------------- text -> markup


def escape(value: Any) -> Markup:
    """Return a value as HTML text: escaped, on one line, with everything invisible spelled out.

    Examples
    --------
    >>> escape('<script>alert("1")</script>')
    Markup('&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;')
    """
    with optional_packages():
        import markupsafe
    return markupsafe.escape(visible(str(value)))


def _escaped_lines(value: Any) -> Markup:
    """Return code, escaped line by line: its line breaks stay."""
    from markupsafe import Markup

    return Markup("\n").join(escape(line) for line in str(value).splitlines())


def _finalized(value: Any) -> Any:
    """Return the value of a template's expression as jinja2 is to escape it."""
    from markupsafe import Markup

    return value if isinstance(value, Markup) else visible(str(value))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    with optional_packages():
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(str(files(__package__) / "templates")),
        autoescape=True,
        finalize=_finalized,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    environment.filters["lines"] = _escaped_lines
    environment.globals["chips"] = _CHIPS
    return environment


def fragment(content: Content) -> str:
    """Return HTML for the output of a notebook.

    Examples
    --------
    >>> "a &lt; b" in fragment(Content(verdict="a < b"))
    True
    """
    return _environment().get_template("fragment.html.j2").render(vars(content), is_page=False)


def page(content: Content, title: str) -> str:
    """Return a whole HTML document: dark and light, printable, without scripts or a network."""
    return (
        _environment().get_template("page.html.j2").render(vars(content), is_page=True, title=title)
    )


# ------------------------------------------------------------------------ renderings


def audit_html(audit: Audit, figures: Figures | None = None) -> str:
    """Return the audit for a notebook: findings first, then the views.

    Parameters
    ----------
    audit
        The audit to show.
    figures
        Section (``"coverage"``, ``"labels"``, …) -> pictures. Default: none, the tables have
        bars of their own.

    Returns
    -------
    str
        HTML that an untrusted notebook shows as well: no scripts, no style block.
    """
    return fragment(audit_content(audit, figures=figures))


def findings_html(audit: Audit) -> str:
    """Return the verdict and the findings of an audit, without the views."""
    return fragment(audit_content(audit, views=False))


def page_html(audit: Audit, figures: Figures | None = None, *, title: str = "Audit") -> str:
    """Return the audit as a whole page: dark and light, printable, without scripts or a network.

    Parameters
    ----------
    audit
        The audit to show.
    figures
        As for :func:`audit_html`. Default: all figures of the audit.
    title
        Title of the page.

    Returns
    -------
    str
        A complete HTML document.
    """
    chosen = figures_of(audit) if figures is None else figures
    return page(audit_content(audit, PAGE_ROWS, chosen), title)


def write_html(audit: Audit, path: PathLike, *, figures: Figures | None = None) -> Path:
    """Write the page to a file; an existing file stays whole until the new one is.

    Parameters
    ----------
    audit
        The audit to show.
    path
        The file to write.
    figures
        As for :func:`page_html`.

    Returns
    -------
    Path
        The path of the file.

    Raises
    ------
    OSError
        The file cannot be written (no such folder, no space, no permission). What was there
        before is still there.
    """
    return write_text(path, page_html(audit, figures, title="Audit of a collection"))


def diff_html(diff: AuditDiff) -> str:
    """Return a difference of two audits for a notebook: one table per thing that changed.

    Parameters
    ----------
    diff
        The difference to show.

    Returns
    -------
    str
        HTML under the same rules as :func:`audit_html`.
    """
    return fragment(diff_content(diff))


def write_diff(diff: AuditDiff, path: PathLike) -> Path:
    """Write a difference as one page; an existing file stays whole until the new one is.

    Parameters
    ----------
    diff
        The difference to show.
    path
        The file to write.

    Returns
    -------
    Path
        The path of the file.

    Raises
    ------
    OSError
        The file cannot be written; what was there before is still there.
    """
    return write_text(path, page(diff_content(diff, PAGE_ROWS), "Difference of two audits"))


def collection_html(ds: MappedCollection) -> str:
    """Return a collection for a notebook: its stores, what is joined, and its labels.

    Parameters
    ----------
    ds
        The collection to show. Nothing is read from the files.

    Returns
    -------
    str
        HTML under the same rules as :func:`audit_html`.
    """
    return fragment(collection_content(ds))


def copy_html(copy: Copy) -> str:
    """Return a finished copy for a notebook: its stores, their sizes, and how to read it.

    Parameters
    ----------
    copy
        The copy to show.

    Returns
    -------
    str
        HTML under the same rules as :func:`audit_html`.
    """
    return fragment(copy_content(copy))


def batch_html(batch: RowBatch) -> str:
    """Return a batch of rows for a notebook: each column's type, shape and a few values.

    Parameters
    ----------
    batch
        The batch to show.

    Returns
    -------
    str
        HTML under the same rules as :func:`audit_html`.

    Examples
    --------
    >>> import numpy as np
    >>> from mappedviz import RowBatch
    >>> "int64" in batch_html(RowBatch({"cell_type": np.array([3, -1])}, 2))
    True
    """
    return fragment(batch_content(batch))
