"""What all encodings of AnnData's elements have in common.

AnnData writes ``encoding-type`` among the attributes of each element. anndata's own ``read_elem``
is not used: it needs anndata, pandas and (for zarr) one to two milliseconds per element, where
opening hundreds of stores must take less than a second. Nodes of any file format serve.
"""

from __future__ import annotations

from mappedviz.errors import ElementError
from mappedviz.formats.nodes import ArrayNode, GroupNode

__all__ = ["child_array", "encoding_of", "malformed"]


def encoding_of(node: GroupNode | ArrayNode) -> str | None:
    """Return the ``encoding-type`` of an element; what is not text there is given as its repr."""
    encoding = node.attrs.get("encoding-type")
    return encoding if encoding is None or isinstance(encoding, str) else repr(encoding)


def child_array(node: GroupNode, key: str) -> ArrayNode:
    """Return the array `key` of an element, or raise ElementError."""
    if key not in node:
        raise malformed(node, f"has no array {key!r}")
    child = node[key]
    if not isinstance(child, ArrayNode):
        raise malformed(child, "is a group where an array was expected")
    return child


def malformed(node: GroupNode | ArrayNode, found: str) -> ElementError:
    """Return the error about an element that is not as anndata writes it."""
    return ElementError(
        found,
        store=node.store,
        key=node.name or "/",
        remedy=node.repair,
    )
