"""An audit that was made: its findings and tables, its verdict, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mappedviz._types import PathLike
from mappedviz.audits.checking import checked
from mappedviz.audits.diff import AuditDiff, compared
from mappedviz.audits.diff.compare import Audited
from mappedviz.audits.expectations import Expectations, holding
from mappedviz.audits.findings import Finding, NotApplicable, by_severity
from mappedviz.audits.fixes import recipe_with, safe_fixes, verdict_of
from mappedviz.audits.judge import sources_among
from mappedviz.audits.tabulated import Tables, Tabulated
from mappedviz.audits.to_json import SavedEvidence, tables_to_dict
from mappedviz.collection.mapped_collection import MappedCollection
from mappedviz.errors import RecipeError
from mappedviz.recipe.fields import json_value
from mappedviz.recipe.labels import number_of_json
from mappedviz.recipe.leaving_out import without_stores
from mappedviz.recipe.recipe import Recipe
from mappedviz.text.rendering import renderer_of, shown_in_notebooks

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence
    from mappedviz.audits.scan_files import ScanFiles
    from mappedviz.stores.store import Store

SCHEMA = 2
_READABLE = (1, SCHEMA)  # 1 has no digests of names


class Audit(Tabulated):
    """Contents of a collection of stores, its faults, and their remedies.

    Made by :func:`~mappedviz.audit`. In a notebook it shows its findings and tables.

    Attributes
    ----------
    findings
        What was found, the worst first.
    not_applicable
        Checks that could not be made, and why; that is not a pass.
    passed
        Checks that found nothing.
    fatal
        Whether :meth:`collection` would raise: the engine refuses this recipe.
    scans
        The scans that were audited in place of stores, for ``scans=`` of the next audit; None if there are none.

    Examples
    --------
    >>> import mappedviz as mv
    >>> audit = mv.audit(mv.datasets.demo() / "berlin.h5ad", label="donor")
    >>> audit.fatal, audit.labels().total.to_dict()
    (False, {'D1': 196, 'D2': 154, 'D3': 164, 'D4': 186})
    >>> audit.collection().shape
    (700, 640)
    """

    def __init__(
        self,
        tables: Tables,
        findings: Sequence[Finding],
        not_applicable: Sequence[NotApplicable],
        passed: Sequence[str],
        scans: ScanFiles | None = None,
    ) -> None:
        super().__init__(tables)
        self.scans = scans
        self.findings = by_severity(findings)
        self.not_applicable = list(not_applicable)
        self.passed = list(passed)

    # --- judgement --------------------------------------------------------------------

    @property
    def fatal(self) -> bool:
        """True if the engine refuses this recipe on these stores."""
        return any(finding.severity == "fatal" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """The judgement in one sentence."""
        return verdict_of(self.findings)

    def recipe_with(self, fixes: Finding | str | Iterable[Finding | str]) -> Recipe:
        """The recipe with the changes of some findings.

        Parameters
        ----------
        fixes
            Findings, or ids of checks. Where findings of a check are alternatives, its id
            means the first of them.

        Raises
        ------
        RecipeError
            A finding has no fix, or there is none of this id.
        """
        return recipe_with(fixes, self.findings, self.recipe, self._tables.paths)

    def safe_fixes(self) -> list[Finding]:
        """The findings whose fixes leave out no store, cell, gene or label, and lose no value.

        That is: other names for columns, labels and listed genes; the sum of genes that are
        repeated, and identifiers without versions; a wider type of numbers; groups, strata or
        another seed for a split. Not among them are other joins, other identifiers of genes,
        labels that become missing, fixes that are one of several ways, and what a finding that is
        mere information suggests.

        Examples
        --------
        >>> import mappedviz as mv
        >>> audit = mv.audit(mv.datasets.demo(), label="celltype")
        >>> [finding.id for finding in audit.safe_fixes()]
        ['label-absent']
        >>> audit.recipe_with(audit.safe_fixes()).paths == audit.recipe.paths
        True
        """
        return safe_fixes(self.findings, self.recipe, self._tables.paths)

    def recipe_without(self, stores: Iterable[str]) -> Recipe:
        """The recipe without some of the stores.

        Parameters
        ----------
        stores
            Their names, as in the index of :attr:`stores`.

        Raises
        ------
        RecipeError
            There is no store of this name, or none would be left.

        Examples
        --------
        >>> import mappedviz as mv
        >>> from pathlib import Path
        >>> audit = mv.audit(mv.datasets.demo())
        >>> [Path(path).name for path in audit.recipe_without(["kyoto.h5ad", "oxford.h5ad"]).paths]
        ['berlin.h5ad', 'berlin_pilot.zarr', 'boston.zarr']
        """
        out, known = set(stores), list(self.stores.index)
        if unknown := sorted(out - set(known)):
            raise RecipeError(
                f"there is no store {unknown[0]!r}",
                key="stores",
                remedy="Use the names in the index of audit.stores.",
            )
        paths = list(self._tables.paths)
        kept = [path for name, path in zip(known, paths, strict=True) if name not in out]
        if not kept:
            raise RecipeError(
                "no store would be left", key="stores", remedy="At least one has to stay."
            )
        dropped = [path for path in paths if path not in kept]
        return without_stores(self.recipe, dropped, kept) if out else self.recipe

    def check(self, expectations: Expectations | PathLike) -> Self:
        """Return the audit of the same stores against expectations; nothing is read again.

        Matrices that were not sampled for the audit are not judged: for these, give the expectations to
        :func:`~mappedviz.audit`.

        Parameters
        ----------
        expectations
            What the collection has to be, or a TOML file that says so.

        Raises
        ------
        RecipeError
            The audit was read from JSON, or the expectations are not understood.

        Examples
        --------
        >>> import mappedviz as mv
        >>> audit = mv.audit(mv.datasets.demo(), progress=False)
        >>> expected = mv.Expectations(stores={"least": 9})
        >>> [one.message for one in audit.check(expected).findings if one.id == "expected-stores"]
        ['stores.least: 5 stores can be read, where at least 9 are expected.']
        """
        if not isinstance(expectations, Expectations):
            expectations = Expectations.load(expectations)
        evidence = self._evidence("expect").with_thresholds(expectations.thresholds)
        return type(self)(evidence, *checked(evidence, expectations))

    def expectations(self) -> Expectations:
        """Return what holds of this collection now; see :meth:`Expectations.from_audit`.

        Raises
        ------
        RecipeError
            The audit was read from JSON.
        """
        return holding(self._evidence("expectations"))

    def _evidence(self, key: str) -> Evidence:
        if isinstance(self._tables, SavedEvidence):
            raise RecipeError(
                "needs the stores, and this audit was read from JSON",
                key=key,
                remedy="Make the audit again from the stores.",
            )
        return self._tables

    def diff(self, other: Audit) -> AuditDiff:
        """Return what changed from this audit to another: stores, cells, genes, labels, findings.

        Either may have been read from JSON. Names of genes and cells are compared by digests.

        Parameters
        ----------
        other
            The later audit.

        Examples
        --------
        >>> import mappedviz as mv
        >>> before = mv.audit(mv.datasets.demo(), label="cell_type", progress=False)
        >>> after = mv.audit(None, recipe=before.recipe.replace(join="outer"), progress=False)
        >>> print(before.diff(after).of("recipe")[0].words)
        join: 'inner' → 'outer'
        """
        sides = [Audited(one._tables, one.findings, one.verdict) for one in (self, other)]
        return compared(*sides)

    # --- the collection ---------------------------------------------------------------

    @property
    def opened_stores(self) -> list[Store]:
        """The stores that could be opened; none of an audit that was read from JSON.

        ``MappedCollection.from_recipe(recipe, stores=audit.opened_stores)`` reads no facts again.
        """
        if isinstance(self._tables, SavedEvidence):
            return []
        return [scan.store for _, scan in self._tables.readable if scan.store is not None]

    def collection(self, recipe: Recipe | None = None, **options: Any) -> MappedCollection:
        """The collection, from what was read for the audit.

        Parameters
        ----------
        recipe
            In place of the audit's own, such as ``audit.recipe_with(fixes)``.
        **options
            For :meth:`MappedCollection.from_recipe <mappedviz.MappedCollection.from_recipe>`.

        Raises
        ------
        MappedvizError
            If the audit is fatal: what the engine says.
        """
        chosen = self.recipe if recipe is None else recipe
        if isinstance(self._tables, SavedEvidence):
            return MappedCollection.from_recipe(chosen, **options)
        sources = sources_among(chosen, self._tables.scans, at_hand=True)
        return MappedCollection.from_recipe(chosen, stores=sources, **options)

    # --- showing and keeping ----------------------------------------------------------

    def __repr__(self) -> str:
        return f"Audit of {len(self._tables.paths)} stores: {self.verdict}"

    def _repr_html_(self) -> str | None:
        return shown_in_notebooks(self)

    def to_html(self, path: PathLike) -> Path:
        """Write one self-contained page with figures; an existing file stays whole until then.

        Raises
        ------
        OSError
            It cannot be written; the old file is still there.
        """
        write_page = renderer_of(self).write_page
        assert write_page is not None
        page: Path = write_page(self, path)
        return page

    def to_json(self) -> str:
        """The audit as JSON: verdict, findings, recipe and tables, without the names of the genes."""
        content = {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "fatal": self.fatal,
            "findings": [finding.to_dict() for finding in self.findings],
            "not_applicable": [[one.id, one.message] for one in self.not_applicable],
            "passed": self.passed,
            "recipe": json.loads(self.recipe.to_json()),
            "tables": tables_to_dict(self._tables),
        }
        return json.dumps(json_value(content), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The audit that :meth:`to_json` wrote; its stores are not opened.

        Raises
        ------
        RecipeError
            The text is no audit in JSON.
        """
        try:
            content = json.loads(text, object_hook=number_of_json)
            if content["schema"] not in _READABLE:
                raise ValueError(f"schema {content['schema']}")
            recipe = Recipe.from_json(json.dumps(json_value(content["recipe"])))
            return cls(
                SavedEvidence(recipe, content["tables"]),
                [Finding.from_dict(one) for one in content["findings"]],
                [NotApplicable(name, message) for name, message in content["not_applicable"]],
                content["passed"],
            )
        except (ValueError, TypeError, KeyError) as error:
            raise RecipeError(
                f"is no audit in JSON ({error})",
                key="audit",
                remedy="Write it with Audit.to_json() of this version.",
            ) from error
