"""The metadata of zarr arrays, version 2 and 3: how chunks are named, decoded and filled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mappedviz.formats import codecs

__all__ = ["Layout", "is_pickled", "layout_v2", "layout_v3"]


@dataclass(frozen=True)
class Layout:
    """What the metadata of an array say.

    `pipeline` is None where zarr-python has to read the array. `text` is "utf8", "bytes" or "json" for
    strings of variable length: the pipeline then ends before they are told apart. `dtype` is the type
    of the array where its numbers are kept in a smaller one that holds them exactly (the filter
    ``astype``).
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...] | None
    codec: str
    key: Callable[[tuple[int, ...]], str] = lambda where: ""
    pipeline: codecs.Pipeline | None = None
    fill: Any = 0
    text: str | None = None
    shard: tuple[int, ...] | None = None
    index: tuple[bool, bool] = (True, True)
    dtype: np.dtype[Any] | None = None


def is_pickled(meta: dict[str, Any]) -> bool:
    """Whether reading would unpickle: zarr-python does it without asking."""
    listed = [*(meta.get("filters") or []), meta.get("compressor"), *(meta.get("codecs") or [])]
    names = [str(c.get("id", c.get("name"))) if isinstance(c, dict) else str(c) for c in listed]
    return any("pickle" in name for name in names)


def _ints(values: Any) -> tuple[int, ...]:
    out = tuple(int(v) for v in values)
    if any(n < 0 for n in out):
        raise ValueError(f"negative size in {list(out)}")
    return out


def _at_least_one(values: Any) -> tuple[int, ...]:
    return tuple(max(1, n) for n in _ints(values))


def _joined(separator: str, start: str, lone: str) -> Callable[[tuple[int, ...]], str]:
    def key(where: tuple[int, ...]) -> str:
        return start + separator.join(map(str, where)) if where else lone

    return key


_TEXTS2 = {"vlen-utf8": "utf8", "vlen-bytes": "bytes", "json2": "json"}


def layout_v2(meta: dict[str, Any]) -> Layout:
    """Return what a ``.zarray`` says; ValueError, KeyError or TypeError if it contradicts itself."""
    shape = _ints(meta["shape"])
    chunks = _at_least_one(meta["chunks"])
    if len(chunks) != len(shape):
        raise ValueError(f"chunks {list(chunks)} for shape {list(shape)}")
    configs = list(meta.get("filters") or [])
    compressor = meta.get("compressor")
    if compressor:
        configs.append(compressor)
    name = "+".join(_name2(c) for c in reversed(configs) if c["id"] not in _TEXTS2)
    exotic = Layout(shape, chunks, name or "none")
    key = _joined(str(meta.get("dimension_separator") or "."), "", "0")
    text = None
    if meta["dtype"] == "|O":
        text = _TEXTS2.get(configs[0]["id"]) if configs else None
        if text is None:
            return exotic
        configs = configs[1:]
        stored = np.dtype("u1")
    elif isinstance(meta["dtype"], str):
        stored = np.dtype(meta["dtype"])
        if stored.kind not in "biufcSU":
            return exotic
    else:
        return exotic
    narrow = _narrow2(configs, stored)
    if narrow is not None:
        configs = configs[1:]
    steps = [codecs.numcodecs_step(config) for config in reversed(configs)]
    known = tuple(step for step in steps if step is not None)
    if len(known) != len(steps):
        return exotic
    order = None
    if meta.get("order") == "F" and len(shape) > 1:
        if text:
            return exotic
        order = tuple(reversed(range(len(shape))))
    fill = _fill_text(meta.get("fill_value")) if text else _fill(meta.get("fill_value"), stored)
    if fill is None:
        return exotic
    if narrow is None:
        pipeline = codecs.Pipeline(known, stored, chunks, order)
        return Layout(shape, chunks, pipeline.name, key, pipeline, fill, text)
    if fill != 0:  # of the wide type: the narrow one may not have it
        return exotic
    pipeline = codecs.Pipeline(known, narrow, chunks, order)
    return Layout(shape, chunks, pipeline.name, key, pipeline, 0, dtype=stored.newbyteorder("="))


def _narrow2(configs: list[Any], wide: np.dtype[Any]) -> np.dtype[Any] | None:
    """The type that the filter ``astype`` keeps numbers in, if it holds no others than the array's."""
    if not configs or configs[0]["id"] != "astype" or wide.kind not in "iuf":
        return None
    narrow: np.dtype[Any] = np.dtype(configs[0]["encode_dtype"])
    decoded = np.dtype(configs[0]["decode_dtype"])
    if decoded != wide or narrow.kind not in "iuf" or not np.can_cast(narrow, wide, "safe"):
        return None
    return narrow


def _name2(config: Mapping[str, Any]) -> str:
    step = codecs.numcodecs_step(config)
    return step.name if step else str(config["id"])


_TYPES3 = {
    **{name: name for name in ("bool", "int8", "int16", "int32", "int64")},
    **{name: name for name in ("uint8", "uint16", "uint32", "uint64")},
    **{name: name for name in ("float16", "float32", "float64", "complex64", "complex128")},
}
_FIXED3 = {"fixed_length_utf32": ("U", 4), "null_terminated_bytes": ("S", 1)}
_TEXTS3 = {"string": "utf8", "bytes": "bytes", "variable_length_bytes": "bytes"}


def _dtype3(data_type: Any) -> np.dtype[Any] | None:
    if isinstance(data_type, str):
        return np.dtype(_TYPES3[data_type]) if data_type in _TYPES3 else None
    kind, size = _FIXED3.get(str(data_type["name"]), ("", 0))
    if not kind:
        return None
    return np.dtype(f"{kind}{int(data_type['configuration']['length_bytes']) // size}")


