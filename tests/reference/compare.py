"""Compare MappedCollection with the reference, lamindb's, row by row.

Not part of the normal tests, because the reference needs an environment of its own::

    tests/reference/make_env.sh ENVS                                       # once
    python tests/reference/compare.py --python ENVS/lamindb/bin/python

Each side runs in its own process over the same cases (``asked.py``): the demo collection,
generated stores in every dialect, other real stores with ``--local DIR``; all joins, encoding on
and off, unknown labels, filters, layers, raw, obsm, types, weights, merged labels. They write
down what they see (``side.py``); this script lists what differs. A difference that
``docs/coming_from_lamindb.md`` explains is counted under its rule (`RULES`); any other is printed
and makes the exit status 1. ``--only WORD`` takes only cases whose name contains it, ``--rules``
prints examples of each rule.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from tests.reference.asked import coded_collections, real_collections, requests  # noqa: E402


@dataclass(frozen=True)
class Difference:
    """One thing that the two sides see differently.

    Attributes
    ----------
    case
        Name of the case.
    where
        What was looked at, such as ``row 3/cell_type``.
    theirs, ours
        The two values, as noted by `side.Notes`; None where a side has none.
    """

    case: str
    where: str
    theirs: Any
    ours: Any

    def __str__(self) -> str:
        return f"{self.case} | {self.where}: {_short(self.theirs)} -> {_short(self.ours)}"


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape} {value.ravel()[:6].tolist()}"
    text = "nothing" if value is None else json.dumps(value, default=str)
    return text if len(text) < 160 else text[:150] + " …"


@dataclass(frozen=True)
class Rule:
    """A difference that is meant.

    Attributes
    ----------
    name
        What is different, in words.
    where
        Regular expression for `Difference.where`.
    applies
        Whether the values are those of this rule.
    """

    name: str
    where: str
    applies: Callable[[Difference], bool] = lambda _: True

    def explains(self, difference: Difference) -> bool:
        """Whether the difference is this one."""
        return bool(re.fullmatch(self.where, difference.where)) and self.applies(difference)


def _failed(value: Any) -> bool:
    return isinstance(value, dict) and "error" in value


def _kinds(*kinds: str) -> Callable[[Difference], bool]:
    """Theirs and ours are scalars of these kinds."""
    return lambda d: (
        tuple(v[0] if isinstance(v, list) and v else None for v in (d.theirs, d.ours)) == kinds
    )


def _is_missing(value: Any) -> bool:
    return isinstance(value, list) and value[:1] == ["missing"]


def _zero_where_different(d: Difference) -> bool:
    """Two arrays of weights, ours 0 wherever they differ."""
    if not (isinstance(d.theirs, np.ndarray) and isinstance(d.ours, np.ndarray)):
        return False
    same = d.theirs.shape == d.ours.shape
    return same and bool(np.all((d.theirs == d.ours) | (d.ours == 0)))


def _same_but_missing(d: Difference) -> bool:
    """Two lists of categories, equal when what is missing is left out of theirs."""
    if not (isinstance(d.theirs, list) and isinstance(d.ours, list)):
        return False
    known = [json.dumps(x) for x in d.theirs if not _is_missing(x)]
    return sorted(known) == sorted(json.dumps(x) for x in d.ours)


def _known(values: Any) -> list[Any]:
    return [x for x in values if not _is_missing(x) and x != ["str", "nan"]]


def _missing_where_absent(d: Difference) -> bool:
    """Theirs leaves out whole stores; ours has NaN for their rows."""
    return (
        _items(d.theirs)
        and _items(d.ours)
        and len(d.theirs) < len(d.ours)
        and _equal_numbers(_known(d.theirs), _known(d.ours))
    )


def _equal_numbers(theirs: list[Any], ours: list[Any]) -> bool:
    """Equal lists of scalars, 3 and 3.0 taken as equal."""
    return len(theirs) == len(ours) and all(
        a == b or (a[0] in _NUMBERS and b[0] in _NUMBERS and float(a[1]) == float(b[1]))
        for a, b in zip(theirs, ours, strict=True)
    )


_NUMBERS = ("int", "float")


def _weights_of_some(d: Difference) -> bool:
    """Theirs leaves out whole stores: each of our weights is one of theirs, or 0."""
    if not (isinstance(d.theirs, np.ndarray) and isinstance(d.ours, np.ndarray)):
        return False
    if len(d.theirs) >= len(d.ours):
        return False
    if "+" in d.where:  # theirs pairs rows of different stores here: nothing to compare with
        return True
    positive = d.ours[d.ours > 0]
    return len(positive) <= len(d.theirs) and bool(np.all(np.isin(positive, d.theirs)))


def _native(d: Difference) -> bool:
    if isinstance(d.theirs, np.ndarray) and isinstance(d.ours, np.ndarray):
        return not d.theirs.dtype.isnative and _equal(
            d.theirs.astype(d.theirs.dtype.newbyteorder("=")), d.ours
        )
    return d.where.startswith("types/") and re.search("[<>]", d.theirs[1]) is not None


# Columns of the coded stores in which a missing value is no category of its own on disk.
_WITH_MISSING = "(score|score32|age|treated|note)"

RULES: tuple[Rule, ...] = (
    Rule(
        "reading a closed collection is a ClosedError",
        "row after",
        lambda d: "ClosedError" in d.ours["error"],
    ),
    Rule(
        "closing has no effect with parallel=True, so it is not closed after",
        "closed after",
        lambda d: "parallel" in d.case,
    ),
    Rule(
        "encoders are always there",
        "encoders",
        lambda d: _failed(d.theirs) and d.ours == {"pairs": []},
    ),
    Rule("storage_idx has the smallest integers", "dtype of storage_idx"),
    Rule("numbers in samples are Python's own", "types/(?!X$|obsm_).*"),
    Rule(
        "original_shapes knows the widths for join=None",
        "original_shapes",
        _kinds("missing", "int"),
    ),
    Rule(
        "a missing label read from zarr is missing, not the text 'nan'",
        "labels .*/values",
        lambda d: d.theirs == ["str", "nan"] and _is_missing(d.ours),
    ),
    Rule(
        "a filter for missing labels finds those of zarr stores",
        ".*",
        lambda d: "filter" in d.case and "'nan': 1" in d.case,
    ),
    Rule(
        "a missing label read from an anndata 0.7 store is missing, not the last category",
        "row [0-9]+/.*",
        lambda d: "0.7" in d.case and _is_missing(d.ours),
    ),
    Rule(
        "a key that a store lacks: one label per row, missing ones there",
        "labels .*/values",
        _missing_where_absent,
    ),
    Rule("a key that a store lacks: one weight per row, 0 there", "weights .*", _weights_of_some),
    Rule(
        "two keys, one of them absent somewhere: their classes are those of one row",
        "weights .*[+].* by class/.*",
        lambda d: "absent somewhere" in d.case and None in (d.ours, d.theirs),
    ),
    Rule(
        "whole numbers with missing ones among them are floats",
        "labels .*/values",
        lambda d: _equal_numbers([d.theirs], [d.ours]),
    ),
    Rule("arrays are in the machine's byte order", ".*", _native),
    Rule(
        "a key in no store is an error",
        "open",
        lambda d: d.theirs == "ok" and d.ours["error"][0] == "MissingKeyError",
    ),
    Rule(
        "repeated entries of a sparse row are summed",
        "row [0-9]+/.*",
        lambda d: "h5ad-unsorted" in d.case and isinstance(d.ours, np.ndarray),
    ),
    Rule(
        "stores with CSC matrices open, or fail for another reason",
        "open",
        lambda d: d.theirs != "ok" and "csc matrix" in d.theirs["message"],
    ),
    Rule(
        "stores without X open",
        "open",
        lambda d: "without-x" in d.case and d.ours == "ok",
    ),
    Rule(
        "stores of anndata 0.5 open, and those whose raw is null",
        "open",
        lambda d: re.search("0[.]5|null-raw", d.case) is not None and d.ours == "ok",
    ),
    Rule(
        "zipped zarr stores open",
        "open",
        lambda d: "zarr-zip" in d.case and d.ours == "ok",
    ),
    Rule(
        "zarr stores open with cache_categories=False",
        "open",
        lambda d: "not cached" in d.case and d.ours == "ok",
    ),
    Rule("missing is no class: its rows weigh 0", "weights .*", _zero_where_different),
    Rule(
        "missing is no class: it has no weight by class",
        "weights .* by class/(.*__)?nan(__.*)?",
        lambda d: d.ours is None,
    ),
    Rule("missing is no class: it is no category", "categories .*", _same_but_missing),
    Rule(
        "missing is no class: it has no code, and codes stay sorted",
        f"(encoders/{_WITH_MISSING}/.*|row [0-9]+/{_WITH_MISSING})",
        lambda d: f"encoded {d.where.split('/')[1]}" in d.case,
    ),
    Rule(
        "where the reference cannot sort missing values, ours opens",
        "open",
        lambda d: d.ours == "ok" and "'<' not supported" in d.theirs["message"],
    ),
    Rule(
        "where the reference fails, ours answers",
        "(?!open).*",
        lambda d: _failed(d.theirs) and not _failed(d.ours),
    ),
)


def run_side(python: str, library: str, cases: list[dict[str, Any]], folder: Path) -> Any:
    """All that one side sees, arrays put back in their places."""
    out = folder / f"{library}.json"
    done = subprocess.run(
        [python, str(HERE / "side.py"), library, str(out)],
        input=json.dumps(cases),
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"},
        stderr=subprocess.PIPE,
    )
    if done.returncode:
        sys.exit(f"{library} failed:\n{done.stderr[-3_000:]}")
    arrays = np.load(out.with_suffix(".npz"))

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return (
                arrays[str(value["@"])]
                if set(value) == {"@"}
                else {k: fill(v) for k, v in value.items()}
            )
        return [fill(x) for x in value] if isinstance(value, list) else value

    return fill(json.loads(out.read_text()))


def _equal(theirs: Any, ours: Any) -> bool:
    if isinstance(theirs, np.ndarray) or isinstance(ours, np.ndarray):
        if not (isinstance(theirs, np.ndarray) and isinstance(ours, np.ndarray)):
            return False
        return (
            theirs.dtype == ours.dtype
            and theirs.shape == ours.shape
            and np.array_equal(theirs, ours, equal_nan=theirs.dtype.kind == "f")
        )
    if isinstance(theirs, dict) and isinstance(ours, dict):
        if "error" in theirs and "error" in ours:
            # The same builtin can be caught; ours may be more specific.
            return theirs["error"][0] in ours["error"]
        return theirs.keys() == ours.keys() and all(_equal(theirs[k], ours[k]) for k in theirs)
    if isinstance(theirs, list) and isinstance(ours, list):
        kinds = {_kind(theirs), _kind(ours)}
        if kinds == {"missing"}:
            return True
        if kinds == {"float"}:
            return math.isclose(float(theirs[1]), float(ours[1]), rel_tol=1e-12)
        return len(theirs) == len(ours) and all(map(_equal, theirs, ours))
    return bool(theirs == ours)


def _kind(value: list[Any]) -> str | None:
    return value[0] if value and isinstance(value[0], str) else None


def differences(case: str, theirs: Any, ours: Any, where: str = "") -> Iterator[Difference]:
    """Walk through what both sides noted of one case."""
    if _equal(theirs, ours):
        return
    if isinstance(theirs, dict) and isinstance(ours, dict):
        if _failed(theirs) or _failed(ours):
            yield Difference(case, where, theirs, ours)
            return
        if {"open"} in (set(theirs), set(ours)):  # one side did not open it
            yield Difference(case, "open", theirs["open"], ours["open"])
            return
        theirs, ours = _keyed(theirs), _keyed(ours)
        for key in [*theirs, *(k for k in ours if k not in theirs)]:
            there = f"{where}/{key}" if where else key
            if key not in theirs or key not in ours:
                yield Difference(case, there, theirs.get(key), ours.get(key))
            else:
                yield from differences(case, theirs[key], ours[key], there)
    elif _items(theirs) and _items(ours) and len(theirs) == len(ours):
        for a, b in zip(theirs, ours, strict=True):
            yield from differences(case, a, b, where)
    else:
        yield Difference(case, where, theirs, ours)


def _keyed(value: dict[str, Any]) -> dict[str, Any]:
    """A dict that was noted as pairs, by its keys; an array of objects as a list."""
    if "pairs" in value:
        return {f"{key[1]}": item for key, item in value["pairs"]}
    return {"values": value["objects"]} if "objects" in value else value


def _items(value: Any) -> bool:
    return isinstance(value, list) and (not value or not isinstance(value[0], str))


def signature(python: str) -> list[str]:
    """Parameters of the reference's constructor, in order."""
    code = (
        "import inspect, json; from lamindb.core._mapped_collection import MappedCollection as M;"
        "print(json.dumps(list(inspect.signature(M).parameters)))"
    )
    out = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    return [str(x) for x in json.loads(out.splitlines()[-1])]


