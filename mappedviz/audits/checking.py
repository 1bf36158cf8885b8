"""All checks of some evidence, and whether it is as expected."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from mappedviz.audits.checks import CHECKS
from mappedviz.audits.expectations import Expectations, judged
from mappedviz.audits.findings import Finding, NotApplicable

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence


def checked(
    evidence: Evidence,
    expectations: Expectations | None = None,
    cancel: threading.Event | None = None,
) -> tuple[list[Finding], list[NotApplicable], list[str]]:
    """Return findings, checks that could not be made, and ids of those that found nothing.

    Parameters
    ----------
    evidence
        The tables; its thresholds are those of the expectations.
    expectations
        What the collection has to be.
    cancel
        Setting this event leaves out the rest of the checks.
    """
    findings: list[Finding] = []
    not_applicable: list[NotApplicable] = []
    passed: list[str] = []
    for check in CHECKS.values():
        if cancel is not None and cancel.is_set():
            break
        result = check.run(evidence)
        if isinstance(result, NotApplicable):
            not_applicable.append(result)
        elif result:
            findings += result
        else:
            passed.append(check.id)
    if expectations is not None:
        broken, unknown, hold = judged(evidence, expectations)
        findings += broken
        not_applicable += unknown
        passed += hold
    return findings, not_applicable, passed
