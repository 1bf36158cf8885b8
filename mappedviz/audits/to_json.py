"""The tables of an audit as plain values for JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from mappedviz.audits.digests import Digests
from mappedviz.audits.tables.frames import plain_text
from mappedviz.audits.tables.genes import Coverage
from mappedviz.audits.tables.labels import LabelTable
from mappedviz.audits.tables.samples import sample_sheet
from mappedviz.audits.tables.weights import weights_of
from mappedviz.audits.tables.what_if import WHAT_IF
from mappedviz.errors import MissingKeyError, RecipeError
from mappedviz.recipe.weights import scheme_of

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.cells.reader import CellReader
    from mappedviz.audits.evidence import Evidence
    from mappedviz.audits.tables.weights import WeightTable
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.recipe.weights import Scheme


def tables_to_dict(tables: Evidence | SavedEvidence) -> dict[str, Any]:
    """The tables as values that JSON knows: NaN and NA become None, tuples lists."""
    if isinstance(tables, SavedEvidence):
        return dict(tables.content)
    keys = {"label": tables.label, "batch": tables.batch, "group": tables.group}
    labels = {key: _labels_to_dict(tables.labels(key)) for key in tables.label_keys}
    coverage = tables.coverage
    return {
        **keys,
        "split": tables.split,
        "paths": tables.paths,
        "stores": _frame_to_dict(tables.stores),
        "coverage": {
            "inner": coverage.inner,
            "outer": coverage.outer,
            "n_patterns": coverage.n_patterns,
            "table": _frame_to_dict(coverage.table),
            "at_least": [int(n) for n in coverage.at_least],
            "patterns": _frame_to_dict(coverage.patterns),
            "what_if": _frame_to_dict(coverage.what_if),
        },
        "labels": labels,
        "digests": tables.digests.to_dict(),
        "obs_schema": _frame_to_dict(tables.obs_schema),
    }


class SavedEvidence:
    """The tables of an audit that was read from JSON; no store is open.

    Parameters
    ----------
    recipe
        The recipe that was audited.
    content
        What :func:`tables_to_dict` made.
    """

    def __init__(self, recipe: Recipe, content: Mapping[str, Any]) -> None:
        self.recipe = recipe
        self.content = content
        self.paths: list[str] = list(content["paths"])
        self.label: str | None = content["label"]
        self.batch: str | None = content["batch"]
        self.group: str | None = content["group"]
        self.split: str | None = content["split"]
        self.stores = _stores_from(content["stores"])
        self.coverage = _coverage_from(content["coverage"])
        self.obs_schema = _schema_from(content["obs_schema"])
        digests = content.get("digests")  # earlier versions wrote none
        self.digests = None if digests is None else Digests.from_dict(digests)
        self._labels = {key: _labels_from(key, one) for key, one in content["labels"].items()}

    @property
    def label_keys(self) -> list[str]:
        """Keys whose labels are there."""
        return list(self._labels)

    def labels(self, key: str | None = None) -> LabelTable:
        """As :meth:`Evidence.labels`, for the keys of the audit."""
        key = self.label if key is None else key
        if key is None:
            raise RecipeError("names no obs column", key="label", remedy="Give a key.")
        if key not in self._labels:
            self._not_saved(f"the labels of {key!r}")
        return self._labels[key]

    def weights(
        self,
        keys: str | Sequence[str] | None = None,
        scheme: Scheme | None = None,
        scaler: float | None = None,
    ) -> WeightTable:
        """As :meth:`Evidence.weights`, for one key of the audit."""
        several = [keys] if keys is None or isinstance(keys, str) else list(keys)
        if len(several) != 1:
            self._not_saved("labels of several keys together")
        table = self.labels(several[0])
        if not table.classes:
            raise MissingKeyError("no cell has a label", key=table.key, remedy="See obs_schema.")
        chosen = scheme_of(scheme, scaler)
        return weights_of(table, self.recipe, chosen, scaler)

    @property
    def var_measured(self) -> pd.DataFrame:
        """Needs the names of the genes, which are not saved."""
        self._not_saved("the genes of each store")

    def crosstab(
        self, rows: str, columns: str, top_n: int | None = None, *, missing: bool = False
    ) -> pd.DataFrame:
        """Needs the rows, which are not saved."""
        self._not_saved(f"{rows!r} by {columns!r}")

    def library_sizes(self, key: str | None = None) -> pd.DataFrame:
        """Needs the sampled rows, which are not saved."""
        self._not_saved(f"the sampled rows of {key or self.recipe.layers_keys[0]!r}")

    @property
    def obs_browser(self) -> pd.DataFrame:
        """Needs the values of obs, which are not saved."""
        self._not_saved("the values of obs columns")

    def sample_sheet(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """As :meth:`Evidence.sample_sheet`, for the keys of the audit."""
        keys = list(self._labels) if columns is None else columns
        return sample_sheet([str(name) for name in self.stores.index], keys, self.labels)

    @property
    def cells(self) -> CellReader:
        """Needs the stores, which are not opened."""
        self._not_saved("cells")

    def _not_saved(self, what: str) -> NoReturn:
        raise RecipeError(
            f"{what} are not in an audit that was read from JSON",
            key="audit",
            remedy="Make the audit again from the stores.",
        )


# --- tables as plain values ------------------------------------------------------------------


def _plain(value: Any) -> Any:
    import pandas as pd

    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value


def _frame_to_dict(frame: pd.DataFrame) -> dict[str, Any]:
    return {
        "index": _plain(frame.index.tolist()),
        "columns": [_plain(column) for column in frame.columns.tolist()],
        "values": [_plain(frame.iloc[:, i].tolist()) for i in range(frame.shape[1])],
    }


def _frame_from(content: Mapping[str, Any], name: str | None) -> pd.DataFrame:
    import pandas as pd

    columns = [tuple(one) if isinstance(one, list) else one for one in content["columns"]]
    index = pd.Index(content["index"], name=name, dtype=object if name else None)
    data = {}
    for i, values in enumerate(content["values"]):
        column = pd.Series(values, index=index, dtype=object)
        data[i] = (
            column if any(isinstance(v, (list, dict)) for v in values) else column.infer_objects()
        )
    frame = plain_text(pd.DataFrame(data, index=index))
    # Named as pandas names columns: objects before pandas 3, its own type of text since.
    frame.columns = pd.Index(columns, tupleize_cols=False) if columns else pd.Index([])
    return frame


def _stores_from(content: Mapping[str, Any]) -> pd.DataFrame:
    import pandas as pd

    frame = _frame_from(content, "store")
    whole = ["n_obs", "n_vars", "nnz", "nbytes", "raw_n_vars"]
    frame[whole] = frame[whole].astype("Int64")
    if "x_mito" not in frame:  # saved by an earlier version
        frame["x_mito"] = np.nan
    for column in ("density", "x_mito"):
        frame[column] = frame[column].astype(float)
    chunks = [tuple(one) if isinstance(one, list) else None for one in frame["x_chunks"].tolist()]
    frame["x_chunks"] = pd.Series(chunks, index=frame.index, dtype=object)
    return frame


def _coverage_from(content: Mapping[str, Any]) -> Coverage:
    import pandas as pd

    table = _frame_from(content["table"], "store")
    patterns = _frame_from(content["patterns"], None)
    patterns["pattern"] = pd.Series([tuple(one) for one in patterns["pattern"]], dtype=object)
    at_least = pd.Series(
        content["at_least"],
        index=pd.RangeIndex(1, len(content["at_least"]) + 1, name="k"),
        name="n_genes",
        dtype=np.int64,
    )
    return Coverage(
        [str(name) for name in table.index],
        table,
        content["inner"],
        content["outer"],
        at_least,
        patterns,
        content["n_patterns"],
        _frame_from(content["what_if"], None).reindex(columns=list(WHAT_IF)),
    )


def _schema_from(content: Mapping[str, Any]) -> pd.DataFrame:
    import pandas as pd

    frame = _frame_from(content, "column")
    if len(frame.columns):
        frame.columns = pd.MultiIndex.from_tuples(
            [tuple(one) for one in frame.columns], names=["store", "what"]
        )
        for column in frame.columns:
            if column[1] == "missing":
                frame[column] = frame[column].astype(float)
    return frame


def _labels_to_dict(table: LabelTable) -> dict[str, Any]:
    return {
        "stores": table.stores,
        "classes": list(table.classes),
        "unused": list(table.unused),
        "missing": [int(n) for n in table.missing],
        "absent": [int(n) for n in table.absent],
        "rows": [part.tolist() for part in table.rows],
    }


def _labels_from(key: str, content: Mapping[str, Any]) -> LabelTable:
    import pandas as pd

    index = pd.Index(content["stores"], name="store", dtype=object)
    a, b, c = (np.array(part, dtype=np.int64) for part in content["rows"])
    return LabelTable(
        key,
        list(content["stores"]),
        tuple(content["classes"]),
        pd.Series(content["missing"], index=index, name="missing", dtype=np.int64),
        pd.Series(content["absent"], index=index, name="absent", dtype=np.int64),
        tuple(content["unused"]),
        (a, b, c),
    )
