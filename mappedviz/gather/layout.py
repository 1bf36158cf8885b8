"""What the compiled loops and their callers agree on: descriptors and return codes.

A matrix in a batch is one row of int64, its descriptor. Plain numbers, so that callers need not
import the loops (and with them numba).
"""

from __future__ import annotations

# --- the same in every batch ---------------------------------------------------------------
DENSE = 0  # 0 CSR, 1 a 2-d array
N_ROWS = 1
N_VARS = 2
NNZ = 3
INDPTR = 4  # address of the row pointers
INDPTR_WIDE = 5  # 0 uint32, 1 int64
CODE = 6  # stored type of the values: position in CODES
ITEM = 7  # its bytes
INDEX_CODE = 8  # stored type of the column indices: position in CODES
INDEX_ITEM = 9
D_LEN = 10  # values: elements per chunk (CSR), rows per chunk (2-d)
D_COLS = 11  # 2-d: columns per chunk
D_GRID = 12  # 2-d: chunks side by side
I_LEN = 13  # column indices: elements per chunk
D_TABLE = 14  # address of the offsets in a file, or of the addresses, of the chunks of values;
I_TABLE = 15  # 0: to be made for the batch
D_COUNT = 16  # how many
I_COUNT = 17
D_IDS = 18  # address of the ascending chunk numbers that the table speaks of; 0: 0, 1, 2, ...
I_IDS = 19
N_FIXED = 20
# --- of one batch --------------------------------------------------------------------------
D_FD = 20  # source of the chunks of values: descriptor of the file; or, negative, they are in
I_FD = 21  # memory: the table counts from the address -1 - source (from 0: -1)
REMAP = 22  # address of int32 (n_vars,): column -> column of the output; 0: the same
INJECTIVE = 23  # 1: no two columns become one; 2: and they stay in order
CONVERT = 24  # 1: stored values are not of the output's type; 2: and yet summed in it
BEGIN = 25  # the matrix's stretch of `rows` and `out_rows`
END = 26
N_FIELDS = 27

# --- what the handler of missing pages shares with the rest ---------------------------------
N_ENTRIES = 0  # places for mapped files
PAGE = 1  # bytes of a page
PREVIOUS = 2  # address of the disposition of the signal that was there before
ENTRIES = 3  # from here on three numbers a file:
START, STOP, LOST = 0, 1, 2  # its first address, the one behind it, whether a page was missing
N_ENTRY = 3

#: Stored types, by the number that the loops know them by.
CODES = ("b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")

#: Rows that follow one another are read at once, up to so many values: as many as stay in the
#: cache of a processor.
READ_AHEAD = 1 << 14

# --- return codes --------------------------------------------------------------------------
OK = 0
BAD_ROW = -1  # a row asked for is not in the matrix
BAD_OUT_ROW = -2  # nor is a row of the output
BAD_POINTER = -3  # row pointers outside [0, nnz] or descending
BAD_INDEX = -4  # a column index outside [0, n_vars)
SHORT = -5  # the file ends before the chunk does
UNREADABLE = -6  # pread failed
NO_CHUNK = -7  # a chunk is not in the table
COLLISION = -8  # values must be summed in their own type first
NO_MEMORY = -9
RECOUNT = -10  # a row has not as many values as it was said to have
