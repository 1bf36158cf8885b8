"""LZF, unshuffle and fletcher32 of the core, against what h5py wrote and against plain Python."""

from __future__ import annotations

import ctypes

import h5py
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mappedviz import native
from mappedviz.formats import codecs
from mappedviz.formats.codecs import DecodeError
from mappedviz.formats.codecs import _Bytes as Bytes

MARGIN = 64
CANARY = 0xA5


def call(name: str, data: bytes, room: int, itemsize: int = 1) -> tuple[int, bytes]:
    """What a function of the core returns and writes; it must write nowhere else."""
    source = np.frombuffer(data, "u1")
    memory = np.full(MARGIN + room + MARGIN, CANARY, "u1")
    out = memory[MARGIN : MARGIN + room]
    descriptor = Bytes(source.ctypes.data, source.size, out.ctypes.data, room, itemsize)
    found = native.function(name)(ctypes.addressof(descriptor))
    assert (memory[:MARGIN] == CANARY).all()
    assert (memory[MARGIN + room :] == CANARY).all()
    return found, out.tobytes()


# ------------------------------------------------------------------------------------- LZF
def plain_lzf(data: bytes, room: int) -> bytes | None:
    """The format in plain Python; None where it is damaged or there is no room."""
    out = bytearray()
    i = 0
    while i < len(data):
        control = data[i]
        i += 1
        if control < 32:
            piece = data[i : i + control + 1]
            if len(piece) <= control:
                return None
            out += piece
            i += control + 1
        else:
            length = control >> 5
            if length == 7:
                if i >= len(data):
                    return None
                length += data[i]
                i += 1
            if i >= len(data):
                return None
            back = len(out) - ((control & 31) << 8) - 1 - data[i]
            i += 1
            if back < 0:
                return None
            for k in range(length + 2):
                out.append(out[back + k])
        if len(out) > room:
            return None
    return bytes(out)


def literals(data: bytes) -> bytes:
    pieces = [data[i : i + 32] for i in range(0, len(data), 32)]
    return b"".join(bytes([len(piece) - 1]) + piece for piece in pieces)


# Streams that mostly make sense, so that damage is met deep inside as well.
STREAMS = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=32).map(literals),
        st.tuples(st.integers(1, 6), st.integers(0, 3), st.integers(0, 40)).map(
            lambda t: bytes([t[0] << 5 | t[1], t[2]])
        ),
        st.tuples(st.integers(0, 1), st.integers(0, 255), st.integers(0, 40)).map(
            lambda t: bytes([7 << 5 | t[0], t[1], t[2]])
        ),
        st.binary(max_size=3),
    ),
    max_size=20,
).map(b"".join)


@given(STREAMS, st.integers(0, 1500))
@example(b"\xe0", 10)
@example(b"\xe0\x05", 10)
@example(b"\x20", 10)
@example(b"\x00a\x20\x01", 10)
@example(b"\x00a\xe0\xff\x00", 265)
@example(b"\x00a\xe0\xff\x00", 264)
def test_lzf_of_anything_is_that_of_plain_python(data, room):
    found, out = call("lzf", data, room)
    wanted = plain_lzf(data, room)
    if wanted is None:
        assert found == -1
    else:
        assert out[:found] == wanted


@given(st.binary(max_size=300), st.integers(0, 300))
def test_lzf_of_noise_stays_inside_its_buffer(data, room):
    found, _ = call("lzf", data, room)
    assert -1 <= found <= room


@pytest.fixture(scope="module")
def chunks(tmp_path_factory):
    """Chunks as h5py packs them: (packed, filter, plain)."""
    path = tmp_path_factory.mktemp("lzf") / "a.h5"
    rng = np.random.default_rng(0)
    columns = {
        "noise": rng.integers(0, 2**31, 5000),
        "few": rng.integers(0, 4, 5000),
        "runs": np.repeat(np.arange(50), 100),
        "zeros": np.zeros(5000, "i8"),
        "floats": rng.poisson(0.3, 5000).astype("f8"),
    }
    out = []
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            for dtype in ("u1", "i2", "f4", "f8", "c16"):
                data = values.astype(dtype)
                for options in ({"compression": "lzf"}, {"compression": "lzf", "shuffle": True}):
                    key = f"{name}/{dtype}/{len(options)}"
                    array = file.create_dataset(key, data=data, chunks=data.shape, **options)
                    mask, packed = array.id.read_direct_chunk((0,))
                    out.append((packed, mask, "shuffle" in options, data))
    return out


