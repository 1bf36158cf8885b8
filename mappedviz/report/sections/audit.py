"""The audit as plain values: verdict, findings, and all sections."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mappedviz._types import SEVERITIES
from mappedviz.audits.findings import remedy_below
from mappedviz.errors import MappedvizError
from mappedviz.report.sections.genes import genes_section
from mappedviz.report.sections.labels import labels_section, weights_section
from mappedviz.report.sections.page import next_steps, page_facts
from mappedviz.report.sections.stores import depth_section, obs_section, shapes_section
from mappedviz.report.values import REPR_ROWS, Content, Figures, FindingText, Section
from mappedviz.text.display import cut, listed, quantity

if TYPE_CHECKING:
    from mappedviz.audits.findings import Finding
    from mappedviz.audits.result import Audit
    from mappedviz.audits.tables.labels import LabelTable
    from mappedviz.audits.tables.weights import WeightTable
    from mappedviz.recipe.recipe import Recipe

_LONGEST_CODE = 2_000
_LONGEST_RECIPE = 20_000


def audit_content(
    audit: Audit, most: int = REPR_ROWS, figures: Figures | None = None, *, views: bool = True
) -> Content:
    """Return everything that is shown of an audit.

    Parameters
    ----------
    audit
        The audit to show.
    most
        Stores to show: :data:`~mappedviz.report.values.REPR_ROWS` in a notebook,
        :data:`~mappedviz.report.values.PAGE_ROWS` on a page.
    figures
        Section -> pictures.
    views
        False for the findings alone.
    """
    every = set(audit.stores.index)
    is_page = most != REPR_ROWS
    few, folded = (500, len(audit.findings)) if is_page else (30, 20)
    listed_findings = audit.findings[: few + folded]
    findings = [_finding_text(one, i, every) for i, one in enumerate(listed_findings)]
    return Content(
        verdict=audit.verdict,
        # The verdict of what can be read has these numbers already, and a page shows all findings.
        summary=summary_line(audit, counts=audit.fatal or not is_page),
        findings=findings[:few],
        more_findings=findings[few:],
        n_unlisted=len(audit.findings) - len(findings),
        not_applicable=[_not_applicable_text(one) for one in audit.not_applicable],
        sections=sections_of(audit, most, figures) if views else (),
        code=recipe_code(audit.recipe),
        facts=page_facts(audit) if is_page else (),
        steps=next_steps(audit) if is_page else (),
    )


def sections_of(
    audit: Audit, most: int = REPR_ROWS, figures: Figures | None = None
) -> list[Section]:
    """Return the views of an audit as plain values, for whatever shows them.

    Parameters
    ----------
    audit
        The audit to show.
    most
        Stores to show.
    figures
        Section -> pictures.

    Returns
    -------
    list of Section
        Shapes, genes, labels and weights (where there is a key), columns of obs.
    """
    figures = figures or {}
    labels, weights = label_table(audit), weight_table(audit)
    sections = [
        shapes_section(audit.stores, most, figures),
        genes_section(audit.coverage, most, figures),
        None if labels is None else labels_section(labels, most, figures),
        None if weights is None else weights_section(weights, most, figures),
        depth_section(audit.library_sizes(), most, figures),
        obs_section(audit.obs_schema, most),
    ]
    return [section for section in sections if section is not None]


def summary_line(audit: Audit, *, counts: bool = True) -> str:
    """Return the numbers of stores, cells and genes in one line, and those of the findings."""
    stores = audit.stores
    parts = [
        f"{len(stores):,} {'store' if len(stores) == 1 else 'stores'}",
        f"{quantity(stores['n_obs'].sum())} cells",
        f"{quantity(audit.coverage.inner)} genes in all of them",
        f"{quantity(audit.coverage.outer)} in any",
    ]
    if not counts:
        return " · ".join(parts)
    severities: list[str] = [finding.severity for finding in audit.findings]
    counted = [
        f"{n} {severity}{'s' if n > 1 and severity != 'fatal' else ''}"
        for severity in SEVERITIES
        if (n := severities.count(severity))
    ]
    parts.append("findings: " + (", ".join(counted) if counted else "none"))
    return " · ".join(parts)


def recipe_code(recipe: Recipe) -> str:
    """Return a recipe as code; what is longer than anybody reads is cut, and says where all of it is."""
    text = repr(recipe)
    if len(text) <= _LONGEST_RECIPE:
        return text
    return f"{text[:_LONGEST_RECIPE]} …\n# cut: it has {len(recipe.paths):,} paths; print(audit.recipe) shows all"


def _finding_text(finding: Finding, place: int, every: set[str]) -> FindingText:
    stores, message = list(finding.stores or ()), cut(str(finding.message), 600)
    # "5 of 5 stores …", or a message that names them all, says it.
    if (set(stores) == every and len(every) > 1) or all(name in message for name in stores):
        stores = []
    code = str(finding.code or "")
    return FindingText(
        finding.id,
        finding.severity,
        message,
        listed(stores, most=4) if stores else "",
        remedy_below(message, finding.remedy),
        # A fix that names a thousand paths is said in a line that does the same.
        code
        if len(code) <= _LONGEST_CODE
        else f"recipe = audit.recipe_with(audit.findings[{place}])",
    )


def _not_applicable_text(one: Any) -> str:
    message = getattr(one, "message", None)
    return str(one) if message is None else f"{one.id}: {message}"


def label_table(audit: Audit) -> LabelTable | None:
    """Return the labels of the audit's own key; None without a key, or if no store has it."""
    with suppress(MappedvizError):
        return audit.labels()
    return None


def weight_table(audit: Audit) -> WeightTable | None:
    """Return the weights of the audit's own key; None without a key, or if no store has it."""
    with suppress(MappedvizError):
        return audit.weights()
    return None
