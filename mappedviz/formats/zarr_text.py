"""Chunks of strings of variable length in zarr: each chunk is a list of its own."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from mappedviz._types import Array
from mappedviz.formats.nodes import Node, not_utf8, to_str

__all__ = ["decode_texts"]


def decode_texts(data: Any, kind: str | None, node: Node) -> Array:
    """Return the strings of one chunk as objects, from its bytes after decompression.

    Parameters
    ----------
    data
        The bytes.
    kind
        ``"utf8"``, ``"json"`` or ``"bytes"``.
    node
        The array, for errors about text that is not UTF-8.
    """
    from numcodecs import vlen

    if kind in ("utf8", "bytes") and 4 * int.from_bytes(bytes(data[:4]), "little") > len(data) - 4:
        raise ValueError("fewer bytes than the number of strings asks for")
    try:
        if kind == "utf8":
            return np.asarray(vlen.VLenUTF8().decode(data))
        if kind == "json":  # the list, its dtype and its shape
            return np.array(json.loads(bytes(data))[:-2], dtype=object)
        raw = vlen.VLenBytes().decode(data)
        values = np.empty(len(raw), dtype=object)
        values[:] = to_str(raw.tolist(), node)
        return values
    except UnicodeDecodeError as error:
        raise not_utf8(node, error) from error