def _groups(found: list[Difference]) -> list[list[Difference]]:
    """Those of one kind of collection and one place together."""
    groups: dict[str, list[Difference]] = defaultdict(list)
    for difference in found:
        kind = difference.case.split(":")[0].split(" ")[0]
        groups[f"{kind} {re.sub('[0-9]+', 'N', difference.where)}"].append(difference)
    return list(groups.values())


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", required=True, help="interpreter that has lamindb-core")
    parser.add_argument("--local", type=Path, help="folder with more real stores")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--rules", action="store_true", help="examples of each rule")
    parser.add_argument("--most", type=int, default=40, help="unexplained differences to print")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = [
            case
            for source in (real_collections(args.local), coded_collections(folder))
            for collection in source
            for case in requests(collection)
            if args.only in case["id"]
        ]
        theirs = run_side(args.python, "lamindb", cases, folder)
        ours = run_side(sys.executable, "mappedviz", cases, folder)
    explained: dict[str, list[Difference]] = defaultdict(list)
    rest: list[Difference] = []
    for case in cases:
        for difference in differences(case["id"], theirs[case["id"]], ours[case["id"]]):
            rule = next((rule for rule in RULES if rule.explains(difference)), None)
            if rule is None:
                rest.append(difference)
            else:
                explained[rule.name].append(difference)
    same = sum(theirs[c["id"]].get("open") == "ok" == ours[c["id"]].get("open") for c in cases)
    print(f"{len(cases)} cases, opened by both: {same}")
    print(f"parameters of the reference: {', '.join(signature(args.python))}")
    for rule in RULES:
        found = explained.get(rule.name, [])
        print(f"{len(found):6} as meant: {rule.name}")
        if args.rules:
            for group in _groups(found):
                print(f"         {len(group):5} × {group[0]}")
    groups = _groups(rest)
    print(f"{len(rest):6} not explained, in {len(groups)} groups")
    for group in groups[: args.most]:
        print(f"  {len(group):5} × {group[0]}")
    return int(bool(rest))


if __name__ == "__main__":
    sys.exit(main())
