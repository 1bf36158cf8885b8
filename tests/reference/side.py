"""One side of the comparison: opens each case with one library and writes down what it sees.

A script, run by ``compare.py`` with the interpreter of either environment::

    python side.py lamindb|mappedviz OUT.json < CASES.json

Arrays go into ``OUT.npz``; everything else into ``OUT.json``, where ``{"@": k}`` stands for the
k-th array. Only numpy and pandas are used, which both environments have.
"""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Case = dict[str, Any]
ROWS = 48  # of each case, when it has more


def _library(name: str) -> Any:
    if name == "lamindb":
        # The module needs no connected instance.
        from lamindb.core._mapped_collection import MappedCollection
    else:
        from mappedviz import MappedCollection
    return MappedCollection


class Notes:
    """What was seen, in JSON, with its arrays beside it."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []

    def scalar(self, value: Any) -> Any:
        """A label or number with its kind; all ways of saying "missing" are one."""
        if value is None or value is pd.NA or value is pd.NaT:
            return ["missing", type(value).__name__]
        if isinstance(value, bool | np.bool_):
            return ["bool", bool(value)]
        if isinstance(value, int | np.integer):
            return ["int", int(value)]
        if isinstance(value, float | np.floating):
            return ["missing", "float"] if math.isnan(value) else ["float", repr(float(value))]
        if isinstance(value, str):
            return ["str", str(value)]
        return [type(value).__name__, repr(value)]

    def note(self, value: Any) -> Any:
        """Any value."""
        if isinstance(value, np.ndarray):
            if value.dtype.kind in "OSUTV" or value.ndim == 0:
                return {"objects": [self.scalar(x) for x in value.ravel().tolist()]}
            self.arrays.append(np.ascontiguousarray(value))
            return {"@": len(self.arrays) - 1}
        if isinstance(value, pd.Index | pd.Series):
            return [self.scalar(x) for x in value.tolist()]
        if isinstance(value, dict | list | tuple) or hasattr(value, "items"):
            if hasattr(value, "items"):
                pairs = [[self.scalar(k), self.note(v)] for k, v in value.items()]
                return {"pairs": pairs}
            return [self.note(x) for x in value]
        return self.scalar(value)

    def attempt(self, do: Callable[[], Any]) -> Any:
        """What comes of it, or which error."""
        try:
            return self.note(do())
        except Exception as error:
            return {"error": [type(error).__name__, *_builtins(error)], "message": str(error)[:300]}


def _builtins(error: BaseException) -> list[str]:
    return [c.__name__ for c in type(error).__mro__[1:] if c.__module__ == "builtins"][:-3]


def _chosen(counts: list[int]) -> list[int]:
    """Rows to look at: the ends of every store, and some in between."""
    n = sum(counts)
    if n <= ROWS:
        return list(range(n))
    ends = np.cumsum([0, *counts])
    edges = {int(x) for end in ends for x in (end - 1, end) if 0 <= x < n}
    some = np.random.default_rng(0).choice(n, ROWS, replace=False)
    return sorted(edges | {int(x) for x in some})


def _look(ds: Any, case: Case, notes: Notes) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    attempt = notes.attempt
    for name in ("shape", "n_obs", "n_vars", "n_obs_list", "original_shapes", "var_joint"):
        seen[name] = attempt(lambda name=name: getattr(ds, name))
    for name in ("storage_idx", "indices"):
        seen[name] = attempt(lambda name=name: np.asarray(getattr(ds, name)).astype(np.int64))
    for name in ("encoders", "closed"):
        seen[name] = attempt(lambda name=name: getattr(ds, name))
    seen["var_indices"] = attempt(
        lambda: ds.var_indices and [np.asarray(x).astype(np.int64) for x in ds.var_indices]
    )
    seen["len"] = attempt(lambda: len(ds))
    seen["dtype of storage_idx"] = attempt(lambda: np.asarray(ds.storage_idx).dtype.kind)
    for i in _chosen([int(x) for x in ds.n_obs_list]):
        sample = attempt(lambda i=i: ds[i])
        # A sample is a dict whose order means nothing.
        if "pairs" in sample:
            sample = {key[1]: value for key, value in sample["pairs"]}
        seen[f"row {i}"] = sample
    if len(ds):
        seen["row -1"] = attempt(lambda: ds[-1]["_store_idx"])
        seen["row np.int32"] = attempt(lambda: ds[np.int32(0)]["_store_idx"])
        seen["types"] = attempt(lambda: _types(ds[0]))
    seen["row beyond"] = attempt(lambda: ds[len(ds)])
    seen["sorted"] = attempt(ds.check_vars_sorted)
    seen["sorted down"] = attempt(lambda: ds.check_vars_sorted(ascending=False))
    for name in case.get("non_aligned", ()):
        seen[f"non aligned {name}"] = attempt(lambda name=name: ds.check_vars_non_aligned(name))
    for key in case.get("labels", ()):
        seen[f"labels {key}"] = attempt(lambda key=key: _as_objects(ds.get_merged_labels(key)))
        seen[f"categories {key}"] = attempt(lambda key=key: ds.get_merged_categories(key))
    for keys in case.get("weights", ()):
        label = keys if isinstance(keys, str) else "+".join(keys)
        for scaler in (None, 10):
            for by_class in (False, True):
                name = f"weights {label}" + (f" scaler {scaler}" if scaler else "")
                name += " by class" if by_class else ""
                seen[name] = attempt(lambda k=keys, s=scaler, b=by_class: _weights(ds, k, s, b))
    ds.close()
    seen["closed after"] = attempt(lambda: ds.closed)
    seen["row after"] = attempt(lambda: ds[0]["_store_idx"])
    return seen


def _as_objects(labels: Any) -> np.ndarray:
    return np.asarray(labels).astype(object)


def _weights(ds: Any, keys: Any, scaler: Any, by_class: bool) -> Any:
    weights = ds.get_label_weights(keys, scaler=scaler, return_categories=by_class)
    if not by_class:
        return np.asarray(weights, dtype=np.float64)
    # A dict whose order means nothing.
    return {str(k): float(v) for k, v in sorted(weights.items(), key=lambda pair: str(pair[0]))}


def _types(sample: dict[str, Any]) -> dict[str, str]:
    return {
        key: f"ndarray {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
        for key, value in sorted(sample.items())
    }


def main() -> None:
    """Read the cases, write down what is seen."""
    warnings.simplefilter("ignore")
    library, out = sys.argv[1], Path(sys.argv[2])
    mapped_collection = _library(library)
    notes = Notes()
    seen = {}
    for case in json.load(sys.stdin):
        kwargs = {k: _thaw(v) for k, v in case["kwargs"].items()}
        try:
            ds = mapped_collection(case["paths"], **kwargs)
        except Exception as error:
            names = [type(error).__name__, *_builtins(error)]
            seen[case["id"]] = {"open": {"error": names, "message": str(error)[:300]}}
            continue
        seen[case["id"]] = {"open": "ok", **_look(ds, case, notes)}
    np.savez(out.with_suffix(".npz"), **{str(k): a for k, a in enumerate(notes.arrays)})
    out.write_text(json.dumps(seen))
    sys.stdout.flush()
    os._exit(0)


def _thaw(value: Any) -> Any:
    """JSON has neither NaN nor tuples: ``{"nan": 1}`` and ``{"tuple": […]}`` stand for them."""
    if isinstance(value, dict):
        if set(value) == {"nan"}:
            return float("nan")
        if set(value) == {"tuple"}:
            return tuple(_thaw(x) for x in value["tuple"])
        return {k: _thaw(v) for k, v in value.items()}
    return [_thaw(x) for x in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
