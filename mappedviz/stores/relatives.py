"""Relatives of AnnData: what a store of another tool is, and what to read in its place."""

from __future__ import annotations

import os
from collections.abc import Callable

from mappedviz.errors import ElementError
from mappedviz.formats.nodes import GroupNode
from mappedviz.text.addresses import is_url

__all__ = ["refuse_relatives"]


def refuse_relatives(root: GroupNode) -> None:
    """Raise ElementError if a store is one of another tool, or holds several AnnData."""
    names = set(root.keys())
    for is_one, describe in _RELATIVES:
        if is_one(root, names):
            found, remedy = describe(root)
            raise ElementError(found, store=root.store, remedy=remedy)


def _says(root: GroupNode, kind: str) -> bool:
    return str(root.attrs.get("encoding-type", "")).lower() == kind


def _inside(root: GroupNode, group: str) -> list[str]:
    """Paths of the AnnData inside a group of a store."""
    node = root[group] if group and group in root else root
    if not isinstance(node, GroupNode):
        return []
    prefix = f"{group}/" if group else ""
    found = []
    for name in node.keys()[:50]:
        child = node[name]
        if isinstance(child, GroupNode) and "obs" in child and "var" in child:
            found.append(prefix + name)
    return found


def _read_inside(root: GroupNode, inside: list[str]) -> str:
    """Say how to read an AnnData inside a store: that of a zarr directory is a store itself."""
    if not inside:
        return "Write one AnnData of it with anndata."
    if os.path.isdir(root.store) or is_url(root.store):
        several = f", or all of them: {root.store}/{os.path.dirname(inside[0])}/*"
        return f"Read {root.store}/{inside[0]}{several if len(inside) > 1 else ''}."
    return (
        f'Write one of them: anndata.io.read_elem(h5py.File("{root.store}")["{inside[0]}"])'
        f'.write_h5ad("{os.path.basename(inside[0])}.h5ad").'
    )


def _mudata(root: GroupNode) -> tuple[str, str]:
    inside = _inside(root, "mod")
    some = ", ".join(os.path.basename(one) for one in inside[:5])
    return (
        f"is a MuData of {len(inside)} modalities ({some}), not one AnnData",
        _read_inside(root, inside),
    )


def _spatialdata(root: GroupNode) -> tuple[str, str]:
    group = "tables" if "tables" in root else "table"
    inside = _inside(root, group)
    return f"is a SpatialData with {len(inside)} tables, not an AnnData", _read_inside(root, inside)


def _several(root: GroupNode) -> tuple[str, str]:
    inside = _inside(root, "")
    if os.path.isdir(root.store):
        more = f", or all of them: {root.store}/*" if len(inside) > 1 else ""
        remedy = f"Read {root.store}/{inside[0]}{more}."
    else:
        remedy = _read_inside(root, inside)
    return f"is a group of {len(inside)} AnnData ({', '.join(inside[:5])}), not one", remedy


def _convert(what: str, code: str) -> Callable[[GroupNode], tuple[str, str]]:
    def describe(root: GroupNode) -> tuple[str, str]:
        return f"is {what}, not an AnnData store", f"Convert it: {code.format(path=root.store)}."

    return describe


_TENX = "a matrix of 10x Genomics (Cell Ranger)"
_READ_10X = 'scanpy.read_10x_h5("{path}").write_h5ad("converted.h5ad")'
_SPATIAL = {"images", "labels", "points", "shapes"}


def _is_10x_of_genomes(root: GroupNode, names: set[str]) -> bool:
    if not names or "obs" in names or len(names) > 20:
        return False
    first = root[min(names)]
    return isinstance(first, GroupNode) and {"barcodes", "genes", "indptr"} <= set(first.keys())


_RELATIVES: tuple[
    tuple[
        Callable[[GroupNode, set[str]], bool],
        Callable[[GroupNode], tuple[str, str]],
    ],
    ...,
] = (
    (lambda root, names: _says(root, "mudata") or {"mod", "obsmap"} <= names, _mudata),
    (
        lambda root, names: (
            "spatialdata_attrs" in root.attrs
            or ("obs" not in names and bool(names & _SPATIAL) and bool(names & {"tables", "table"}))
        ),
        _spatialdata,
    ),
    (
        lambda root, names: (
            "obs" not in names
            and "matrix" in names
            and isinstance(root["matrix"], GroupNode)
            and "barcodes" in root["matrix"]
        ),
        _convert(_TENX, _READ_10X),
    ),
    (
        lambda root, names: {"matrix", "row_attrs", "col_attrs"} <= names,
        _convert("a loom file", 'anndata.io.read_loom("{path}").write_h5ad("converted.h5ad")'),
    ),
    (
        lambda root, names: {"assays", "cell.names"} <= names,
        _convert("an h5Seurat file", 'SeuratDisk::Convert("{path}", dest="h5ad") in R'),
    ),
    (_is_10x_of_genomes, _convert(f"{_TENX}, version 2", _READ_10X)),
    (lambda root, names: "obs" not in names and bool(_inside(root, "")), _several),
)
