// The loops of the decoders that no library has faster without the interpreter lock: LZF, the byte
// unshuffle (4 to 7 times numcodecs' or numpy's) and the checksum fletcher32.

#include "core.hpp"

#include <cstring>

namespace {

struct Bytes {
    const uint8_t *source;
    int64_t size;  // of the source
    uint8_t *out;
    int64_t room;  // of the output
    int64_t itemsize;
};

constexpr bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

// A width that is known when this is compiled lets the compiler make vectors of it.
template <typename Item>
void unshuffle(const uint8_t *source, uint8_t *out, int64_t n) {
    for (int64_t j = 0; j < n; ++j) {
        Item item = 0;
        for (unsigned k = 0; k < sizeof(Item); ++k) {
            const unsigned shift = 8 * (little ? k : sizeof(Item) - 1 - k);
            item = static_cast<Item>(item | static_cast<Item>(source[k * n + j]) << shift);
        }
        std::memcpy(out + j * sizeof(Item), &item, sizeof(Item));
    }
}

// Any width: one byte of the items after the other, a block of items at a time.
void unshuffle(const uint8_t *__restrict source, uint8_t *__restrict out, int64_t n,
               int64_t itemsize) {
    constexpr int64_t block = 1024;
    for (int64_t begin = 0; begin < n; begin += block) {
        const int64_t end = begin + block < n ? begin + block : n;
        for (int64_t k = 0; k < itemsize; ++k) {
            const uint8_t *from = source + k * n;
            uint8_t *to = out + begin * itemsize + k;
            for (int64_t j = begin; j < end; ++j, to += itemsize) {
                *to = from[j];
            }
        }
    }
}

// The sum of 16 bits with its carries put back. Only 0 becomes 0: a multiple of 65535 is 65535.
uint64_t folded(uint64_t sum) {
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

}  // namespace

MV_EXPORT int64_t mv_abi(void *) { return MV_ABI; }

// Puts the bytes of items together again. What does not fill an item stays behind, as it is.
// Returns 0, or -1 where the sizes do not fit.
MV_EXPORT int64_t mv_unshuffle(void *descriptor) {
    const Bytes in = *static_cast<const Bytes *>(descriptor);  // a copy: bytes may alias anything
    if (in.size < 0 || in.room < in.size || in.itemsize < 1) {
        return -1;
    }
    const int64_t n = in.size / in.itemsize;
    const int64_t whole = n * in.itemsize;
    switch (in.itemsize) {
        case 1: std::memcpy(in.out, in.source, static_cast<size_t>(whole)); break;
        case 2: unshuffle<uint16_t>(in.source, in.out, n); break;
        case 4: unshuffle<uint32_t>(in.source, in.out, n); break;
        case 8: unshuffle<uint64_t>(in.source, in.out, n); break;
        default: unshuffle(in.source, in.out, n, in.itemsize);
    }
    if (whole < in.size) {
        std::memcpy(in.out + whole, in.source + whole, static_cast<size_t>(in.size - whole));
    }
    return 0;
}

// Decodes an LZF stream. Returns the bytes written, -1 where the stream is damaged or there is no
// room for what it holds.
MV_EXPORT int64_t mv_lzf(void *descriptor) {
    const Bytes in = *static_cast<const Bytes *>(descriptor);
    const uint8_t *const source = in.source;
    uint8_t *const out = in.out;
    int64_t i = 0;
    int64_t o = 0;
    while (i < in.size) {
        const int64_t control = source[i++];
        if (control < 32) {  // a run of literals
            const int64_t length = control + 1;
            if (length > in.size - i || length > in.room - o) {
                return -1;
            }
            std::memcpy(out + o, source + i, static_cast<size_t>(length));
            i += length;
            o += length;
            continue;
        }
        int64_t length = control >> 5;  // a copy of what came before
        if (length == 7) {
            if (i >= in.size) {
                return -1;
            }
            length += source[i++];
        }
        if (i >= in.size) {
            return -1;
        }
        const int64_t distance = ((control & 31) << 8) + source[i++] + 1;
        length += 2;
        if (distance > o || length > in.room - o) {
            return -1;
        }
        if (distance >= length) {
            std::memcpy(out + o, out + o - distance, static_cast<size_t>(length));
        } else {  // it overlaps: what was just written is read again
            for (int64_t k = 0; k < length; ++k) {
                out[o + k] = out[o + k - distance];
            }
        }
        o += length;
    }
    return o;
}

// HDF5's fletcher32 over big-endian words of 16 bits; an odd last byte is padded below. Uses
// nothing but source and size, and returns the checksum.
MV_EXPORT int64_t mv_fletcher32(void *descriptor) {
    const Bytes in = *static_cast<const Bytes *>(descriptor);
    const uint8_t *at = in.source;
    int64_t left = in.size / 2;
    uint64_t low = 0;
    uint64_t high = 0;  // the sum of all values that `low` had
    constexpr uint32_t block = 128;
    for (; left >= block; left -= block, at += 2 * block) {
        uint32_t sum = 0;
        uint32_t weighted = 0;  // at most 128 * 129 / 2 * 65535
        for (uint32_t k = 0; k < block; ++k) {
            const uint32_t word = static_cast<uint32_t>(at[2 * k]) << 8 | at[2 * k + 1];
            sum += word;
            weighted += (block - k) * word;
        }
        high = folded(high + block * low + weighted);
        low = folded(low + sum);
    }
    for (; left > 0; --left, at += 2) {
        low += static_cast<uint64_t>(at[0]) << 8 | at[1];
        high += low;
    }
    if (in.size % 2) {
        low += static_cast<uint64_t>(at[0]) << 8;
        high += low;
    }
    return static_cast<int64_t>(folded(high) << 16 | folded(low));
}
