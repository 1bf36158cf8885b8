// Stored values: types that C++ does not have, conversions as numpy makes them, sums.
#pragma once

#include <type_traits>

#include "layout.hpp"

#ifndef MV_ARCH
#define MV_ARCH baseline
#endif

namespace mv {
namespace MV_ARCH {  // compiled for several processors: no function may be shared between them

struct boolean {
  u8 byte;  // any but 0 is true
};
struct half {
  u16 bits;
};

template <class To, class From>
inline To bits_of(From from) {
  static_assert(sizeof(To) == sizeof(From), "the same bits");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

// Values in files and chunks need not be aligned.
template <class T>
inline T load(const char *values, i64 j) {
  T value;
  std::memcpy(&value, values + j * static_cast<i64>(sizeof(T)), sizeof value);
  return value;
}

inline float to_float(half h) {
  // Exponent and fraction move to their places; a float's exponent counts from -127, not -15.
  const u32 bits = static_cast<u32>(h.bits & 0x7FFF) << 13;
  const float scaled = bits_of<float>(bits) * 0x1p112f;
  const float value = bits >= 0x0F800000u ? bits_of<float>(bits | 0x7F800000u) : scaled;
  return h.bits & 0x8000 ? -value : value;
}

// A float (as its bits: `fraction` bits behind an exponent that counts from -`bias`) as a half,
// rounded to the nearest, ties to even.
template <class Bits, int fraction, int bias>
inline half to_half_bits(Bits bits) {
  const u16 sign = static_cast<u16>((bits >> (8 * sizeof(Bits) - 16)) & 0x8000);
  const Bits all = (Bits{1} << (8 * sizeof(Bits) - 1)) - 1;
  const Bits magnitude = bits & all;
  const Bits infinity = ((all >> fraction) << fraction);
  if (magnitude >= infinity) {  // infinite or NaN, which keeps a bit
    const u16 rest = static_cast<u16>((magnitude & ~infinity) >> (fraction - 10));
    const bool nan = magnitude > infinity;
    return {static_cast<u16>(sign | 0x7C00 | rest | (nan && rest == 0))};
  }
  const int exponent = static_cast<int>(magnitude >> fraction) - bias;
  if (exponent > 15) return {static_cast<u16>(sign | 0x7C00)};
  if (exponent < -25) return {sign};
  Bits value = (magnitude & ((Bits{1} << fraction) - 1)) | (Bits{1} << fraction);
  int drop = fraction - 10;
  int base = (exponent + 14) * 1024;  // what is added has the leading one: one exponent more
  if (exponent < -14) {  // subnormal
    drop += -14 - exponent;
    base = 0;
  }
  const Bits below = value & ((Bits{1} << drop) - 1), tie = Bits{1} << (drop - 1);
  value >>= drop;
  value += below > tie || (below == tie && (value & 1));
  return {static_cast<u16>(sign | static_cast<u16>(base + static_cast<int>(value)))};
}

inline half to_half(float f) { return to_half_bits<u32, 23, 127>(bits_of<u32>(f)); }
inline half to_half(double f) { return to_half_bits<u64, 52, 1023>(bits_of<u64>(f)); }

template <class T>
struct Traits {
  static constexpr bool is_float = false;
};
template <>
struct Traits<half> {
  static constexpr bool is_float = true;
};
template <>
struct Traits<float> {
  static constexpr bool is_float = true;
};
template <>
struct Traits<double> {
  static constexpr bool is_float = true;
};

// A number that C++ can compute with.
template <class T>
inline T number(T value) {
  return value;
}
inline float number(half value) { return to_float(value); }
inline u8 number(boolean value) { return value.byte != 0; }

// One type as another, as numpy's `astype` does it; floats never become integers here, which
// numpy does itself: out of range, the result is what its build makes of it.
template <class To, class From>
struct Convert {
  static To of(From value) { return static_cast<To>(number(value)); }
};
template <class From>
struct Convert<half, From> {
  static half of(From value) { return to_half(static_cast<float>(number(value))); }
};
template <>
struct Convert<half, double> {
  static half of(double value) { return to_half(value); }
};
template <>
struct Convert<half, half> {
  static half of(half value) { return value; }
};
template <class From>
struct Convert<boolean, From> {
  static boolean of(From value) { return {static_cast<u8>(number(value) != 0)}; }
};

// A value added to zero: -0.0 becomes 0.0.
template <class T>
inline T from_zero(T value) {
  return value;
}
inline float from_zero(float value) { return value + 0.0f; }
inline double from_zero(double value) { return value + 0.0; }
inline half from_zero(half value) { return {static_cast<u16>(value.bits == 0x8000 ? 0 : value.bits)}; }

// The types in which values are summed: `Sum` holds every sum, `type` those that are handed on.
__extension__ typedef __int128 i128;

template <class T>
struct Wide {
  using type = i64;
  using Sum = i128;
  static constexpr Type code = I8;
};
template <>
struct Wide<u64> {
  using type = u64;
  using Sum = i128;
  static constexpr Type code = U8;
};
template <>
struct Wide<half> {
  using type = float;
  using Sum = float;
  static constexpr Type code = F4;
};
template <>
struct Wide<float> : Wide<half> {};
template <>
struct Wide<double> {
  using type = double;
  using Sum = double;
  static constexpr Type code = F8;
};
// Of booleans in a boolean output: whether any is true.
struct Any {
  using type = boolean;
  using Sum = boolean;
  static constexpr Type code = BOOL;
};

template <class Sum>
inline void add(Sum &sum, Sum value) {
  sum += value;
}
inline void add(boolean &sum, boolean value) { sum.byte = sum.byte != 0 || value.byte != 0; }

// Whether a sum is in the range of an integer type (BOOL: of none).
inline bool fits(boolean, i64) { return true; }
inline bool fits(i128 sum, i64 bound) {
  if (bound == U8) return sum >= 0 && sum <= static_cast<i128>(UINT64_MAX);
  constexpr i64 least[] = {INT64_MIN, INT8_MIN, 0, INT16_MIN, 0, INT32_MIN, 0, INT64_MIN};
  constexpr i64 most[] = {INT64_MAX, INT8_MAX,  UINT8_MAX,  INT16_MAX,
                          UINT16_MAX, INT32_MAX, UINT32_MAX, INT64_MAX};
  return sum >= least[bound] && sum <= most[bound];
}
inline bool fits(double sum, i64 bound) {
  constexpr double size[] = {0, 0x1p7, 0x1p8, 0x1p15, 0x1p16, 0x1p31, 0x1p32, 0x1p63, 0x1p64};
  const bool is_signed = bound & 1;  // of the numbers of integer types, odd ones are
  return bound == BOOL || (sum < size[bound] && (is_signed ? sum >= -size[bound] : sum > -1));
}

// Calls `f` with a value of the C++ type of a number of a type.
template <class F>
inline auto with_type(i64 type, F f) {
  switch (type) {
    case BOOL: return f(boolean{});
    case I1: return f(i8{});
    case U1: return f(u8{});
    case I2: return f(i16{});
    case U2: return f(u16{});
    case I4: return f(i32{});
    case U4: return f(u32{});
    case I8: return f(i64{});
    case U8: return f(u64{});
    case F2: return f(half{});
    case F4: return f(float{});
    default: return f(double{});
  }
}

// Values of one type as another; `in` may be anywhere, `out` is aligned.
inline void convert(i64 from, i64 to, const char *in, i64 n, char *out) {
  with_type(from, [&](auto source) {
    with_type(to, [&](auto target) {
      using From = decltype(source);
      using To = decltype(target);
      constexpr bool to_integer = !Traits<To>::is_float && !std::is_same<To, boolean>::value;
      if constexpr (!(Traits<From>::is_float && to_integer)) {
        To *values = reinterpret_cast<To *>(out);
        for (i64 j = 0; j < n; ++j) values[j] = Convert<To, From>::of(load<From>(in, j));
      }
    });
  });
}

}  // namespace MV_ARCH
}  // namespace mv
