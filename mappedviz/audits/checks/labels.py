"""Checks of the label: is it there, what is it, is it spelled alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from mappedviz.audits.covariates import MANY_FRACTIONS, as_numbers, covariates
from mappedviz.audits.findings import Found, NotApplicableError, check
from mappedviz.audits.nearest import some_of
from mappedviz.collection.plan import column_of
from mappedviz.recipe.store_paths import shortest_names

if TYPE_CHECKING:
    from mappedviz.audits.columns import ObsFacts
    from mappedviz.audits.evidence import Evidence

_LIKE_LABELS = (
    "cell.?type",
    "label",
    "annot",
    "cluster|louvain|leiden",
    "class|identity|population",
)


def _label(e: Evidence) -> str:
    if e.label is None:
        raise NotApplicableError("no label was named")
    return e.label


def _labelled(e: Evidence) -> str:
    key = _label(e)
    if not e.has(key):
        raise NotApplicableError(f"no store has the label {key!r}")
    return key


def _rank(key: str, name: str, facts: ObsFacts) -> tuple[int, int] | None:
    """Rank of an obs column as a label; less is better, None is no candidate."""
    n = len(facts.labels or ())
    if facts.kind not in ("categorical", "string") or not 2 <= n <= 500:
        return None
    if re.sub(r"\W|_", "", name.casefold()) == re.sub(r"\W|_", "", key.casefold()):
        return (-1, 0)
    for rank, pattern in enumerate(_LIKE_LABELS):
        if re.search(pattern, name.casefold()):
            return (rank, -n)
    return None


def candidates(e: Evidence, key: str) -> dict[str, str]:
    """Store -> the obs column that may be meant by a key that the store does not have."""
    found = {}
    for store, scan in e.readable:
        assert scan.store is not None
        if column_of(e.recipe, key, scan.store.path, scan.store.facts.obs_columns) is not None:
            continue
        ranked = {
            name: rank
            for name, facts in scan.obs.items()
            if (rank := _rank(key, name, facts)) is not None
        }
        if ranked:
            found[store] = min(ranked, key=lambda name: ranked[name])
    return found


def _alias(e: Evidence, key: str, maybe: dict[str, str]) -> dict[str, str]:
    """Store, by a name that a recipe understands -> its column, those that have one included."""
    names = shortest_names(e.paths)
    alias = {}
    for store, scan in e.readable:
        assert scan.store is not None
        column = maybe.get(store) or column_of(
            e.recipe, key, scan.store.path, scan.store.facts.obs_columns
        )
        if column is not None and column != key:
            alias[names[scan.path]] = column
    return alias


@check(
    "label-absent", "error", "Say which column it is with obs_alias=, or leave these stores out."
)
def label_absent(e: Evidence) -> Iterator[Found]:
    """{n} of {all} stores have no obs column {key!r}, that is {rows:,} cells without a label.{maybe}"""
    key = _label(e)
    if not e.readable:
        raise NotApplicableError("no store can be read")
    absent = e.labels(key).absent
    absent = absent[absent > 0]
    if not len(absent):
        return
    maybe = candidates(e, key)
    named = ", ".join(f"{column!r} in {store}" for store, column in list(maybe.items())[:4])
    change = {"obs_alias": {key: _alias(e, key, maybe)}} if maybe else {}
    yield Found(
        {
            "n": len(absent),
            "all": len(e.readable),
            "key": key,
            "rows": int(absent.sum()),
            "maybe": f" It may be {named}." if named else "",
        },
        stores=[str(store) for store in absent.index],
        number=int(absent.sum()),
        change=change,
    )


@check("label-type", "error", "Relabel, or choose another column.")
def label_type(e: Evidence) -> Iterator[Found]:
    """The {what} {key!r} is {types}."""
    numbers = covariates(e)
    for key, stores in numbers.items():
        if key != e.label:
            yield Found(
                {
                    "what": "obs key",
                    "key": key,
                    "types": f"float in {len(stores)} stores, and its numbers become classes",
                },
                stores=stores,
                number=len(stores),
                severity="warning",
                remedy="Leave it out of encode_labels=: a batch has its numbers then.",
                change=as_numbers(e.recipe, list(numbers)),
            )
    if e.label is None and numbers:
        return
    key = _labelled(e)
    if key in e.recipe.obs_keys and key not in e.recipe.encoded_keys:
        return  # read as numbers
    table = e.labels(key)
    # 1, 1.0 and True are one label, as they are for pandas; 1 and "1" are two.
    text = np.array([isinstance(label, str) for label in table.classes], dtype=bool)
    fractions = np.array(
        [isinstance(label, float) and label % 1 != 0 for label in table.classes], dtype=bool
    )
    fractions &= fractions.sum() > MANY_FRACTIONS
    kinds: dict[str, dict[str, None]] = {}
    for kind, codes in (("text", text), ("float", fractions), ("numbers", ~text & ~fractions)):
        here = np.unique(table.rows[1][codes[table.rows[0]]]).tolist()
        if here:
            kinds[kind] = dict.fromkeys(table.stores[i] for i in here)
    if "float" in kinds:
        kinds["float"] |= kinds.pop("numbers", {})
    if "float" in kinds or len(kinds) > 1:
        words = ", ".join(f"{kind} in {len(stores)} stores" for kind, stores in kinds.items())
        common = max(kinds, key=lambda kind: len(kinds[kind]) - 1e9 * (kind == "float"))
        yield Found(
            {
                "what": "label",
                "key": key,
                "types": words + (", which is no class" if "float" in kinds else ""),
            },
            stores=[store for kind, some in kinds.items() if kind != common for store in some]
            or list(kinds[common]),
            number=len(kinds),
            change=as_numbers(e.recipe, list(numbers)) if key in numbers else {},
        )


_DATE = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
    r"|\d{1,2}-(jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)(-\d+)?"
    r"|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)-\d{1,2}",
    re.IGNORECASE,
)
_IDENTIFIERS = 10_000
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")


@check(
    "label-names",
    "warning",
    "Give the classes names with relabel=: numbers and dates mean something else elsewhere.",
)
def label_names(e: Evidence) -> Iterator[Found]:
    """{n} of {all} classes of {key!r} look like {what}: {some}.{stores}"""
    key = _labelled(e)
    table = e.labels(key)
    if len(table.classes) > _IDENTIFIERS:
        raise NotApplicableError("so many classes are identifiers, not names")
    for what, pattern in (("dates", _DATE), ("numbers", _NUMBER)):
        here = [
            code
            for code, label in enumerate(table.classes)
            if isinstance(label, str) and pattern.fullmatch(label.strip())
        ]
        if not here:
            continue
        rows = np.isin(table.rows[0], here)
        stores = [table.stores[i] for i in np.unique(table.rows[1][rows]).tolist()]
        several = what == "numbers" and len(stores) > 1
        yield Found(
            {
                "n": len(here),
                "all": len(table.classes),
                "key": key,
                "what": what,
                "some": some_of([table.classes[code] for code in here]),
                "stores": f" Numbers of clusters mean something else in each of the {len(stores)} stores."
                if several
                else "",
            },
            stores=stores,
            number=len(here),
            severity=None if several or what == "dates" else "info",
        )


@check(
    "label-missing",
    "warning",
    "These cells get the code -1 and the weight 0; or name them with unknown_label=.",
)
def label_missing(e: Evidence) -> Iterator[Found]:
    """{n:,} cells ({percent}) of stores that have {key!r} have no label there."""
    key = _labelled(e)
    table = e.labels(key)
    missing = table.missing[table.missing > 0]
    if len(missing):
        n = int(missing.sum())
        rows = table.n_rows - int(table.absent.sum())
        yield Found(
            {"n": n, "percent": f"{100 * n / rows:.1f} %", "key": key},
            stores=[str(store) for store in missing.index],
            number=n,
        )


_PLACEHOLDERS = {"nan", "na", "n/a", "none", "null", "unknown", "unassigned", "", "-", "?", "<na>"}


@check(
    "label-placeholder",
    "warning",
    "Make it missing with relabel=, or code it -1 with unknown_label=.",
)
def label_placeholder(e: Evidence) -> Iterator[Found]:
    """The label {label!r} of {n:,} cells seems to stand for a missing one."""
    key = _labelled(e)
    table = e.labels(key)
    for code, label in enumerate(table.classes):
        if isinstance(label, str) and label.strip().casefold() in _PLACEHOLDERS:
            if label == e.recipe.unknown_label_of(key):
                continue
            here = table.rows[0] == code
            n = int(table.rows[2][here].sum())
            yield Found(
                {"label": label, "n": n},
                stores=[table.stores[i] for i in table.rows[1][here].tolist()],
                number=n,
                change={"relabel": {key: {label: None}}},
            )


@check(
    "label-spelling",
    "warning",
    "Give each class one spelling with relabel=, if they mean the same.",
)
def label_spelling(e: Evidence) -> Iterator[Found]:
    """{n} classes of {key!r} seem to be spelled in several ways: {some}."""
    key = _labelled(e)
    variants = e.labels(key).variants
    if len(variants):
        groups = [some["label"].tolist() for _, some in variants.groupby("group", sort=False)]
        text = "; ".join(" = ".join(repr(label) for label in group) for group in groups[:5])
        stores = dict.fromkeys(store for some in variants["stores"] for store in some)
        yield Found(
            {
                "n": len(groups),
                "key": key,
                "some": text + (f" and {len(groups) - 5} more" if len(groups) > 5 else ""),
            },
            stores=list(stores),
            number=len(groups),
            change={"relabel": {key: e.labels(key).merging()}},
        )


@check("label-vocabulary", "warning", "Map them to one vocabulary with relabel=.")
def label_vocabulary(e: Evidence) -> Iterator[Found]:
    """No class of {key!r} is in more than one of the {n} stores that have labels: the classes tell
    the stores apart.
    """
    key = _labelled(e)
    table = e.labels(key)
    labelled = len(set(table.rows[1].tolist()))
    if labelled < 2:
        raise NotApplicableError("fewer than two stores have labels")
    if int(table.n_stores.max()) == 1:
        yield Found({"key": key, "n": labelled}, stores=table.stores, number=labelled)
