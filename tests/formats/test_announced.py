"""The most that compressed bytes can become is known from their headers."""

from __future__ import annotations

import bz2
import lzma
from contextlib import suppress

import numcodecs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappedviz.formats.announced import bz2_within, lzma_within, zstd_bound


@given(st.binary(max_size=3000), st.integers(1, 200), st.sampled_from([False, True]))
def test_frames_of_zstd_say_their_size(piece: bytes, times: int, checksum: bool) -> None:
    codec = numcodecs.Zstd(level=1, checksum=checksum)
    data = piece * times
    frame = codec.encode(data) if data else b""
    assert zstd_bound(frame) == len(data)
    skippable = (0x184D2A53).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"12345"
    assert zstd_bound(skippable + frame) == len(data)


def test_blocks_bound_a_frame_of_zstd_that_does_not_say() -> None:
    head = b"\x28\xb5\x2f\xfd" + bytes([0b00000000, 0x58])  # a window, no size
    rle = (0x1FFFF << 3 | 1 << 1).to_bytes(3, "little") + b"a"
    last = (7 << 3 | 1).to_bytes(3, "little") + b"1234567"
    assert zstd_bound(head + rle * 10 + last) == 10 * 0x1FFFF + 7
    assert zstd_bound((head + last) * 3) == 21
    with suppress(RuntimeError):  # numcodecs 0.15 reads no frame that does not say its size
        assert numcodecs.Zstd().decode(head + last) == b"1234567"


@given(st.binary(max_size=60))
def test_any_bytes_have_a_bound(data: bytes) -> None:
    assert zstd_bound(data) >= 0
    assert zstd_bound(b"\x28\xb5\x2f\xfd\x20" + data) >= 0


@pytest.mark.parametrize("limit", [0, 10, 4999, 5000])
def test_bz2_and_lzma_stop_at_their_limit(limit: int) -> None:
    data = bytes(5000)
    config = numcodecs.LZMA().get_config()
    for out in (
        bz2_within(bz2.compress(data), limit),
        lzma_within(numcodecs.LZMA().encode(data), limit, config),
    ):
        assert len(out) == min(5000, limit + 1)
    with pytest.raises(EOFError):
        bz2_within(bz2.compress(data)[:-4], 5000)
    twice = lzma.compress(b"ab") * 2
    assert lzma_within(twice, 5000, {"format": lzma.FORMAT_XZ}) == b"abab"