def layout_v3(meta: dict[str, Any]) -> Layout:
    """Return what the ``zarr.json`` of an array says; errors as of :func:`layout_v2`."""
    shape = _ints(meta["shape"])
    grid = meta["chunk_grid"]
    listed = [_codec3(c) for c in meta["codecs"]]
    names = "+".join(_name3(*c) for c in reversed(listed) if c[0] not in _UNNAMED)
    if grid.get("name") != "regular" or meta.get("storage_transformers"):
        return Layout(shape, None, names or "none")
    chunks = _at_least_one(grid["configuration"]["chunk_shape"])
    if len(chunks) != len(shape):
        raise ValueError(f"chunks {list(chunks)} for shape {list(shape)}")
    exotic = Layout(shape, chunks, names or "none")
    key = _key3(meta.get("chunk_key_encoding"))
    text = _TEXTS3.get(meta["data_type"]) if isinstance(meta["data_type"], str) else None
    stored = np.dtype("u1") if text else _dtype3(meta["data_type"])
    if key is None or stored is None:
        return exotic
    shard, index = None, (True, True)
    if [name for name, _ in listed] == ["sharding_indexed"]:
        config = listed[0][1]
        found = _index3(config)
        shard, chunks = chunks, _at_least_one(config["chunk_shape"])
        exotic = Layout(shape, chunks, names)
        if found is None:
            return exotic
        if len(chunks) != len(shard) or any(s % c for s, c in zip(shard, chunks, strict=True)):
            raise ValueError(f"shards {list(shard)} of chunks {list(chunks)}")
        index = found
        listed = [_codec3(c) for c in config["codecs"]]
    pipeline = _pipeline3(listed, stored, chunks, text)
    fill = _fill_text(meta.get("fill_value")) if text else _fill(meta.get("fill_value"), stored)
    if pipeline is None or fill is None:
        return exotic
    return Layout(shape, chunks, names or "none", key, pipeline, fill, text, shard, index)


_UNNAMED = ("bytes", "transpose", "vlen-utf8", "vlen-bytes")


def _codec3(config: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(config, str):
        return config, {}
    return str(config["name"]), dict(config.get("configuration") or {})


def _name3(name: str, config: dict[str, Any]) -> str:
    if name == "sharding_indexed":
        listed = [_codec3(c) for c in config.get("codecs", ())]
        inner = "+".join(_name3(*c) for c in reversed(listed) if c[0] not in _UNNAMED)
        return f"{inner or 'none'}, sharded"
    step = codecs.zarr3_step(name, config)
    return step.name if step else name


def _key3(config: Any) -> Callable[[tuple[int, ...]], str] | None:
    name, options = _codec3(config or "default")
    if name == "default":
        separator = str(options.get("separator", "/"))
        return _joined(separator, f"c{separator}", "c")
    if name == "v2":
        return _joined(str(options.get("separator", ".")), "", "0")
    return None


def _index3(config: Mapping[str, Any]) -> tuple[bool, bool] | None:
    """Whether the table of a shard is at its end, and has a checksum; None where it is exotic."""
    listed = [_codec3(c) for c in config.get("index_codecs", ())]
    if not listed or listed[0][0] != "bytes" or listed[0][1].get("endian", "little") != "little":
        return None
    rest = [name for name, _ in listed[1:]]
    if rest not in ([], ["crc32c"]):
        return None
    location = config.get("index_location", "end")
    return (location == "end", bool(rest)) if location in ("start", "end") else None


def _pipeline3(
    listed: list[tuple[str, dict[str, Any]]],
    stored: np.dtype[Any],
    chunks: tuple[int, ...],
    text: str | None,
) -> codecs.Pipeline | None:
    order: tuple[int, ...] | None = None
    listed = list(listed)
    if listed and listed[0][0] == "transpose" and text is None:
        wanted = listed.pop(0)[1].get("order")
        if not isinstance(wanted, list) or sorted(wanted) != list(range(len(chunks))):
            return None
        order = tuple(int(axis) for axis in wanted)
        if order == tuple(range(len(chunks))):
            order = None
    if not listed:
        return None
    name, config = listed.pop(0)
    if text is not None:
        if name != f"vlen-{text}":
            return None
    elif name != "bytes":
        return None
    elif config.get("endian") == "big":
        stored = stored.newbyteorder(">")
    elif stored.itemsize > 1:
        stored = stored.newbyteorder("<")
    steps = [codecs.zarr3_step(*codec) for codec in reversed(listed)]
    known = tuple(step for step in steps if step is not None)
    if len(known) != len(steps):
        return None
    return codecs.Pipeline(known, stored, chunks, order)


def _fill_text(value: Any) -> Any:
    return value if isinstance(value, str) else ""


def _fill(value: Any, dtype: np.dtype[Any]) -> Any:
    """The fill value as a scalar of the dtype; None where zarr-python should find out."""
    native = dtype.newbyteorder("=")
    if value is None or (dtype.kind in "SU" and value in ("", 0)):
        return np.zeros((), native)[()]
    if dtype.kind in "SUc":
        return None  # base64, pairs
    if isinstance(value, str):
        if value in ("NaN", "Infinity", "-Infinity") and dtype.kind == "f":
            return native.type(value.replace("Infinity", "inf"))
        if value.startswith("0x") and dtype.kind == "f":
            bits = int(value, 16)
            return np.array(bits, f"u{dtype.itemsize}").view(native)[()]
        return None
    return native.type(value)
