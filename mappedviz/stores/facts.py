"""What a store contains, read once from its metadata."""

from __future__ import annotations

from dataclasses import dataclass

from mappedviz._types import StoreKind
from mappedviz.errors import ElementError
from mappedviz.formats.foreign import named
from mappedviz.formats.frames import column_names, frame_length
from mappedviz.formats.limits import REMEDY, TEXT_BYTES, TooLargeError
from mappedviz.formats.matrices import MatrixFacts, matrix_facts
from mappedviz.formats.nodes import ArrayNode, GroupNode
from mappedviz.formats.obsm import ObsmFacts, obsm_facts
from mappedviz.formats.sniff import size_of
from mappedviz.stores.places import group_at, has_raw, raw_part
from mappedviz.stores.relatives import refuse_relatives
from mappedviz.text.addresses import in_memory

__all__ = ["StoreFacts", "read_facts"]


@dataclass(frozen=True)
class StoreFacts:
    """Contents of one store, from its metadata, read once.

    Attributes
    ----------
    kind
        ``"h5ad"``, ``"zarr"`` or ``"zarr.zip"``; ``"memory"`` for an AnnData object.
    n_obs, n_vars
        Numbers of observations and variables.
    obs_columns, var_columns
        Names of the columns, the index left out.
    matrices
        ``"X"``, the names of the layers and ``"raw.X"`` -> what that matrix is. A store
        without X, or with a null-encoded raw, has no such entry.
    obsm
        Names of the obsm elements -> what they are.
    nbytes
        Size on disk where that is one file; None for a directory, and for an object in memory.
    encoding
        The encoding of obs: ``"dataframe 0.2.0"``, ``"dataframe 0.1.0"``, or ``"structured array"``.
    """

    kind: StoreKind
    n_obs: int
    n_vars: int
    obs_columns: tuple[str, ...]
    var_columns: tuple[str, ...]
    matrices: dict[str, MatrixFacts]
    obsm: dict[str, ObsmFacts]
    nbytes: int | None
    encoding: str


def read_facts(root: GroupNode, kind: StoreKind) -> StoreFacts:
    """Return the facts about a store, from the metadata below its root.

    Raises
    ------
    ElementError
        obs, var or a matrix is absent, malformed, or contradicts the others.
    """
    if "mod" in root or "obs" not in root or "var" not in root:
        refuse_relatives(root)
    for name in ("obs", "var"):
        if name not in root:
            raise ElementError(
                f"has no {name!r}, only {root.keys()[:10]}, so it is no AnnData store",
                store=root.store,
                key="/",
                remedy="Write it with anndata.",
            )
    obs, var = root["obs"], root["var"]
    n_obs, n_vars = frame_length(obs), frame_length(var)
    for frame, n in ((obs, n_obs), (var, n_vars)):
        _check_names(frame, n)
    matrices: dict[str, MatrixFacts] = {}
    if "X" in root:
        _add_matrix(matrices, "X", root["X"], (n_obs, n_vars))
    layers = group_at(root, "layers")
    for name in layers.keys() if layers is not None else ():
        assert layers is not None
        if name in ("X", "raw.X"):
            raise ElementError(
                f"is called {name!r}, which stands for another matrix",
                store=root.store,
                key=f"layers/{name}",
                remedy="Rename the layer.",
            )
        _add_matrix(matrices, name, layers[name], (n_obs, n_vars))
    if has_raw(root, "raw/X") and has_raw(root, "raw/var"):
        raw_var = raw_part(root, "raw/var")
        n_raw = frame_length(raw_var)
        _check_names(raw_var, n_raw)
        _add_matrix(matrices, "raw.X", raw_part(root, "raw/X"), (n_obs, n_raw))
    obsm: dict[str, ObsmFacts] = {}
    for name, facts in obsm_facts(root["obsm"]).items() if "obsm" in root else ():
        if facts.shape[0] != n_obs:
            raise _wrong_shape(root, f"obsm/{name}", facts.shape, f"{n_obs} rows")
        obsm[name] = facts
    encoding = (
        "structured array"
        if isinstance(obs, ArrayNode)
        else f"{obs.attrs.get('encoding-type', 'unknown')} {obs.attrs.get('encoding-version', '')}"
    )
    return StoreFacts(
        kind,
        n_obs,
        n_vars,
        column_names(obs),
        column_names(var),
        matrices,
        obsm,
        None if in_memory(root.store) else size_of(root.store),
        encoding.strip(),
    )


def _check_names(frame: GroupNode | ArrayNode, n: int) -> None:
    """Refuse more rows or variables than the size of the store can name."""
    try:
        frame.budget.check(n * TEXT_BYTES)
    except TooLargeError as error:
        raise frame.error(f"has {n} names, of which the store {error}", REMEDY) from error


def _add_matrix(
    matrices: dict[str, MatrixFacts],
    key: str,
    node: GroupNode | ArrayNode,
    shape: tuple[int, int],
) -> None:
    with named(node.store, node.name):
        facts = matrix_facts(node)
    if facts is None:
        return
    if facts.shape != shape:
        raise _wrong_shape(node, node.name, facts.shape, f"{shape[0]} × {shape[1]}")
    matrices[key] = facts


def _wrong_shape(
    node: GroupNode | ArrayNode, key: str, shape: tuple[int, ...], wanted: str
) -> ElementError:
    found = " × ".join(str(n) for n in shape)
    return ElementError(
        f"is {found} where obs and var say {wanted}",
        store=node.store,
        key=key,
        remedy="Write the store again with anndata, or leave it out.",
    )
