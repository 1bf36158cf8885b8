// What the compiled core and its callers in Python agree on (mappedviz/gather/layout.py mirrors it).
//
// Every function that Python calls takes the address of one struct of int64 and returns an int64:
// a number that is not negative, or one of the codes below. Addresses are int64, too.
#pragma once

#include <cstring>

#include "core.hpp"

namespace mv {

using i8 = std::int8_t;
using u8 = std::uint8_t;
using i16 = std::int16_t;
using u16 = std::uint16_t;
using i32 = std::int32_t;
using u32 = std::uint32_t;
using i64 = std::int64_t;
using u64 = std::uint64_t;

// Types of stored values, of column indices and of the output.
enum Type : i64 { BOOL, I1, U1, I2, U2, I4, U4, I8, U8, F2, F4, F8, N_TYPES };

enum Code : i64 {
  OK = 0,
  BAD_ROW = -1,      // the matrix has no such row
  BAD_OUT_ROW = -2,  // the output has no such row
  BAD_POINTER = -3,  // row pointers outside [0, nnz], or descending
  BAD_INDEX = -4,    // a column index outside [0, n_vars)
  SHORT = -5,        // the file ends before the chunk does
  UNREADABLE = -6,   // pread failed
  NO_CHUNK = -7,     // a chunk is not in the table
  TOO_LARGE = -8,    // a sum does not fit the type of the output
  NO_MEMORY = -9,
  RECOUNT = -10,     // a row does not have as many values as the row pointers of the output say
  LOST = -11,        // a page of a mapped file was missing
};

// Rows that follow one another are read together, up to so many values: they stay in L2.
constexpr i64 READ_AHEAD = 1 << 14;

// The chunks of a stored array: where they are, in a file or in memory.
struct Chunks {
  i64 table;   // address of int64: offset in the file, or address, per chunk; 0: made per batch
  i64 count;   // chunks in the table
  i64 ids;     // address of their ascending numbers; 0: 0, 1, 2, ...
  i64 length;  // elements per chunk; of a 2-d array, rows
  i64 item;    // bytes per element
};

// Where the table counts from: the start of an open file, or (`fd` -1) an address.
struct Source {
  i64 fd;
  i64 origin;
};

// A matrix in a batch.
struct Matrix {
  // The same in every batch.
  i64 dense;    // 1: a 2-d array; 0: CSR
  i64 n_rows, n_vars, nnz;
  i64 indptr;   // address of the row pointers
  i64 wide;     // 1: they are int64; 0: uint32
  i64 type;     // of the stored values
  i64 index;    // of the column indices
  Chunks values, columns;
  i64 width;    // of a 2-d array: columns per chunk,
  i64 grid;     // and chunks side by side
  // Of this batch.
  Source values_from, columns_from;
  i64 remap;    // address of int32 (n_vars,): column of the output, -1: dropped; 0: the same
  i64 order;    // 0: columns may become one; 1: none do; 2: and they stay in order
  i64 begin, end;  // the matrix's part of the rows of the batch
};

// One call of `check`, `plan`, `dense` or `csr`.
struct Batch {
  i64 matrices, n_matrices;
  i64 rows, out_rows;  // addresses of int64: row of the matrix -> row of the output
  i64 begin, end;      // `dense`: which of them
  i64 n_out, n_cols;   // shape of the output
  i64 type;            // of the output
  i64 bound;           // integer type that sums must fit; -1: none
  i64 longest;         // most values that are worked on together: `check` says it
  i64 out;             // `dense`: address of the output
  i64 indptr, indices, data;  // `csr`: addresses of int64, int32 and values
  i64 part_of, slot_of;       // `check` -> `csr`, int32 and int64: the matrix of each row, and
                              // the position in `rows` of each row of the output, -1: none
  i64 turns, n_turns;  // `csr`: rows of the output in the order of reading; 0: from 0 on
  i64 ids, most_chunks;       // `plan`: address for chunk numbers, and most chunks of an array
  i64 total, spans;    // results of `check`: values of all rows; room that `ids` needs
  i64 failed_part, failed_row;  // results where a code is returned
};

// One row of one matrix.
struct Row {
  Matrix matrix;
  i64 row, out, n_cols, type, bound;
  i64 lost;  // address of a flag that says that pages were missing; 0: no file is mapped
};

template <class T>
inline T *at(i64 address) {
  return reinterpret_cast<T *>(static_cast<std::uintptr_t>(address));
}

inline i64 address(const void *pointer) {
  return static_cast<i64>(reinterpret_cast<std::uintptr_t>(pointer));
}

// Where a row's values begin and end; false where they cannot be.
inline bool pointers(const Matrix &m, i64 row, i64 &start, i64 &stop) {
  if (m.dense) {
    start = row * m.n_vars;
    stop = start + m.n_vars;
    return true;
  }
  if (m.wide) {
    start = at<const i64>(m.indptr)[row];
    stop = at<const i64>(m.indptr)[row + 1];
  } else {
    start = at<const u32>(m.indptr)[row];
    stop = at<const u32>(m.indptr)[row + 1];
  }
  return 0 <= start && start <= stop && stop <= m.nnz;
}

}  // namespace mv
