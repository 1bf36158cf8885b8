"""How the stored bytes of one chunk become numbers: a pipeline of small decoders.

A decoder takes the bytes and the size that must come out, where that is known, and returns bytes.
All of them release the GIL for the heavy part, so that chunks can be decoded by threads. The zlib
decoder is libdeflate where the ``deflate`` package is installed (2 to 3 times the speed of zlib,
where zlib-ng has 1.7 to 2.7 and isal 1.5 to 2.2) and the standard library otherwise.
"""

from __future__ import annotations

import ctypes
import importlib
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from mappedviz import native
from mappedviz.formats.announced import bz2_within, lzma_within, zstd_bound
from mappedviz.formats.excerpts import Excerpter, Ranges, blosc_excerpts, numbers_of, zstd_excerpts
from mappedviz.formats.limits import FREE_BYTES, inflated_limit

Buffer: TypeAlias = (
    Any  # bytes, bytearray, memoryview or a uint8 array: whatever a decoder hands out
)
Decoder = Callable[[Buffer, "int | None"], Buffer]


class DecodeError(Exception):
    """The bytes of a chunk are damaged; the caller knows the store and the key."""


@dataclass(frozen=True)
class Step:
    """One decoder of a pipeline.

    Parameters
    ----------
    name
        For people: ``"gzip(4)"``.
    decode
        Bytes and expected size (or None) to bytes.
    grow
        How many bytes the encoder adds; None where that depends on the data (compression).
    excerpts
        Decodes parts of a chunk; None where there is no way to.
    """

    name: str
    decode: Decoder
    grow: int | None = None
    excerpts: Excerpter | None = None