def test_chunks_of_h5py_are_what_was_written(chunks):
    packed_by_lzf = 0
    for packed, mask, shuffled, data in chunks:
        # HDF5 leaves out a filter that makes a chunk longer.
        lzf_left_out = bool(mask & (2 if shuffled else 1))
        plain = packed if lzf_left_out else codecs.decode_lzf(packed, data.nbytes)
        packed_by_lzf += not lzf_left_out
        if shuffled:
            plain = codecs.unshuffle(data.itemsize)(plain, data.nbytes)
        assert bytes(plain) == data.tobytes()
    assert packed_by_lzf > 30


def test_each_chunk_that_is_cut_off_is_an_error(chunks):
    for packed, mask, shuffled, data in chunks:
        if mask & (2 if shuffled else 1):
            continue
        for end in (0, 1, len(packed) // 2, len(packed) - 1):
            with pytest.raises(DecodeError, match="is not a whole LZF stream"):
                codecs.decode_lzf(packed[:end], data.nbytes)


def test_lzf_needs_to_know_the_size():
    with pytest.raises(DecodeError, match="without a known size"):
        codecs.decode_lzf(b"\x00a", None)


# --------------------------------------------------------------------------------- shuffle
@given(st.integers(1, 40), st.integers(0, 3000), st.integers(0, 39), st.integers(0, 9))
@example(4, 1024, 3, 0)
@example(3, 1025, 2, 0)
def test_unshuffle_is_that_of_numpy(itemsize, n, rest, seed):
    rest %= itemsize
    data = np.random.default_rng(seed).integers(0, 256, n * itemsize + rest, "u1")
    whole = data[: n * itemsize].reshape(n, itemsize)
    packed = whole.T.tobytes() + data[n * itemsize :].tobytes()
    found, out = call("unshuffle", packed, len(packed), itemsize)
    assert found == 0
    assert out == data.tobytes()


@pytest.mark.parametrize(("room", "itemsize"), [(7, 4), (8, 0), (8, -1)])
def test_unshuffle_refuses_what_does_not_fit(room, itemsize):
    found, out = call("unshuffle", bytes(8), room, itemsize)
    assert found == -1
    assert set(out) == {CANARY}


# ------------------------------------------------------------------------------ fletcher32
def plain_fletcher32(data: bytes) -> int:
    """The checksum in plain Python: sums whose carries are put back."""
    if len(data) % 2:
        data += b"\0"
    low = high = 0
    for i in range(0, len(data), 2):
        low += data[i] << 8 | data[i + 1]
        high += low
    low, high = ((s - 1) % 65535 + 1 if s else 0 for s in (low, high))
    return high << 16 | low


@given(st.binary(max_size=2000))
@example(b"\xff\xff")
@example(b"\xff" * 512)
@example(b"\xff" * 513)
@example(b"\x00" * 1000)
def test_fletcher32_is_that_of_plain_python(data):
    assert codecs.fletcher32(data) == plain_fletcher32(data)


def test_fletcher32_of_much_is_that_of_hdf5(tmp_path):
    rng = np.random.default_rng(0)
    for data in (rng.integers(0, 256, 3_000_001, "u1"), np.full(8_000_000, 255, "u1")):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            array = file.create_dataset("a", data=data, chunks=data.shape, fletcher32=True)
            _, stored = array.id.read_direct_chunk((0,))
        assert bytes(codecs.check_fletcher32(stored, None)) == data.tobytes()
        spoiled = bytearray(stored)
        spoiled[1000] ^= 1
        with pytest.raises(DecodeError, match="does not match its fletcher32 checksum"):
            codecs.check_fletcher32(bytes(spoiled), None)


@pytest.mark.parametrize("data", [b"", b"a", b"abc"])
def test_what_is_shorter_than_a_checksum_does_not_match(data):
    with pytest.raises(DecodeError, match="does not match its fletcher32 checksum"):
        codecs.check_fletcher32(data, None)
