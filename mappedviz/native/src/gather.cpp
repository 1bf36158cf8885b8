// What Python calls: a batch is checked, its chunks are found, and rows are read by the loops that
// were compiled for this processor.
#include <cstdlib>

#include "gather.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
MV_FUNCTIONS(v3)
#endif

namespace mv {
namespace {

struct Functions {
  i64 (*dense)(Batch &);
  i64 (*row)(Row &);
  i64 (*csr)(Batch &);
};

#if defined(__x86_64__)
// Whether the processor has what is compiled for x86-64-v3, and the system keeps its registers.
bool has_v3() {
  constexpr u32 leaf_1 = bit_FMA | bit_SSE4_2 | bit_MOVBE | bit_POPCNT | bit_OSXSAVE | bit_AVX | bit_F16C;
  constexpr u32 leaf_7 = bit_BMI | bit_AVX2 | bit_BMI2;
  constexpr u32 lzcnt = 1u << 5;  // each compiler has its own name for it
  u32 a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(1, 0, &a, &b, &c, &d) || (c & leaf_1) != leaf_1) return false;
  u32 low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & 6) != 6) return false;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & leaf_7) != leaf_7) return false;
  return __get_cpuid_count(0x80000001, 0, &a, &b, &c, &d) && (c & lzcnt);
}

const Functions functions = has_v3() ? Functions{v3::dense, v3::row, v3::csr}
                                                  : Functions{baseline::dense, baseline::row, baseline::csr};
#else
const Functions functions{baseline::dense, baseline::row, baseline::csr};
#endif

// Mark the chunks that a matrix's rows are in; how many were not marked before.
i64 mark(const Matrix &m, const i64 *rows, i64 length, u64 *bits) {
  i64 n_marked = 0;
  for (i64 k = m.begin; k < m.end; ++k) {
    i64 first = rows[k] / length, last = first;
    if (!m.dense) {
      i64 start = 0, stop = 0;
      if (!pointers(m, rows[k], start, stop) || start == stop) continue;
      first = start / length;
      last = (stop - 1) / length;
    }
    for (i64 c = first; c <= last; ++c) {
      const u64 bit = u64{1} << (c & 63);
      n_marked += !(bits[c >> 6] & bit);
      bits[c >> 6] |= bit;
    }
  }
  return n_marked;
}

// Write the chunks that are marked, ascending, each `grid` times, and take the marks away.
i64 *emit(u64 *bits, i64 n_marked, i64 grid, i64 *ids) {
  for (i64 w = 0; n_marked > 0; ++w) {
    for (; bits[w]; bits[w] &= bits[w] - 1, --n_marked) {
      const i64 chunk = 64 * w + __builtin_ctzll(bits[w]);
      for (i64 g = 0; g < grid; ++g) *ids++ = chunk * grid + g;
    }
  }
  return ids;
}

}  // namespace
}  // namespace mv

using namespace mv;

// Sizes of the structs, so that a caller made for others is found out.
MV_EXPORT i64 mv_gather_abi(void *) { return sizeof(Matrix) << 32 | sizeof(Batch) << 16 | sizeof(Row); }

MV_EXPORT i64 mv_dense(void *batch) { return functions.dense(*static_cast<Batch *>(batch)); }

MV_EXPORT i64 mv_csr(void *batch) { return functions.csr(*static_cast<Batch *>(batch)); }

MV_EXPORT i64 mv_row(void *row) { return functions.row(*static_cast<Row *>(row)); }

// Check rows and row pointers; sets `longest`, `total` and `spans`, and, where `slot_of` is set,
// `part_of` and `slot_of`.
MV_EXPORT i64 mv_check(void *batch) {
  Batch &b = *static_cast<Batch *>(batch);
  const i64 *rows = at<const i64>(b.rows), *out_rows = at<const i64>(b.out_rows);
  i64 *slots = b.slot_of ? at<i64>(b.slot_of) : nullptr;
  i32 *part_of = at<i32>(b.part_of);
  i64 longest = 0, total = 0, spans = 0;
  bool runs = false;
  if (slots) {
    for (i64 i = 0; i < b.n_out; ++i) slots[i] = -1;
  }
  for (i64 p = 0; p < b.n_matrices; ++p) {
    const Matrix &m = at<const Matrix>(b.matrices)[p];
    for (i64 k = m.begin; k < m.end; ++k) {
      b.failed_part = p;
      b.failed_row = rows[k];
      if (rows[k] < 0 || rows[k] >= m.n_rows) return BAD_ROW;
      if (out_rows[k] < 0 || out_rows[k] >= b.n_out) {
        b.failed_row = out_rows[k];
        return BAD_OUT_ROW;
      }
      i64 start = 0, stop = 0;
      if (!pointers(m, rows[k], start, stop)) return BAD_POINTER;
      const i64 n = stop - start;
      longest = n > longest ? n : longest;
      total += n;
      runs |= k > m.begin && rows[k] == rows[k - 1] + 1 && !m.dense;
      if (!m.values.table) spans += m.dense ? m.grid : n / m.values.length + 2;
      if (!m.dense && !m.columns.table) spans += n / m.columns.length + 2;
      if (slots) {
        part_of[k] = static_cast<i32>(p);
        slots[out_rows[k]] = k;
      }
    }
  }
  const i64 together = total < READ_AHEAD ? total : READ_AHEAD;
  b.longest = runs && together > longest ? together : longest;
  b.total = total;
  b.spans = spans;
  return OK;
}

// Find the chunks that the rows of compressed arrays are in, ascending per array: their numbers go to
// `ids`, address and count to the matrices. Their number is returned.
MV_EXPORT i64 mv_plan(void *batch) {
  Batch &b = *static_cast<Batch *>(batch);
  const i64 words = b.most_chunks / 64 + 1;
  u64 *bits = static_cast<u64 *>(std::calloc(static_cast<std::size_t>(words), sizeof(u64)));
  if (!bits) return NO_MEMORY;
  const i64 *rows = at<const i64>(b.rows);
  i64 *const ids = at<i64>(b.ids), *end = ids;
  const auto find = [&](const Matrix &m, Chunks &chunks) {
    if (chunks.table) return;
    chunks.ids = address(end);
    chunks.count = -(end - ids);
    end = emit(bits, mark(m, rows, chunks.length, bits), m.dense ? m.grid : 1, end);
    chunks.count += end - ids;
  };
  for (i64 p = 0; p < b.n_matrices; ++p) {
    Matrix &m = at<Matrix>(b.matrices)[p];
    find(m, m.values);
    if (!m.dense) find(m, m.columns);
  }
  std::free(bits);
  return end - ids;
}
