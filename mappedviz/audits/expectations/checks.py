"""Whether a collection is what it has to be: one small function per expectation.

Its docstring is its message, and begins with the name of the expectation that is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mappedviz._types import Severity
from mappedviz.audits.expectations.columns import column_facts, missing_shares
from mappedviz.audits.expectations.matrices import sampled_scales, slots_of
from mappedviz.audits.expectations.parts import COLUMN_KINDS
from mappedviz.audits.expectations.values import Expectations
from mappedviz.audits.findings import Check, Finding, Found, NotApplicable, NotApplicableError
from mappedviz.audits.nearest import did_you_mean, nearest, some_of
from mappedviz.audits.tables.organisms import organisms
from mappedviz.audits.tables.spelling import plain_spelling
from mappedviz.text.display import share as percent
from mappedviz.text.toml import dotted

if TYPE_CHECKING:
    from mappedviz.audits.evidence import Evidence

Look: TypeAlias = Callable[["Evidence", Expectations], Iterator[Found]]

#: Id -> remedy, whether anything is asked, and the function.
EXPECTED: dict[str, tuple[str, Callable[[Expectations], Any], Look]] = {}


def expected(
    name: str, remedy: str, asked: Callable[[Expectations], Any]
) -> Callable[[Look], Look]:
    """Register the function that judges an expectation; it is called if `asked` says so."""

    def register(look: Look) -> Look:
        EXPECTED[name] = (remedy, asked, look)
        return look

    return register


def judged(
    e: Evidence, expectations: Expectations
) -> tuple[list[Finding], list[NotApplicable], list[str]]:
    """Return the broken expectations, those that could not be judged, and ids of those that hold."""
    broken: list[Finding] = []
    not_applicable: list[NotApplicable] = []
    hold: list[str] = []
    for name, (remedy, asked, look) in EXPECTED.items():
        if not asked(expectations):
            continue
        message = " ".join((look.__doc__ or "").split("\n\n")[0].split())
        check = Check(
            name, expectations.severity, message, remedy, partial(_look, look, expectations)
        )
        result = check.run(e)
        if isinstance(result, NotApplicable):
            not_applicable.append(result)
        elif result:
            broken += result
        else:
            hold.append(name)
    return broken, not_applicable, hold


def _look(look: Look, expectations: Expectations, e: Evidence) -> Iterator[Found]:
    if not e.used:
        raise NotApplicableError("no store can be read")
    yield from look(e, expectations)


def _drop(e: Evidence, stores: Iterable[str]) -> dict[str, Any]:
    """The change that leaves stores out, where others stay."""
    some = list(dict.fromkeys(stores))
    return (
        {"drop": [str(e.stores.loc[name, "path"]) for name in some]}
        if len(some) < len(e.used)
        else {}
    )


# --- stores ------------------------------------------------------------------------------


def _numbers(x: Expectations) -> bool:
    return x.stores.least is not None or x.stores.most is not None


@expected("expected-stores", "Add stores, or change the number.", _numbers)
def expected_stores(e: Evidence, x: Expectations) -> Iterator[Found]:
    """stores.{field}: {n} stores can be read, where at {field} {wanted} are expected."""
    n = len(e.used)
    for field, wanted, broken in (
        ("least", x.stores.least, n < (x.stores.least or 0)),
        ("most", x.stores.most, x.stores.most is not None and n > x.stores.most),
    ):
        if broken:
            words = {"field": field, "n": n, "wanted": wanted}
            yield Found(words, number=n, severity=x.stores.severity)


@expected(
    "expected-cells",
    "Add cells, or leave these stores out.",
    lambda x: x.stores.least_cells is not None,
)
def expected_cells(e: Evidence, x: Expectations) -> Iterator[Found]:
    """stores.least_cells: {n} of {all} stores have fewer than {wanted:,} cells, {store} has {fewest:,}."""
    wanted = x.stores.least_cells or 0
    cells = {name: int(n) for (name, _), n in zip(e.used, e.rows.counts, strict=True)}
    few = [name for name, n in cells.items() if n < wanted]
    if few:
        store = min(few, key=lambda name: cells[name])
        yield Found(
            {
                "n": len(few),
                "all": len(cells),
                "wanted": wanted,
                "store": store,
                "fewest": cells[store],
            },
            stores=few,
            number=cells[store],
            change=_drop(e, few),
            severity=x.stores.severity,
        )


# --- genes -------------------------------------------------------------------------------


@expected(
    "expected-genes",
    "Leave out the stores that share least, or join by another identifier with var_key=.",
    lambda x: x.genes.least_shared is not None or x.genes.least_share is not None,
)
def expected_genes(e: Evidence, x: Expectations) -> Iterator[Found]:
    """genes.{field}: the stores share {inner:,} genes{which}, where {wanted} are expected."""
    c, severity = e.coverage, x.genes.severity
    if not c.stores:
        raise NotApplicableError("no store has readable gene names")
    if x.genes.least_shared is not None and c.inner < x.genes.least_shared:
        yield Found(
            {
                "field": "least_shared",
                "inner": c.inner,
                "which": "",
                "wanted": f"{x.genes.least_shared:,}",
            },
            stores=[],
            number=c.inner,
            severity=severity,
        )
    if x.genes.least_share is not None:
        own = c.table["kept"] + c.table["lost"]
        few = c.table.index[(own > 0) & (c.inner / own.clip(1) < x.genes.least_share)].tolist()
        if few:
            worst = max(few, key=lambda name: int(own[name]))
            which = f", {percent(c.inner / int(own[worst]))} of those of {worst}"
            wanted = f"{percent(x.genes.least_share)} of those of each store"
            yield Found(
                {"field": "least_share", "inner": c.inner, "which": which, "wanted": wanted},
                stores=few,
                number=c.inner / int(own[worst]),
                severity=severity,
            )


@expected(
    "expected-identifiers",
    "Join by another column with var_key=, or leave these stores out.",
    lambda x: x.genes.identifiers,
)
def expected_identifiers(e: Evidence, x: Expectations) -> Iterator[Found]:
    """genes.identifiers: genes are named by {kinds} of {all} stores, where {wanted} is expected."""
    kinds = {str(name): str(kind) for name, kind in e.coverage.table["id_kind"].items()}
    kinds = {name: kind for name, kind in kinds.items() if kind != "none"}
    if not kinds:
        raise NotApplicableError("no store has readable gene names")
    wanted = x.genes.identifiers
    yield from _unexpected(e, kinds, wanted, x.genes.severity, wanted=_or(wanted))


@expected(
    "expected-species",
    "Leave these stores out, or map their genes to orthologues first.",
    lambda x: x.genes.species,
)
def expected_species(e: Evidence, x: Expectations) -> Iterator[Found]:
    """genes.species: {what}, where {wanted} is expected."""
    found = {name: several for name, several in organisms(e.used).items() if several}
    if not found:
        raise NotApplicableError("neither obs nor the names of the genes tell the species")
    wanted = _or(x.genes.species)
    others = {name: sorted(several - set(x.genes.species)) for name, several in found.items()}
    others = {name: several for name, several in others.items() if several}
    if others:
        every = dict.fromkeys(one for several in others.values() for one in several)
        yield Found(
            {
                "what": f"{len(others)} of {len(e.used)} stores are {some_of(every)}",
                "wanted": wanted,
            },
            stores=list(others),
            number=len(others),
            change=_drop(e, others),
            severity=x.genes.severity,
        )
    silent = [name for name, _ in e.used if name not in found]
    if silent:
        yield Found(
            {"what": f"{len(silent)} of {len(e.used)} stores do not tell", "wanted": wanted},
            stores=silent,
            number=len(silent),
            severity="info",
            remedy="Write the obs column 'organism' into the stores.",
        )


def _or(names: Iterable[str]) -> str:
    return " or ".join(map(repr, names))


def _unexpected(
    e: Evidence,
    kinds: Mapping[str, str],
    valid: Collection[str],
    severity: Severity | None,
    **words: str,
) -> Iterator[Found]:
    """The stores that are of another kind than those wanted."""
    others = [name for name, kind in kinds.items() if kind not in valid]
    if others:
        by_kind: dict[str, int] = {}
        for name in others:
            by_kind[kinds[name]] = by_kind.get(kinds[name], 0) + 1
        text = ", ".join(f"{kind!r} in {n}" for kind, n in by_kind.items())
        yield Found(
            {**words, "kinds": text, "all": len(kinds)},
            stores=others,
            number=len(others),
            change=_drop(e, others),
            severity=severity,
        )


def _absent(
    e: Evidence, key: str, lacking: list[str], known: Iterable[str], severity: Severity | None
) -> Found:
    """The stores that lack a matrix or a column, and which of those that they have may be meant."""
    near = nearest(key, list(dict.fromkeys(known)))
    return Found(
        {
            "place": dotted(key),
            "n": len(lacking),
            "all": len(e.used),
            "key": key,
            "maybe": "" if near is None else f" (did you mean {near!r}?)",
        },
        stores=lacking,
        number=len(lacking),
        change=_drop(e, lacking),
        severity=severity,
    )


# --- matrices ----------------------------------------------------------------------------


@expected(
    "expected-matrix",
    "Write the matrix into these stores, or leave them out.",
    lambda x: x.matrices,
)
def expected_matrix(e: Evidence, x: Expectations) -> Iterator[Found]:
    """matrices.{place}: {n} of {all} stores have no {key!r}{maybe}."""
    for key, one in x.matrices.items():
        slots = slots_of(e, key)
        lacking = [name for name, slot in slots.items() if slot is None]
        if lacking:
            scans = dict(e.used)
            facts = (scans[name].store.facts for name in lacking)  # type: ignore[union-attr]
            known = (matrix for some in facts for matrix in some.matrices)
            yield _absent(e, key, lacking, known, one.severity)


@expected(
    "expected-scale",
    "Read a layer of that scale, or leave these stores out.",
    lambda x: any(one.scale for one in x.matrices.values()),
)
def expected_scale(e: Evidence, x: Expectations) -> Iterator[Found]:
    """matrices.{place}.scale: {key} is {kinds} of {all} stores, where {wanted} is expected."""
    any_sampled = False
    for key, one in x.matrices.items():
        scales = sampled_scales(e, key)
        any_sampled = any_sampled or bool(scales)
        if one.scale:
            words = {"wanted": _or(one.scale), "place": dotted(key), "key": key}
            yield from _unexpected(e, scales, one.scale, one.severity, **words)
    if not any_sampled:
        raise NotApplicableError("no rows could be sampled")


# --- obs ---------------------------------------------------------------------------------


@expected(
    "expected-column",
    "Say which column it is with obs_alias=, or leave these stores out.",
    lambda x: any(one.required for one in x.obs.values()),
)
def expected_column(e: Evidence, x: Expectations) -> Iterator[Found]:
    """obs.{place}: {n} of {all} stores have no obs column {key!r} that can be read{maybe}."""
    for key, one in x.obs.items():
        columns = column_facts(e, key)
        lacking = [name for name, facts in columns.items() if facts is None]
        if one.required and lacking:
            scans = dict(e.used)
            known = (column for name in lacking for column in scans[name].obs)
            yield _absent(e, key, lacking, known, one.severity)


@expected(
    "expected-kind",
    "Convert the column in these stores, or leave them out.",
    lambda x: any(one.kind for one in x.obs.values()),
)
def expected_kind(e: Evidence, x: Expectations) -> Iterator[Found]:
    """obs.{place}.kind: {key!r} is {kinds} of {all} stores, where {wanted} is expected."""
    for key, one in x.obs.items():
        kinds = {name: facts.kind for name, facts in column_facts(e, key).items() if facts}
        valid = {kind for name in one.kind for kind in COLUMN_KINDS[name]}
        if one.kind:
            words = {"wanted": _or(one.kind), "place": dotted(key), "key": key}
            yield from _unexpected(e, kinds, valid, one.severity, **words)


@expected(
    "expected-labels",
    "Map them to the vocabulary with relabel=, or add them to it.",
    lambda x: any(one.labels is not None for one in x.obs.values()),
)
def expected_labels(e: Evidence, x: Expectations) -> Iterator[Found]:
    """obs.{place}.labels: {n} {what}: {some}."""
    for key, one in x.obs.items():
        if one.labels is None or not e.has(key):
            continue
        table = e.labels(key)
        unknown = e.recipe.unknown_label_of(key)
        allowed = set(one.labels)
        others = [
            i for i, label in enumerate(table.classes) if label not in allowed and label != unknown
        ]
        if others:
            labels = [table.classes[i] for i in others]
            plain = {plain_spelling(label): label for label in one.labels}
            renames = {one: plain[text] for one in labels if (text := plain_spelling(one)) in plain}
            here = np.unique(table.rows[1][np.isin(table.rows[0], others)]).tolist()
            yield Found(
                {
                    "place": dotted(key),
                    "n": len(labels),
                    "what": f"of {len(table.classes)} labels are not in the vocabulary",
                    "some": did_you_mean(labels, one.labels),
                },
                stores=[table.stores[i] for i in here],
                number=len(labels),
                change={"relabel": {key: renames}} if renames else {},
                severity=one.severity,
            )
        there = set(table.classes)
        lacking = [label for label in one.labels if label not in there]
        if one.match == "exact" and lacking:
            yield Found(
                {
                    "place": dotted(key),
                    "n": len(lacking),
                    "what": f"of {len(one.labels)} labels of the vocabulary have no cell",
                    "some": some_of(lacking),
                },
                number=len(lacking),
                severity=one.severity,
                remedy="Add cells of these labels, or expect a subset.",
            )


@expected(
    "expected-missing",
    "Fill the gaps, or leave these stores out.",
    lambda x: any(one.most_missing is not None for one in x.obs.values()),
)
def expected_missing(e: Evidence, x: Expectations) -> Iterator[Found]:
    """obs.{place}.most_missing: {share} of the cells of {store} lack {key!r}, at most {wanted} are expected."""
    for key, one in x.obs.items():
        if one.most_missing is None:
            continue
        shares = missing_shares(e, key)
        many = [name for name, share in shares.items() if share > one.most_missing]
        if many:
            worst = max(many, key=lambda name: shares[name])
            yield Found(
                {
                    "place": dotted(key),
                    "share": percent(shares[worst]),
                    "store": worst,
                    "key": key,
                    "wanted": percent(one.most_missing),
                },
                stores=many,
                number=shares[worst],
                change=_drop(e, many),
                severity=one.severity,
            )
