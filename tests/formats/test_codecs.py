"""Decoders: what they make of good bytes, and that bad ones are an error."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress
from typing import Any

import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappedviz.formats import codecs
from mappedviz.formats.codecs import DecodeError, Pipeline


@pytest.fixture(params=["libdeflate", "zlib"])
def inflater(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "zlib":
        monkeypatch.setattr(codecs, "_deflate", None)
    elif codecs._deflate is None:
        pytest.skip("deflate is not installed")
    return str(request.param)


def test_inflate_with_and_without_libdeflate(inflater: str) -> None:
    raw = np.arange(5000, dtype="i4").tobytes()
    for encode, decode in (
        (zlib.compress, codecs.inflate_zlib),
        (gzip.compress, codecs.inflate_gzip),
    ):
        packed = encode(raw)
        assert bytes(decode(packed, len(raw))) == raw
        assert bytes(decode(memoryview(packed), None)) == raw
        for bad in (packed[:-10], packed[:10] + b"\xff\xff\xff" + packed[13:], b"", b"nothing"):
            with pytest.raises((DecodeError, zlib.error)):
                decode(bad, len(raw))
    two = gzip.compress(raw[:100]) + gzip.compress(raw[100:])
    assert bytes(codecs.inflate_gzip(two, len(raw))) == raw


def test_a_bomb_does_not_expand(inflater: str) -> None:
    bomb = zlib.compress(bytes(50_000_000), 9)
    pipeline = Pipeline((codecs.Step("gzip", codecs.inflate_zlib),), np.dtype("i4"), (100,))
    assert len(codecs.inflate_zlib(bomb, 400)) == 401
    with pytest.raises(DecodeError, match="401 bytes where 400 were expected"):
        pipeline.decode(bomb)


@pytest.mark.parametrize("itemsize", [1, 2, 3, 4, 8, 16])
@pytest.mark.parametrize("n", [0, 1, 7, 1000])
def test_unshuffle_is_that_of_numcodecs(itemsize: int, n: int) -> None:
    raw = np.random.default_rng(0).integers(0, 256, n * itemsize, "u1").tobytes()
    packed = bytes(numcodecs.Shuffle(itemsize).encode(raw)) if n else b""
    decode = codecs.unshuffle(itemsize)
    assert bytes(decode(packed, None)) == raw
    assert bytes(decode(packed + b"ab", None)) == raw + b"ab" or itemsize < 3


@given(st.binary(max_size=300))
def test_fletcher32_is_that_of_hdf5(data: bytes) -> None:
    if data:
        stored = bytes(numcodecs.Fletcher32().encode(data))
        assert bytes(codecs.check_fletcher32(stored, None)) == data
        spoiled = bytes([stored[0] ^ 0x5A]) + stored[1:]
        with pytest.raises(DecodeError, match="fletcher32"):
            codecs.check_fletcher32(spoiled, None)


def test_fletcher32_of_old_hdf5_has_its_bytes_exchanged() -> None:
    data = b"some data of an old file"
    value = codecs.fletcher32(data).to_bytes(4, "little")
    old = bytes([value[1], value[0], value[3], value[2]])
    assert bytes(codecs.check_fletcher32(data + old, None)) == data


@pytest.mark.parametrize("library", ["google_crc32c", "numcodecs.checksum32"])
def test_crc32c_with_either_library(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = codecs.importlib.import_module

    def only(name: str) -> Any:
        if name != library and name in ("google_crc32c", "numcodecs.checksum32"):
            raise ModuleNotFoundError(name)
        return real(name)

    monkeypatch.setattr(codecs.importlib, "import_module", only)
    codecs._crc32c.cache_clear()
    try:
        assert codecs.crc32c(b"123456789") == 0xE3069283
    except ModuleNotFoundError:
        pytest.skip("not installed")
    finally:
        codecs._crc32c.cache_clear()


def test_damaged_lz4_of_hdf5_is_an_error() -> None:
    raw = bytes(range(200)) * 3
    packed = bytes(numcodecs.LZ4().encode(raw))[4:]
    head = len(raw).to_bytes(8, "big") + len(raw).to_bytes(4, "big")
    whole = head + len(packed).to_bytes(4, "big") + packed
    assert codecs.decode_hdf5_lz4(whole, 600) == raw
    for bad in (whole[:-5], whole[:12], head[:8] + bytes(4) + whole[12:]):
        pipeline = Pipeline((codecs.Step("lz4", codecs.decode_hdf5_lz4),), np.dtype("u1"), (600,))
        with pytest.raises(DecodeError, match=r"cut off|does not decode as lz4"):
            pipeline.decode(bad)
    with pytest.raises(DecodeError, match="announces 600 bytes where 400"):
        codecs.decode_hdf5_lz4(whole, 400)
    with pytest.raises(DecodeError, match="without a known size"):
        codecs.decode_lzf(whole, None)


@given(st.binary(max_size=300), st.sampled_from([codecs.decode_blosc, codecs.decode_lz4,
       codecs.decode_zstd, codecs.decode_hdf5_lz4, codecs.inflate_zlib, codecs.decode_lzf]))  # fmt: skip
@settings(max_examples=300)
def test_decoders_of_anything_fail_as_one(data: bytes, decode: Any) -> None:
    pipeline = Pipeline((codecs.Step("x", decode),), np.dtype("u1"), (64,))
    with suppress(DecodeError):
        assert pipeline.decode(data).size == 64
