// Rows of stored matrices -> a dense batch or a CSR one.
//
// Nothing here is shared between calls. Unfiltered chunks are read from their file, with `pread` or
// where it is mapped; decoded ones lie in memory. Compiled once per processor (MV_ARCH).
#include <cstdlib>
#include <unistd.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "gather.hpp"
#include "values.hpp"

namespace mv {
namespace MV_ARCH {
namespace {

// --- memory of one call ---------------------------------------------------------------------

inline i64 count(u64 bits) {
#if defined(__POPCNT__) || !defined(__x86_64__)
  return __builtin_popcountll(bits);
#else  // the compiler would call a library
  bits -= (bits >> 1) & 0x5555555555555555u;
  bits = (bits & 0x3333333333333333u) + ((bits >> 2) & 0x3333333333333333u);
  return static_cast<i64>((((bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0Fu) * 0x0101010101010101u) >> 56);
#endif
}

// Batches of so many bytes are written past the caches, where the processor can.
constexpr i64 STREAMED = 32 << 20;
#if defined(__SSE2__)
constexpr bool CAN_STREAM = true;
#else
constexpr bool CAN_STREAM = false;
#endif

inline i64 smaller(i64 a, i64 b) { return a < b ? a : b; }

// Entries of a row in the order of the columns, none twice.
struct Entries {
  const u32 *columns = nullptr;
  const char *values = nullptr;
  i64 n = 0;
  i64 type = 0;
};

struct Output {
  i64 n_cols, type, bound, item;
};

// What is needed where columns are not in order, or become one.
struct Sums {
  char *memory = nullptr;
  u64 *bits = nullptr;     // one per column: it occurs;
  u64 *summed = nullptr;   // more than once
  char *sums = nullptr;    // 16 bytes per column
  u32 *columns = nullptr;  // those that occur, ascending,
  char *values = nullptr;  // their sums,
  u8 *is_sum = nullptr;    // and whether these are sums of several values

  i64 capacity = 0;

  bool make(i64 n_columns) {  // matrices of one batch differ in width
    if (memory && n_columns <= capacity) return true;
    std::free(memory);
    capacity = n_columns;
    const i64 words = (n_columns + 63) / 64;
    memory = static_cast<char *>(std::malloc(static_cast<std::size_t>(16 * words + 29 * n_columns + 16)));
    if (!memory) return false;
    sums = memory;  // first: of 16 bytes
    bits = reinterpret_cast<u64 *>(sums + 16 * n_columns);
    summed = bits + words;
    values = reinterpret_cast<char *>(summed + words);
    columns = reinterpret_cast<u32 *>(values + 8 * n_columns);
    is_sum = reinterpret_cast<u8 *>(columns + n_columns);
    return true;
  }
};

// Buffers for a row, or for several that are read together.
class Scratch {
 public:
  char *stored_values = nullptr, *stored_columns = nullptr, *converted = nullptr;
  u32 *columns = nullptr;
  u64 *bits = nullptr;  // of `by_rank`: words, and how many columns lie below each
  i64 *below = nullptr;
  u64 beside = 0;  // where dropped values are written to
  Sums sums;
  char *row = nullptr;  // where a row is made that is copied to a large batch
  // Values that are there already: of the matrix that begins at `of`, from `begin` to `end`.
  i64 of = -1, begin = 0, end = 0;
  const u32 *window_columns = nullptr;
  const char *window_values = nullptr;

  Scratch(i64 longest, i64 n_cols) : n_cols_(n_cols) {
    const i64 words = (n_cols + 63) / 64 + 1;
    memory_ = static_cast<char *>(std::malloc(static_cast<std::size_t>(28 * longest + 16 * words + 8)));
    if (!memory_) return;
    stored_values = memory_;
    stored_columns = stored_values + 8 * longest;
    converted = stored_columns + 8 * longest;
    bits = reinterpret_cast<u64 *>(converted + 8 * longest);
    below = reinterpret_cast<i64 *>(bits + words);
    columns = reinterpret_cast<u32 *>(below + words);
  }
  ~Scratch() {
    std::free(memory_);
    std::free(row);
    std::free(sums.memory);
  }
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;
  bool ok() const { return memory_; }
  bool make_sums(const Matrix &m) { return sums.make(m.n_vars > n_cols_ ? m.n_vars : n_cols_); }

 private:
  char *memory_;
  i64 n_cols_;
};

// --- bytes ----------------------------------------------------------------------------------

i64 read(i64 fd, char *to, i64 n_bytes, i64 offset) {
  int failures = 0;
  for (i64 done = 0; done < n_bytes;) {
    const i64 got = pread(static_cast<int>(fd), to + done, static_cast<std::size_t>(n_bytes - done), offset + done);
    if (got == 0) return SHORT;
    if (got > 0) {
      done += got;
    } else if (++failures > 3) {  // network file systems let themselves be interrupted
      return UNREADABLE;
    }
  }
  return OK;
}

// Offset or address of a chunk, or NO_CHUNK.
inline i64 position(const Chunks &chunks, i64 chunk) {
  i64 low = chunk;
  if (chunks.ids) {
    const i64 *ids = at<const i64>(chunks.ids);
    low = 0;
    for (i64 high = chunks.count; low < high;) {
      const i64 middle = (low + high) / 2;
      if (ids[middle] < chunk) low = middle + 1;
      else high = middle;
    }
    if (low >= chunks.count || ids[low] != chunk) return NO_CHUNK;
  } else if (chunk >= chunks.count) {
    return NO_CHUNK;
  }
  const i64 found = at<const i64>(chunks.table)[low];
  return found < 0 ? static_cast<i64>(NO_CHUNK) : found;
}

// Elements [start, stop) of a 1-d array: where they lie, or copied to `scratch`.
i64 span(const Chunks &chunks, Source from, i64 start, i64 stop, char *scratch, const char *&found) {
  const i64 length = chunks.length, item = chunks.item;
  i64 chunk = start / length, skip = start % length, left = stop - start;
  if (from.fd < 0 && skip + left <= length) {
    const i64 base = position(chunks, chunk);
    if (base < 0) return base;
    found = at<const char>(base + from.origin + skip * item);
    return OK;
  }
  found = scratch;
  while (left > 0) {
    const i64 base = position(chunks, chunk);
    if (base < 0) return base;
    i64 n = smaller(left, length - skip);
    if (from.fd < 0) {
      std::memcpy(scratch, at<const char>(base + from.origin + skip * item), static_cast<std::size_t>(n * item));
    } else {  // chunks that follow one another in the file are read at once
      for (i64 behind = base + length * item; n < left && position(chunks, chunk + 1) == behind; ++chunk) {
        n = smaller(left, n + length);
        behind += length * item;
      }
      if (const i64 code = read(from.fd, scratch, n * item, base + skip * item)) return code;
    }
    scratch += n * item;
    left -= n;
    skip = 0;
    ++chunk;
  }
  return OK;
}

// Ask for elements [start, stop) that will be needed soon and lie in memory: rows in random order are
// far apart, and each would be waited for.
void prefetch(const Chunks &chunks, Source from, i64 start, i64 stop) {
  if (from.fd >= 0) return;
  while (start < stop) {
    const i64 chunk = start / chunks.length, end = smaller(stop, (chunk + 1) * chunks.length);
    const i64 base = position(chunks, chunk);
    if (base < 0) return;
    const char *first = at<const char>(base + from.origin + start % chunks.length * chunks.item);
    for (i64 byte = 0; byte < (end - start) * chunks.item; byte += 64) __builtin_prefetch(first + byte, 0, 2);
    start = end;
  }
}

void prefetch(const Matrix &m, i64 row) {
  i64 start = 0, stop = 0;
  if (m.dense || !pointers(m, row, start, stop)) return;
  prefetch(m.columns, m.columns_from, start, stop);
  prefetch(m.values, m.values_from, start, stop);
}

// A row of a 2-d array: where it lies, or copied to `scratch`.
i64 dense_span(const Matrix &m, i64 row, char *scratch, const char *&found) {
  const Chunks &chunks = m.values;
  const Source from = m.values_from;
  const i64 first = row / chunks.length * m.grid, skip = row % chunks.length * m.width * chunks.item;
  found = scratch;
  for (i64 g = 0; g < m.grid; ++g) {
    const i64 base = position(chunks, first + g);
    if (base < 0) return base;
    const i64 n_bytes = smaller(m.width, m.n_vars - g * m.width) * chunks.item;
    if (from.fd >= 0) {
      if (const i64 code = read(from.fd, scratch, n_bytes, base + skip)) return code;
    } else if (m.grid == 1) {
      found = at<const char>(base + from.origin + skip);
    } else {
      std::memcpy(scratch, at<const char>(base + from.origin + skip), static_cast<std::size_t>(n_bytes));
    }
    scratch += n_bytes;
  }
  return OK;
}

// --- column indices -------------------------------------------------------------------------

// Copy indices as uint32; false where one is not in [0, n_vars). A mapped file may change after
// a check: it is the copy that is checked and used.
template <class T>
bool narrow(const char *__restrict in, i64 n, u32 n_vars, u32 *__restrict out) {
  u64 far = 0;
  u32 bad = 0;  // as wide as a column: the compiler makes vectors of the loop
  for (i64 j = 0; j < n; ++j) {
    const T column = load<T>(in, j);  // a negative one is an unsigned one above every limit
    if constexpr (sizeof(T) == 8) far |= static_cast<u64>(column) >> 32;
    out[j] = static_cast<u32>(column);
    bad |= static_cast<u32>(static_cast<u32>(column) >= n_vars);
  }
  return bad == 0 && far == 0;
}

bool narrow_any(i64 type, const char *in, i64 n, u32 n_vars, u32 *out) {
  switch (type) {
    case I1: return narrow<i8>(in, n, n_vars, out);
    case U1: return narrow<u8>(in, n, n_vars, out);
    case I2: return narrow<i16>(in, n, n_vars, out);
    case U2: return narrow<u16>(in, n, n_vars, out);
    case I4: return narrow<i32>(in, n, n_vars, out);
    case U4: return narrow<u32>(in, n, n_vars, out);
    case I8: return narrow<i64>(in, n, n_vars, out);
    default: return narrow<u64>(in, n, n_vars, out);
  }
}

// Whether every column is above the one before: in order, and none twice.
bool ascending(const u32 *columns, i64 n) {
  u32 wrong = 0;
  for (i64 j = 1; j < n; ++j) wrong |= static_cast<u32>(columns[j] <= columns[j - 1]);
  return wrong == 0;
}

// Columns and stored values [start, stop) of a matrix, into the window.
i64 fetch_window(const Matrix &m, i64 start, i64 stop, Scratch &s) {
  const char *columns = nullptr, *values = nullptr;
  s.of = -1;
  if (const i64 code = span(m.columns, m.columns_from, start, stop, s.stored_columns, columns)) return code;
  const bool in_place = (m.index == I4 || m.index == U4) && m.columns_from.origin == 0 &&
                        reinterpret_cast<std::uintptr_t>(columns) % alignof(u32) == 0;
  if (in_place) {
    const u32 *same = reinterpret_cast<const u32 *>(columns), n_vars = static_cast<u32>(m.n_vars);
    u32 bad = 0;
    for (i64 j = 0; j < stop - start; ++j) bad |= static_cast<u32>(same[j] >= n_vars);
    if (bad) return BAD_INDEX;
    s.window_columns = same;
  } else {
    if (!narrow_any(m.index, columns, stop - start, static_cast<u32>(m.n_vars), s.columns)) return BAD_INDEX;
    s.window_columns = s.columns;
  }
  if (const i64 code = span(m.values, m.values_from, start, stop, s.stored_values, values)) return code;
  s.window_values = values;
  s.of = m.begin;
  s.begin = start;
  s.end = stop;
  return OK;
}

// Columns (checked) and stored values of a row of a CSR matrix. `ahead` says how many of the rows
// behind it come next: as many as fit are read from a file with it.
i64 fetch(const Matrix &m, i64 row, i64 ahead, i64 longest, Scratch &s, Entries &found) {
  i64 start = 0, stop = 0;
  if (!pointers(m, row, start, stop)) return BAD_POINTER;
  found.n = stop - start;
  found.type = m.type;
  if (found.n == 0) return OK;
  if (found.n > longest) return BAD_POINTER;  // not what `check` saw
  if (s.of != m.begin || start < s.begin || stop > s.end) {
    i64 end = stop;
    if (m.values_from.fd >= 0 || m.columns_from.fd >= 0) {
      for (i64 k = 1, from = 0, to = 0; k <= ahead; ++k) {
        if (!pointers(m, row + k, from, to) || to - start > longest) break;
        end = to;
      }
    }
    i64 code = fetch_window(m, start, end, s);
    if (code != OK && end != stop) code = fetch_window(m, start, stop, s);  // another row's fault
    if (code != OK) return code;
  }
  found.columns = s.window_columns + (start - s.begin);
  found.values = s.window_values + (start - s.begin) * m.values.item;
  return OK;
}

// --- sums -----------------------------------------------------------------------------------

// Put entries in the order of their (mapped) columns, equal ones summed; false where a sum does not
// fit the integer type `bound`. Columns null: 0, 1, 2, ... `again`: the entries are those of `s`.
template <class T, class Wide>
bool collect(Entries &e, const u32 *remap, i64 n_cols, i64 bound, bool again, Sums &s) {
  using Sum = typename Wide::Sum;
  using W = typename Wide::type;
  const u32 limit = static_cast<u32>(n_cols);
  const i64 words = (n_cols + 63) / 64;
  std::memset(s.bits, 0, static_cast<std::size_t>(8 * words));
  std::memset(s.summed, 0, static_cast<std::size_t>(8 * words));
  Sum *sums = reinterpret_cast<Sum *>(s.sums);
  for (i64 j = 0; j < e.n; ++j) {
    u32 c = e.columns ? e.columns[j] : static_cast<u32>(j);
    if (remap) c = remap[c];
    if (c >= limit) continue;
    const Sum value = Convert<Sum, T>::of(load<T>(e.values, j));
    const u64 bit = u64{1} << (c & 63);
    if (s.bits[c >> 6] & bit) {
      s.summed[c >> 6] |= bit;
      add(sums[c], value);
    } else {
      s.bits[c >> 6] |= bit;
      sums[c] = from_zero(value);
    }
    if (again && s.is_sum[j]) s.summed[c >> 6] |= bit;
  }
  W *values = reinterpret_cast<W *>(s.values);
  i64 n = 0;
  for (i64 w = 0; w < words; ++w) {
    for (u64 word = s.bits[w]; word; word &= word - 1) {
      const int k = __builtin_ctzll(word);
      const Sum sum = sums[64 * w + k];
      s.is_sum[n] = (s.summed[w] >> k) & 1;
      if (s.is_sum[n] && !fits(sum, bound)) return false;
      s.columns[n] = static_cast<u32>(64 * w + k);
      values[n] = static_cast<W>(sum);
      ++n;
    }
  }
  e = {s.columns, s.values, n, Wide::code};
  return true;
}

// The entries of a row summed: columns of the output, ascending, none twice.
template <class T, class Wide>
i64 summed(Entries &e, const Matrix &m, bool in_order, const Output &to, Sums &s) {
  using W = typename Wide::type;
  const u32 *remap = m.remap ? at<const u32>(m.remap) : nullptr;
  bool ok = true;
  if (Traits<W>::is_float) {
    const i64 bound = to.bound < 0 ? static_cast<i64>(BOOL) : to.bound;
    if (remap && m.order == 0 && !in_order) {
      // The order decides: repeated entries of a stored column first, then columns by number.
      ok = collect<T, Wide>(e, nullptr, m.n_vars, BOOL, false, s) &&
           collect<W, Wide>(e, remap, to.n_cols, bound, true, s);
    } else {
      ok = collect<T, Wide>(e, remap, to.n_cols, bound, false, s);
    }
  } else {
    ok = collect<T, Wide>(e, remap, to.n_cols, to.bound < 0 ? static_cast<i64>(Wide::code) : to.bound, false, s);
  }
  return ok ? OK : TOO_LARGE;
}

i64 sum_up(Entries &e, const Matrix &m, bool in_order, const Output &to, Scratch &s) {
  if (!s.make_sums(m)) return NO_MEMORY;
  if (to.type == BOOL) {  // any of the values, not their sum
    convert(e.type, BOOL, e.values, e.n, s.converted);
    e.values = s.converted;
    return summed<boolean, Any>(e, m, in_order, to, s.sums);
  }
  return with_type(e.type, [&](auto value) {
    using T = decltype(value);
    return summed<T, Wide<T>>(e, m, in_order, to, s.sums);
  });
}

// Leave zeros out: of 2-d arrays, a CSR matrix has none. `to` may be where the entries are.
template <class T>
void compress(Entries &e, u32 *columns, char *to) {
  T *values = reinterpret_cast<T *>(to);
  i64 n = 0;
  for (i64 j = 0; j < e.n; ++j) {
    const T value = load<T>(e.values, j);
    columns[n] = e.columns ? e.columns[j] : static_cast<u32>(j);
    values[n] = value;
    n += number(value) != 0;
  }
  e.columns = columns;
  e.values = to;
  e.n = n;
}

void leave_out_zeros(Entries &e, u32 *columns, char *to) {
  with_type(e.type, [&](auto value) { compress<decltype(value)>(e, columns, to); });
}

// The values of entries in the type of the output.
inline const char *as_output(const Entries &e, i64 type, Scratch &s) {
  if (e.type == type && type != BOOL) return e.values;
  convert(e.type, type, e.values, e.n, s.converted);
  return s.converted;
}

// --- one row, dense -------------------------------------------------------------------------

// `row + c`, or `dropped` where the row has no such column. No branch: whether a column is dropped
// cannot be foreseen, and compilers take one where they are left the choice.
template <class T>
inline T *place(T *row, u32 c, u32 n_cols, T *dropped) {
  T *found = row + c;
#if defined(__x86_64__)
  __asm__("cmpl %2, %1\n\tcmovae %3, %0" : "+r"(found) : "r"(c), "r"(n_cols), "r"(dropped) : "cc");
  return found;
#else
  return c < n_cols ? found : dropped;
#endif
}

// Values to their columns of a row of zeros. Columns null: 0, 1, 2, ..., as of 2-d arrays, whose
// values are put there as they are.
template <class T>
void scatter(const u32 *columns, i64 n, const char *values, const u32 *remap, T *row, u32 n_cols, u64 &beside) {
  T *dropped = reinterpret_cast<T *>(&beside);
  if (!columns) {
    for (i64 j = 0; j < n; ++j) {
      const u32 c = remap[j];
      *place(row, c, n_cols, dropped) = load<T>(values, j);
    }
  } else if (remap) {
    for (i64 j = 0; j < n; ++j) {
      const u32 c = remap[columns[j]];
      *place(row, c, n_cols, dropped) = from_zero(load<T>(values, j));
    }
  } else {
    for (i64 j = 0; j < n; ++j) {
      const u32 c = columns[j];
      *place(row, c, n_cols, dropped) = from_zero(load<T>(values, j));
    }
  }
}

i64 item_of(i64 type) {
  return with_type(type, [](auto value) { return static_cast<i64>(sizeof value); });
}

// Copy a row past the caches: so large a batch does not stay there, and memory that is written as a
// whole need not be read first.
void stream(const char *from, i64 n_bytes, char *to) {
  i64 byte = 0;
#if defined(__SSE2__)
  byte = smaller(n_bytes, static_cast<i64>(-reinterpret_cast<std::uintptr_t>(to) % 16));
  std::memcpy(to, from, static_cast<std::size_t>(byte));
  for (; byte + 16 <= n_bytes; byte += 16) {
    const __m128i some = _mm_loadu_si128(reinterpret_cast<const __m128i *>(from + byte));
    _mm_stream_si128(reinterpret_cast<__m128i *>(to + byte), some);
  }
#endif
  std::memcpy(to + byte, from + byte, static_cast<std::size_t>(n_bytes - byte));
}

// Before other threads see what was streamed.
void finish_streams() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

void put(const Entries &e, bool mapped, const Matrix &m, const Output &to, char *out, Scratch &s) {
  char *const row = s.row ? s.row : out;
  std::memset(row, 0, static_cast<std::size_t>(to.n_cols * to.item));
  const char *values = as_output(e, to.type, s);
  const u32 *remap = mapped && m.remap ? at<const u32>(m.remap) : nullptr;
  with_type(to.type, [&](auto value) {
    using T = decltype(value);
    scatter(e.columns, e.n, values, remap, reinterpret_cast<T *>(row), static_cast<u32>(to.n_cols), s.beside);
  });
  if (s.row) stream(row, to.n_cols * to.item, out);
}

i64 sparse_row(const Matrix &m, i64 row, i64 ahead, const Output &to, i64 longest, char *out, Scratch &s) {
  Entries e;
  if (const i64 code = fetch(m, row, ahead, longest, s, e)) return code;
  const bool in_order = ascending(e.columns, e.n);
  const bool once = in_order && (!m.remap || m.order != 0);
  if (!once) {
    if (const i64 code = sum_up(e, m, in_order, to, s)) return code;
  }
  put(e, once, m, to, out, s);
  return OK;
}

i64 dense_row(const Matrix &m, i64 row, const Output &to, char *out, Scratch &s) {
  Entries e;
  e.n = m.n_vars;
  e.type = m.type;
  const bool same = !m.remap && m.type == to.type && m.type != BOOL;
  if (const i64 code = dense_span(m, row, same ? out : s.stored_values, e.values)) return code;
  if (!m.remap) {
    if (!same) convert(m.type, to.type, e.values, e.n, out);
    else if (e.values != out) std::memcpy(out, e.values, static_cast<std::size_t>(e.n * to.item));
    return OK;
  }
  const bool once = m.order != 0;
  if (!once) {
    if (const i64 code = sum_up(e, m, true, to, s)) return code;
  }
  put(e, once, m, to, out, s);
  return OK;
}

// --- one row, CSR ---------------------------------------------------------------------------

// Sort columns of which none occurs twice: a bit is set for each, and the number of bits below
// it says where it goes. No branches: what is dropped goes behind the last column.
template <class T>
i64 by_rank(const Entries &e, const char *values, const u32 *remap, i64 n_cols, i32 *columns, T *data, Scratch &s) {
  const i64 words = (n_cols + 63) / 64;
  const u32 limit = static_cast<u32>(n_cols), behind = static_cast<u32>(words * 64);
  std::memset(s.bits, 0, static_cast<std::size_t>(8 * (words + 1)));
  for (i64 j = 0; j < e.n; ++j) {
    u32 c = remap[e.columns[j]];
    c = c < limit ? c : behind;
    s.bits[c >> 6] |= u64{1} << (c & 63);
  }
  i64 n = 0;
  for (i64 w = 0; w < words; ++w) {
    s.below[w] = n;
    n += count(s.bits[w]);
  }
  s.below[words] = n;
  for (i64 j = 0; j < e.n; ++j) {
    u32 c = remap[e.columns[j]];
    c = c < limit ? c : behind;
    const u64 lower = (u64{1} << (c & 63)) - 1;
    const i64 place = s.below[c >> 6] + count(s.bits[c >> 6] & lower);
    columns[place] = static_cast<i32>(c);
    data[place] = load<T>(values, j);
  }
  return n;
}

// Entries in order to the end of a CSR row. One entry more than is kept may be written.
template <class T>
i64 append(const Entries &e, const char *values, const u32 *remap, i64 order, i64 n_cols, i32 *columns, T *data, Scratch &s) {
  if (!remap) {
    if (e.n) {
      std::memcpy(columns, e.columns, static_cast<std::size_t>(4 * e.n));
      std::memcpy(data, values, sizeof(T) * static_cast<std::size_t>(e.n));
    }
    return e.n;
  }
  if (order == 1) return by_rank(e, values, remap, n_cols, columns, data, s);
  const u32 limit = static_cast<u32>(n_cols);
  i64 n = 0;
  for (i64 j = 0; j < e.n; ++j) {  // what is dropped is written over by the next one
    const u32 c = remap[e.columns[j]];
    columns[n] = static_cast<i32>(c);
    data[n] = load<T>(values, j);
    n += c < limit;
  }
  return n;
}

// A row behind the ones before it; how many values, or a code.
i64 csr_row(const Matrix &m, i64 row, i64 ahead, const Output &to, i64 longest, i32 *columns, char *data, Scratch &s) {
  Entries e;
  if (m.dense) {
    e.n = m.n_vars;
    e.type = m.type;
    if (const i64 code = dense_span(m, row, s.stored_values, e.values)) return code;
    s.of = -1;
    leave_out_zeros(e, s.columns, s.stored_columns);
  } else if (const i64 code = fetch(m, row, ahead, longest, s, e)) {
    return code;
  }
  const bool in_order = ascending(e.columns, e.n);
  const bool once = in_order && (!m.remap || m.order != 0);
  if (!once) {
    if (const i64 code = sum_up(e, m, in_order, to, s)) return code;
    if (m.dense) leave_out_zeros(e, s.sums.columns, s.sums.values);
  }
  const char *values = as_output(e, to.type, s);
  const u32 *remap = once && m.remap ? at<const u32>(m.remap) : nullptr;
  switch (to.item) {  // they are only moved
    case 1: return append(e, values, remap, m.order, to.n_cols, columns, reinterpret_cast<u8 *>(data), s);
    case 2: return append(e, values, remap, m.order, to.n_cols, columns, reinterpret_cast<u16 *>(data), s);
    case 4: return append(e, values, remap, m.order, to.n_cols, columns, reinterpret_cast<u32 *>(data), s);
    default: return append(e, values, remap, m.order, to.n_cols, columns, reinterpret_cast<u64 *>(data), s);
  }
}

i64 failed(Batch &b, i64 part, i64 row, i64 code) {
  b.failed_part = part;
  b.failed_row = row;
  return code;
}

}  // namespace

// --- called from outside --------------------------------------------------------------------

i64 dense(Batch &b) {
  const Output to{b.n_cols, b.type, b.bound, item_of(b.type)};
  Scratch s(b.longest, b.n_cols);
  if (!s.ok()) return NO_MEMORY;
  if (CAN_STREAM && b.n_out * b.n_cols * to.item >= STREAMED) {
    s.row = static_cast<char *>(std::malloc(static_cast<std::size_t>(b.n_cols * to.item)));
  }
  const Matrix *matrices = at<const Matrix>(b.matrices);
  const i64 *rows = at<const i64>(b.rows), *out_rows = at<const i64>(b.out_rows);
  for (i64 p = 0; p < b.n_matrices; ++p) {
    const Matrix &m = matrices[p];
    const i64 last = smaller(b.end, m.end);
    i64 run = 0;  // rows up to here follow one another
    for (i64 k = b.begin > m.begin ? b.begin : m.begin; k < last; ++k) {
      if (k >= run) {
        for (run = k + 1; run < last && rows[run] == rows[run - 1] + 1;) ++run;
      }
      if (k + 1 < last && k + 1 >= run) prefetch(m, rows[k + 1]);
      char *out = at<char>(b.out) + out_rows[k] * b.n_cols * to.item;
      const i64 code = m.dense ? dense_row(m, rows[k], to, out, s)
                               : sparse_row(m, rows[k], run - k - 1, to, b.longest, out, s);
      if (code != OK) return failed(b, p, rows[k], code);
    }
  }
  if (s.row) finish_streams();
  return OK;
}

i64 row(Row &r) {
  const Matrix &m = r.matrix;
  i64 start = 0, stop = 0;
  if (r.row < 0 || r.row >= m.n_rows) return BAD_ROW;
  if (!pointers(m, r.row, start, stop)) return BAD_POINTER;
  const Output to{r.n_cols, r.type, r.bound, item_of(r.type)};
  Scratch s(stop - start, r.n_cols);
  if (!s.ok()) return NO_MEMORY;
  char *out = at<char>(r.out);
  const i64 code = m.dense ? dense_row(m, r.row, to, out, s) : sparse_row(m, r.row, 0, to, stop - start, out, s);
  if (r.lost && *at<const volatile i64>(r.lost)) return LOST;
  return code;
}

// Rows in the order of the output; or, where `turns` is set, in the order that it says: then
// `indptr` is filled already, and RECOUNT says that a row does not fit it.
i64 csr(Batch &b) {
  const Output to{b.n_cols, b.type, b.bound, item_of(b.type)};
  Scratch s(b.longest, b.n_cols);
  if (!s.ok()) return NO_MEMORY;
  const Matrix *matrices = at<const Matrix>(b.matrices);
  const i64 *rows = at<const i64>(b.rows), *slots = at<const i64>(b.slot_of);
  const i64 *turns = b.turns ? at<const i64>(b.turns) : nullptr;
  const i32 *part_of = at<const i32>(b.part_of);
  i64 *indptr = at<i64>(b.indptr);
  i32 *columns = at<i32>(b.indices);
  char *data = at<char>(b.data);
  const i64 n_turns = turns ? b.n_turns : b.n_out;
  i64 n = 0, run = 0;
  if (!turns) indptr[0] = 0;
  for (i64 k = 0; k < n_turns; ++k) {
    const i64 i = turns ? turns[k] : k, slot = slots[i];
    if (slot >= 0) {
      const i64 part = part_of[slot];
      if (k >= run) {  // rows from here to `run` follow one another in one matrix
        for (run = k + 1; run < n_turns; ++run) {
          const i64 before = slots[turns ? turns[run - 1] : run - 1];
          const i64 after = slots[turns ? turns[run] : run];
          if (after < 0 || part_of[after] != part || rows[after] != rows[before] + 1) break;
        }
      }
      if (k + 1 < n_turns && k + 1 >= run) {
        const i64 next = slots[turns ? turns[k + 1] : k + 1];
        if (next >= 0) prefetch(matrices[part_of[next]], rows[next]);
      }
      u64 behind_value = 0;
      i32 behind_column = 0;
      i64 end = 0;
      if (turns) {  // what is behind the row may be there already, and is written to
        n = indptr[i];
        end = indptr[i + 1];
        behind_column = columns[end];
        std::memcpy(&behind_value, data + end * to.item, static_cast<std::size_t>(to.item));
      }
      const i64 got = csr_row(matrices[part], rows[slot], run - k - 1, to, b.longest, columns + n, data + n * to.item, s);
      if (got < 0) return failed(b, part, rows[slot], got);
      n += got;
      if (turns) {
        if (n != end) return RECOUNT;
        columns[end] = behind_column;
        std::memcpy(data + end * to.item, &behind_value, static_cast<std::size_t>(to.item));
      }
    }
    if (!turns) indptr[i + 1] = n;
  }
  return indptr[b.n_out];
}

}  // namespace MV_ARCH
}  // namespace mv
