"""A collection as Croissant: JSON-LD that says of which files it is, and what is in them.

The stores are described by their audit. Tables of stores, obs columns and labels are in the metadata
themselves, so that any reader of Croissant can show them without knowing AnnData.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mappedviz._types import PathLike
from mappedviz.errors import MappedvizError
from mappedviz.recipe.in_memory import refuse_objects
from mappedviz.text.addresses import is_url
from mappedviz.text.display import is_missing, visible
from mappedviz.text.files import write_text

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_FORMATS = {"h5ad": "application/x-hdf5", "zarr": "application/zarr", "zarr.zip": "application/zip"}
_TYPES = {int: "sc:Integer", float: "sc:Float", bool: "sc:Boolean", str: "sc:Text"}
_TABLES = ("stores", "obs_columns")
_BLOCK = 1 << 22


def croissant_content(
    audit: Audit,
    folder: PathLike = ".",
    *,
    name: str = "collection",
    about: Mapping[str, Any] | None = None,
    checksums: bool = True,
) -> dict[str, Any]:
    """Return the metadata of the audited stores as Croissant 1.0, as plain values.

    Parameters
    ----------
    audit
        The audit of the stores.
    folder
        Where the metadata will be: paths of stores are relative to it.
    name
        Name of the collection.
    about
        What no store says, by its name in schema.org: ``license``, ``citeAs``, ``url``, ``creator``,
        ``datePublished``, ``version``, ``description``, …
    checksums
        Read every file for its SHA-256, which Croissant asks for. Without, the collection is described
        as one whose files may change.

    Raises
    ------
    RecipeError
        Stores are AnnData objects in memory, which are no files.
    """
    paths = [str(path) for path in audit.stores["path"]]
    refuse_objects(paths)
    content: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": visible(name),
        "description": _description(audit),
        **({} if checksums and not any(map(is_url, paths)) else {"isLiveDataset": True}),
        "distribution": _files(audit, Path(os.path.abspath(folder)), checksums=checksums),
        "recordSet": [
            one for one in (_stores(audit), _columns(audit), *_labels(audit)) if one is not None
        ],
    }
    return {**content, **(about or {})}


def write_croissant(
    audit: Audit,
    path: PathLike,
    *,
    name: str | None = None,
    about: Mapping[str, Any] | None = None,
    checksums: bool = True,
) -> Path:
    """Write the metadata of the audited stores as JSON-LD in the form of Croissant 1.0.

    Parameters
    ----------
    audit
        The audit of the stores.
    path
        The file to write.
    name
        Name of the collection; default: that of the file.
    about
        What no store says, by its name in schema.org: ``license``, ``citeAs``, ``url``, ``creator``,
        ``datePublished``, ``version``, ``description``, …
    checksums
        Read every file for its SHA-256, which Croissant asks for. Without, the collection is described
        as one whose files may change.

    Returns
    -------
    Path
        The path of the file.

    Raises
    ------
    OSError
        A store cannot be read, or the file cannot be written.
    """
    target = Path(path)
    content = croissant_content(
        audit,
        target.parent,
        name=target.name.partition(".")[0] if name is None else name,
        about=about,
        checksums=checksums,
    )
    return write_text(target, json.dumps(content, indent=2, allow_nan=False) + "\n")


def _description(audit: Audit) -> str:
    stores, coverage = audit.stores, audit.coverage
    n = int((stores["status"] == "ok").sum())
    return (
        f"{n:,} AnnData stores: {int(stores['n_obs'].sum()):,} cells, {coverage.inner:,} genes in all of "
        f"them, {coverage.outer:,} in any. {visible(audit.verdict)}"
    )


# --- files -------------------------------------------------------------------------------


def _files(audit: Audit, base: Path, *, checksums: bool) -> list[dict[str, Any]]:
    """The stores that can be read, as files and sets of files."""
    stores = audit.stores
    ids = _ids([str(name) for name in stores.index], "store")
    return [
        _file(one, row, base, checksums=checksums)
        for one, (_, row) in zip(ids, stores.iterrows(), strict=True)
        if row["status"] == "ok"
    ]


def _ids(names: list[str], kind: str) -> list[str]:
    """Identifiers of JSON-LD: the names without what means something there, each told apart."""
    found: list[str] = []
    for i, name in enumerate(names):
        plain = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip("_") or f"{kind}{i}"
        if kind == "store" and (plain in _TABLES or plain.startswith("labels_")):
            plain = f"store_{plain}"
        while plain in found:
            plain = f"{plain}_{i}"
        found.append(plain)
    return found


def _file(name: str, row: Any, base: Path, *, checksums: bool) -> dict[str, Any]:
    remote, kind = is_url(row["path"]), str(row["kind"])
    path = Path(os.path.abspath(row["path"]))
    url = row["path"] if remote else _relative(path, base)
    shown = {"@id": name, "name": visible(path.name), "encodingFormat": _FORMATS.get(kind, kind)}
    if kind == "zarr":  # a directory of chunks has no bytes of its own
        return {"@type": "cr:FileSet", **shown, "includes": f"{_glob(url)}/**"}
    content = {
        "@type": "cr:FileObject",
        **shown,
        "contentUrl": url if remote else quote(url, errors="surrogateescape"),
    }
    if not is_missing(row["nbytes"]):
        content["contentSize"] = f"{int(row['nbytes'])} B"
    return {**content, "sha256": _checksum(path)} if checksums and not remote else content


def _glob(path: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", visible(path))


def _relative(path: Path, base: Path) -> str:
    below = path.is_relative_to(base)
    return (path.relative_to(base) if below else path).as_posix()


def _checksum(path: Path) -> str:
    found = sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


# --- tables ------------------------------------------------------------------------------


def _record_set(
    name: str, description: str, columns: Mapping[str, tuple[type, str]], rows: list[list[Any]]
) -> dict[str, Any] | None:
    """A table that is in the metadata; None if it has no row, which Croissant does not know."""
    if not rows:
        return None
    ids = [f"{name}/{column}" for column in columns]
    fields = [
        {
            "@type": "cr:Field",
            "@id": one,
            "name": column,
            "description": words,
            "dataType": _TYPES[kind],
        }
        for one, (column, (kind, words)) in zip(ids, columns.items(), strict=True)
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "field": fields,
        "data": [dict(zip(ids, row, strict=True)) for row in rows],
    }


def _text(value: Any) -> str:
    return "" if is_missing(value) else visible(str(value))


def _whole(value: Any) -> int:
    return 0 if is_missing(value) else int(value)


def _stores(audit: Audit) -> dict[str, Any] | None:
    columns: dict[str, tuple[type, str]] = {
        "store": (str, "name of the store"),
        "cells": (int, "number of cells"),
        "genes": (int, "number of genes"),
        "scale": (str, "scale of the values of X, by sampled rows"),
        "matrix": (str, "what X is: layout, type, compression"),
        "layers": (str, "names of the layers"),
    }
    rows = [
        [
            _text(name),
            _whole(row["n_obs"]),
            _whole(row["n_vars"]),
            _text(row["x_scale"]),
            _text(row["X"]),
            visible(", ".join(map(str, row["layers"]))),
        ]
        for name, row in audit.stores.iterrows()
        if row["status"] == "ok"
    ]
    return _record_set("stores", "The stores of the collection.", columns, rows)


def _columns(audit: Audit) -> dict[str, Any] | None:
    columns: dict[str, tuple[type, str]] = {
        "column": (str, "name of the obs column"),
        "types": (str, "its types"),
        "stores": (int, "number of stores that have it"),
    }
    schema = audit.obs_schema
    rows = []
    if len(schema.columns):
        dtypes = schema.xs("dtype", axis=1, level="what")
        for name, row in dtypes.iterrows():
            there = [str(one).partition("(")[0] for one in row if not is_missing(one)]
            rows.append([_text(name), ", ".join(dict.fromkeys(there)), len(there)])
    return _record_set("obs_columns", "The columns of obs, over all stores.", columns, rows)


def _labels(audit: Audit) -> list[dict[str, Any] | None]:
    keys = [key for key in (audit.label, audit.batch, audit.group, *audit.recipe.obs_keys) if key]
    keys = list(dict.fromkeys(keys))
    found: list[dict[str, Any] | None] = []
    for key, one in zip(keys, _ids([f"labels_{key}" for key in keys], "labels"), strict=True):
        try:
            total = audit.labels(key).total
        except MappedvizError:  # a finding says what is wrong
            continue
        columns: dict[str, tuple[type, str]] = {
            "label": (str, f"label of the obs column {visible(key)}"),
            "cells": (int, "number of cells"),
        }
        rows = [[_text(label), int(n)] for label, n in total.items()]
        words = f"The labels of {visible(key)}, with the cells of each."
        found.append(_record_set(one, words, columns, rows))
    return found