@dataclass(frozen=True)
class Pipeline:
    r"""Everything that happens to the bytes of a chunk, in the order of decoding.

    Parameters
    ----------
    steps
        The decoders, the last encoder first.
    stored
        The dtype on disk, byte order included.
    shape
        Shape of a decoded chunk.
    transpose
        Order of the axes as stored, where that is not the order of the array (zarr's
        ``transpose`` codec, HDF5 never).

    Attributes
    ----------
    nbytes
        Bytes of a decoded chunk.

    Examples
    --------
    >>> import numpy as np
    >>> from mappedviz.formats.codecs import Pipeline
    >>> Pipeline((), np.dtype(">i2"), (2,)).decode(b"\x00\x01\x00\x02")
    array([1, 2], dtype=int16)
    """

    steps: tuple[Step, ...]
    stored: np.dtype[Any]
    shape: tuple[int, ...]
    transpose: tuple[int, ...] | None = None
    nbytes: int = field(init=False)
    _sizes: dict[int, tuple[int | None, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        # Frozen: this follows from the others, and is asked for per chunk.
        object.__setattr__(self, "nbytes", math.prod(self.shape) * self.stored.itemsize)

    @property
    def raw(self) -> bool:
        """Whether the bytes on disk are the bytes in memory, on this machine."""
        return not self.steps and self.transpose is None and self.stored.isnative

    @property
    def plain(self) -> bool:
        """Whether no filter is in the way, so that a part of a chunk can be read alone."""
        return not self.steps and self.transpose is None

    @property
    def name(self) -> str:
        """The codec, for people."""
        return "+".join(step.name for step in self.steps) or "none"

    def sizes(self, skip: int = 0) -> tuple[int | None, ...]:
        """The size after each step: what a decoder may rely on to allocate, and must yield."""
        known = self._sizes.get(skip)
        if known is None:
            out: list[int | None] = []
            size: int | None = self.nbytes
            for i in reversed(range(len(self.steps))):  # in the order of encoding
                out.append(size)
                if not skip >> i & 1:
                    grow = self.steps[i].grow
                    size = None if size is None or grow is None else size + grow
            known = self._sizes[skip] = tuple(reversed(out))
        return known

    def decode(self, data: Buffer, skip: int = 0) -> np.ndarray[Any, Any]:
        """Numbers of one chunk: 1-d, in C order, native byte order, read-only.

        Parameters
        ----------
        data
            The bytes as stored.
        skip
            Bit i set: step i was not applied to this chunk (HDF5's filter mask).
        """
        if self.steps:
            if self._is_claim(data):
                raise DecodeError(f"claims {self.nbytes} bytes of {len(data)} stored ones")
            for i, (step, size) in enumerate(zip(self.steps, self.sizes(skip), strict=True)):
                if not skip >> i & 1:
                    try:
                        data = step.decode(data, size)
                    except DecodeError:
                        raise
                    except Exception as error:  # each library has its own
                        raise DecodeError(f"does not decode as {step.name} ({error})") from error
        # len() of an array is its first axis: every decoder hands out flat bytes
        if len(data) != self.nbytes:
            raise DecodeError(f"has {len(data)} bytes where {self.nbytes} were expected")
        values: np.ndarray[Any, Any] = np.frombuffer(data, self.stored)
        if self.transpose is not None:
            stored_shape = [self.shape[axis] for axis in self.transpose]
            back = np.argsort(self.transpose)
            values = values.reshape(stored_shape).transpose(back)
            values = np.ascontiguousarray(values).reshape(-1)
        if not values.dtype.isnative:
            values = values.astype(values.dtype.newbyteorder("="))
        values.flags.writeable = False  # chunks are shared between the readers
        return values

    def _is_claim(self, data: Buffer) -> bool:
        """Whether a chunk would be larger than its stored bytes can explain."""
        return self.nbytes > FREE_BYTES and self.nbytes > inflated_limit(len(data))

    @property
    def has_excerpts(self) -> bool:
        """Whether parts of a chunk may be decoded without the rest of it."""
        return len(self.steps) == 1 and self.steps[0].excerpts is not None and not self.transpose

    def excerpts(self, data: bytes, ranges: Ranges) -> list[np.ndarray[Any, Any]] | None:
        """Return the elements in ascending ranges of a chunk, or None where all of it is better decoded.

        What is damaged is None, too: decoding all of it says what is wrong.
        """
        if not self.has_excerpts or self._is_claim(data):
            return None
        decode, item = self.steps[0].excerpts, self.stored.itemsize
        assert decode is not None
        try:
            found = decode(data, self.nbytes, [(a * item, b * item) for a, b in ranges])
        except Exception:  # each library has its own
            return None
        return None if found is None else [numbers_of(part, self.stored) for part in found]


# ------------------------------------------------------------------------------- zlib, gzip
_deflate: Any
try:
    _deflate = importlib.import_module("deflate")
except ImportError:  # optional: the standard library is slower, not worse
    _deflate = None


def _stdlib_inflate(data: Buffer, size: int | None, wbits: int) -> bytes:
    # Bounded: a damaged or hostile stream must not expand to more than the chunk.
    limit = (inflated_limit(len(data)) if size is None else size) + 1
    parts = []
    while True:
        stream = zlib.decompressobj(wbits)
        parts.append(stream.decompress(data, limit))
        if not stream.eof:
            if sum(map(len, parts)) >= limit:
                _refuse_unknown(size, limit)
                break
            raise DecodeError("is cut off: the compressed stream has no end")
        data = stream.unused_data
        if wbits != 31 or data[:2] != b"\x1f\x8b":  # only gzip files may have several members
            break
    return parts[0] if len(parts) == 1 else b"".join(parts)


def inflate_zlib(data: Buffer, size: int | None) -> Buffer:
    """Decode a zlib stream (HDF5's gzip filter, zarr's zlib)."""
    if _deflate is not None and size:
        try:
            out = _deflate.zlib_decompress(data, size)
            if len(out) == size:
                return out
        except _deflate.DeflateError:
            pass  # the standard library says what is wrong
    return _stdlib_inflate(data, size, 15)


def inflate_gzip(data: Buffer, size: int | None) -> Buffer:
    """Decode a gzip file (zarr's gzip)."""
    if _deflate is not None and size:
        try:
            out = _deflate.gzip_decompress(data, size)
            if len(out) == size:  # else there are several members
                return out
        except _deflate.DeflateError:
            pass
    return _stdlib_inflate(data, size, 31)


# ----------------------------------------------------------------------------- other codecs
def _dest(size: int | None) -> np.ndarray[Any, Any] | None:
    return None if size is None else np.empty(size, np.uint8)


def decode_blosc(data: Buffer, size: int | None) -> Buffer:
    """Decode a blosc buffer (its own header says which codec and shuffle)."""
    from numcodecs import blosc

    # c-blosc trusts its header: it would read past the end of a chunk that is cut off.
    if len(data) < 16 or int.from_bytes(bytes(data[12:16]), "little") > len(data):
        raise DecodeError("is cut off: the blosc buffer is longer than its bytes")
    _check_announced(int.from_bytes(bytes(data[4:8]), "little"), size)
    return blosc.decompress(data, _dest(size))


def decode_zstd(data: Buffer, size: int | None) -> Buffer:
    """Decode zstd frames."""
    from numcodecs import zstd

    most = inflated_limit(len(data)) if size is None else max(size, FREE_BYTES)
    announced = zstd_bound(data)
    if announced > most:
        raise DecodeError(f"announces {announced} bytes where at most {most} were expected")
    return zstd.decompress(data)  # not into a buffer of ours: a short result would go unnoticed


def decode_lz4(data: Buffer, size: int | None) -> Buffer:
    """Decode numcodecs' lz4: the decoded size in 4 bytes, then one block."""
    from numcodecs import lz4

    _check_announced(int.from_bytes(bytes(data[:4]), "little"), size)
    return lz4.decompress(data, _dest(size))


def decode_hdf5_lz4(data: Buffer, size: int | None) -> Buffer:
    """Decode HDF5's lz4 filter: total and block size, then blocks with their sizes, big-endian."""
    from numcodecs import lz4

    total = int.from_bytes(data[:8], "big")
    block = int.from_bytes(data[8:12], "big")
    _check_announced(total, size)
    parts, at, done = [], 12, 0
    while done < total:
        want = min(block, total - done)
        stored = int.from_bytes(data[at : at + 4], "big")
        piece = data[at + 4 : at + 4 + stored]
        if len(piece) != stored or not want:
            raise DecodeError("is cut off inside an lz4 block")
        # A block that did not shrink is stored as it is.
        parts.append(
            piece if stored == want else lz4.decompress(want.to_bytes(4, "little") + bytes(piece))
        )
        at, done = at + 4 + stored, done + want
    return b"".join(parts)


def _check_announced(announced: int, size: int | None) -> None:
    if size is not None and announced != size:
        raise DecodeError(f"announces {announced} bytes where {size} were expected")
    if size is None and announced > FREE_BYTES:
        raise DecodeError(f"announces {announced} bytes")


def _refuse_unknown(size: int | None, limit: int) -> None:
    if size is None:
        raise DecodeError(f"becomes more than {limit - 1} bytes")


class _Bytes(ctypes.Structure):
    """The descriptor of the core's decoders, as in ``native/src/codecs.cpp``."""

    _fields_ = (
        ("source", ctypes.c_void_p),
        ("size", ctypes.c_int64),
        ("out", ctypes.c_void_p),
        ("room", ctypes.c_int64),
        ("itemsize", ctypes.c_int64),
    )


def _call(
    name: str, data: Buffer, out: np.ndarray[Any, Any] | None = None, itemsize: int = 1
) -> int:
    """Let the core look at bytes, and write to another array of bytes."""
    source = np.frombuffer(data, np.uint8)
    descriptor = _Bytes(source.ctypes.data, source.size, None, 0, itemsize)
    if out is not None:
        descriptor.out, descriptor.room = out.ctypes.data, out.size
    return native.function(name)(ctypes.addressof(descriptor))


def decode_lzf(data: Buffer, size: int | None) -> Buffer:
    """Decode h5py's LZF filter."""
    if size is None:
        raise DecodeError("is LZF without a known size")
    out = np.empty(size, np.uint8)
    if _call("lzf", data, out) != size:
        raise DecodeError("is not a whole LZF stream")
    return out


def unshuffle(itemsize: int) -> Decoder:
    """Undo the byte shuffle of HDF5 (and of numcodecs: the same layout)."""

    def decode(data: Buffer, size: int | None) -> Buffer:
        if itemsize < 2:
            return data
        out = np.empty(len(data), np.uint8)
        _call("unshuffle", data, out, itemsize)
        return out

    return decode


def check_fletcher32(data: Buffer, size: int | None) -> Buffer:
    """Verify and strip HDF5's fletcher32 checksum."""
    body = memoryview(data)[:-4]
    stored = bytes(memoryview(data)[-4:])
    value = fletcher32(body)
    # Old versions of HDF5 wrote the two bytes of each half exchanged, and read both.
    old = (value & 0x00FF00FF) << 8 | value >> 8 & 0x00FF00FF
    if stored not in (value.to_bytes(4, "little"), old.to_bytes(4, "little")):
        raise DecodeError("does not match its fletcher32 checksum")
    return body


def fletcher32(data: Buffer) -> int:
    """HDF5's fletcher32 over big-endian 16-bit words; an odd last byte is padded below.

    Examples
    --------
    >>> hex(fletcher32(b"abcdef"))
    '0x50562a2d'
    """
    return _call("fletcher32", data)


@cache
def _crc32c() -> Callable[[bytes], int]:
    with suppress(ImportError):  # zarr needs the one or the other
        return importlib.import_module("google_crc32c").value  # type: ignore[no-any-return]
    codec = importlib.import_module("numcodecs.checksum32").CRC32C(location="start")
    return lambda data: int.from_bytes(bytes(codec.encode(data))[:4], "little")


def crc32c(data: Buffer) -> int:
    """CRC-32C of some bytes (zarr v3's checksum).

    Examples
    --------
    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    return _crc32c()(bytes(data))


def check_crc32c(data: Buffer, size: int | None) -> Buffer:
    """Verify and strip zarr's crc32c."""
    body = bytes(memoryview(data)[:-4])
    if crc32c(body) != int.from_bytes(memoryview(data)[-4:], "little"):
        raise DecodeError("does not match its crc32c checksum")
    return body


def _bounded(config: Mapping[str, Any]) -> Decoder:
    """Decode bz2 or lzma no further than is expected, which numcodecs does not offer."""

    def decode(data: Buffer, size: int | None) -> Buffer:
        limit = inflated_limit(len(data)) if size is None else size
        if config["id"] == "bz2":
            out = bz2_within(data, limit)
        else:
            out = lzma_within(data, limit, dict(config))
        if len(out) > limit:
            _refuse_unknown(size, limit + 1)
        return out

    return decode


# ------------------------------------------------------------------------------- factories
def numcodecs_step(config: Mapping[str, Any]) -> Step | None:
    """The decoder for one bytes-to-bytes codec of numcodecs; None where it is not one we know."""
    kind = config.get("id")
    level = config.get("level")
    if kind == "blosc":
        return Step(f"blosc({config.get('cname', 'lz4')})", decode_blosc, None, blosc_excerpts)
    if kind == "zstd":
        return Step("zstd", decode_zstd, None, zstd_excerpts)
    if kind == "lz4":
        return Step("lz4", decode_lz4)
    if kind == "zlib":
        return Step(f"zlib({level})", inflate_zlib)
    if kind == "gzip":
        return Step(f"gzip({level})", inflate_gzip)
    if kind in ("bz2", "lzma"):
        return Step(str(kind), _bounded(config))
    if kind == "shuffle":
        return Step("shuffle", unshuffle(int(config.get("elementsize", 4))), 0)
    if kind == "crc32c" and config.get("location", "end") == "end":
        return Step("crc32c", check_crc32c, 4)
    if kind == "fletcher32":
        return Step("fletcher32", check_fletcher32, 4)
    return None


def zarr3_step(name: str, config: Mapping[str, Any]) -> Step | None:
    """The decoder for one bytes-to-bytes codec of zarr v3; None where it is not one we know."""
    if name.startswith("numcodecs."):
        return numcodecs_step({"id": name.removeprefix("numcodecs."), **config})
    if name == "crc32c":
        return Step("crc32c", check_crc32c, 4)
    if name in ("blosc", "zstd", "gzip"):
        return numcodecs_step({"id": name, **config})
    return None


#: HDF5's registered filters that numcodecs decodes: no plugin of HDF5 is needed.
HDF5_PLUGINS: dict[int, tuple[str, Decoder]] = {
    32001: ("blosc", decode_blosc),
    32004: ("lz4", decode_hdf5_lz4),
    32015: ("zstd", decode_zstd),
}
_HDF5_NAMES = {
    4: "szip",
    5: "nbit",
    6: "scaleoffset",
    32008: "bitshuffle",
    32013: "zfp",
    32026: "blosc2",
}


def hdf5_filter_name(number: int) -> str:
    """What a registered HDF5 filter is called."""
    if number in HDF5_PLUGINS:
        return HDF5_PLUGINS[number][0]
    return _HDF5_NAMES.get(number, f"filter {number}")


def hdf5_step(number: int, values: Sequence[int], itemsize: int) -> Step | None:
    """The decoder for one filter of an HDF5 pipeline; None where it is left to h5py."""
    if number == 1:
        return Step(f"gzip({values[0] if values else '?'})", inflate_zlib)
    if number == 2:
        return Step("shuffle", unshuffle(int(values[0]) if values else itemsize), 0)
    if number == 3:
        return Step("fletcher32", check_fletcher32, 4)
    if number == 32000:
        return Step("lzf", decode_lzf)
    if number in HDF5_PLUGINS:
        name, decode = HDF5_PLUGINS[number]
        return Step(name, decode)
    return None
