"""Parts of compressed chunks: the same bytes as of the whole, and nothing where that cannot be."""

import numpy as np
import pytest
from numcodecs import Blosc, Zstd
from numcodecs.blosc import BITSHUFFLE, NOSHUFFLE, SHUFFLE

from mappedviz.formats import codecs
from mappedviz.formats.codecs import Pipeline, numcodecs_step
from mappedviz.formats.excerpts import blosc_excerpts, zstd_excerpts

N = 150_001  # int32: several blocks of each kind, the last one shorter
RNG = np.random.default_rng(0)
VALUES = np.sort(RNG.integers(0, 30_000, N)).astype("<i4")
NOISE = RNG.integers(0, 2**31, N).astype("<i4")  # stored as it is
RANGES = [
    [(0, 1)],
    [(N - 1, N)],
    [(5, 40_000), (40_000, 40_001)],
    [(100, 200), (70_000, 71_000), (N - 7, N)],
    [(32_767, 32_769), (65_535, 65_537), (131_071, 131_073)],  # across blocks
    [(0, N)],
]
CODECS = [
    Zstd(level=0),
    Zstd(level=9),
    *(
        Blosc(cname, clevel, shuffle, blocksize)
        for cname in ("lz4", "zstd", "zlib", "blosclz")
        for clevel, shuffle, blocksize in (
            (5, SHUFFLE, 0),
            (1, BITSHUFFLE, 1 << 16),
            (9, NOSHUFFLE, 3 << 15),
        )
    ),
]


@pytest.mark.parametrize("codec", CODECS, ids=str)
@pytest.mark.parametrize("values", [VALUES, NOISE], ids=["values", "noise"])
def test_parts_are_those_of_the_whole(codec, values):
    data = codec.encode(values)
    pipeline = Pipeline((numcodecs_step(codec.get_config()),), values.dtype, values.shape)
    assert pipeline.has_excerpts
    found = 0
    for ranges in RANGES:
        parts = pipeline.excerpts(data, ranges)
        if parts is not None:
            found += 1
            for (a, b), part in zip(ranges, parts, strict=True):
                np.testing.assert_array_equal(part, values[a:b])
    assert found == len(RANGES)


def test_other_byte_orders_are_turned():
    values = VALUES.astype(">i4")
    pipeline = Pipeline((numcodecs_step({"id": "zstd"}),), values.dtype, values.shape)
    (part,) = pipeline.excerpts(Zstd().encode(values), [(10, 20)])
    assert part.dtype.isnative
    np.testing.assert_array_equal(part, values[10:20])


@pytest.mark.parametrize("codec", [Zstd(), Blosc("lz4", blocksize=1 << 16)], ids=["zstd", "blosc"])
def test_what_is_damaged_has_no_parts_or_those_that_are_whole(codec):
    data = bytes(codec.encode(VALUES))
    pipeline = Pipeline((numcodecs_step(codec.get_config()),), VALUES.dtype, VALUES.shape)
    ranges = [(100, 200), (70_000, 71_000)]
    for cut in (0, 3, 12, 17, 40, 1000, len(data) // 4):
        assert pipeline.excerpts(data[:cut], ranges) is None
    for at in range(0, 400, 7):
        changed = bytearray(data)
        changed[at] ^= 0x5A
        parts = pipeline.excerpts(bytes(changed), ranges)
        assert parts is None or [len(part) for part in parts] == [100, 1000]
    assert pipeline.excerpts(bytes(codec.encode(VALUES[:-1])), ranges) is None  # another size


def test_a_frame_that_does_not_say_its_size_is_decoded_as_a_whole():
    frame = bytes(Zstd().encode(VALUES))
    assert zstd_excerpts(b"\x28\xb5\x2f\xfd\x00\x58" + frame[9:], VALUES.nbytes, [(0, 4)]) is None


def test_a_frame_with_a_checksum_is_decoded_as_a_whole():
    """It is of all blocks: without it, damage in some of them would become other numbers."""
    codec = Zstd(level=1, checksum=True)
    frame = bytes(codec.encode(VALUES))
    pipeline = Pipeline((numcodecs_step(codec.get_config()),), VALUES.dtype, VALUES.shape)
    for ranges in RANGES:
        assert pipeline.excerpts(frame, ranges) is None
    assert pipeline.excerpts(bytes(Zstd(level=1).encode(VALUES)), RANGES[0]) is not None


@pytest.mark.parametrize("codec", [Zstd(), Blosc("zstd")], ids=str)
def test_what_the_stored_bytes_cannot_explain_is_not_decoded(codec, monkeypatch):
    zeros = np.zeros(1 << 20, "<i4")
    data = bytes(codec.encode(zeros))
    pipeline = Pipeline((numcodecs_step(codec.get_config()),), zeros.dtype, zeros.shape)
    assert pipeline.excerpts(data, [(0, 9)]) is not None
    monkeypatch.setattr(codecs, "FREE_BYTES", 1000)
    monkeypatch.setattr(codecs, "inflated_limit", lambda n: 10 * n)
    assert pipeline.excerpts(data, [(0, 9)]) is None


def test_blocks_in_any_order():
    """As threads of blosc may have written them."""
    data = bytes(Blosc("lz4", blocksize=1 << 16).encode(VALUES))
    n = -(-VALUES.nbytes // int.from_bytes(data[8:12], "little"))
    starts = np.frombuffer(data, "<i4", n, 16)
    ends = [min([one for one in starts if one > start], default=len(data)) for start in starts]
    blocks = [data[a:b] for a, b in zip(starts, ends, strict=True)]
    assert n > 2
    order = RNG.permutation(n)
    at, moved = 16 + 4 * n, np.empty(n, "<i4")
    for block in order:
        moved[block] = at
        at += len(blocks[block])
    changed = data[:16] + moved.tobytes() + b"".join(blocks[block] for block in order)
    ranges = [(4, 8), (200_000, 300_000), (VALUES.nbytes - 4, VALUES.nbytes)]
    found = blosc_excerpts(changed, VALUES.nbytes, ranges)
    for (a, b), part in zip(ranges, found, strict=True):
        assert bytes(part) == VALUES.tobytes()[a:b]


def test_other_pipelines_have_none():
    steps = [numcodecs_step({"id": name}) for name in ("zlib", "crc32c", "zstd")]
    for some in ((), steps[:1], steps[1:]):
        pipeline = Pipeline(tuple(some), VALUES.dtype, VALUES.shape)
        assert not pipeline.has_excerpts
        assert pipeline.excerpts(b"", [(0, 1)]) is None
