// The functions that are compiled once per processor.
#pragma once

#include "layout.hpp"

#define MV_FUNCTIONS(arch)  \
  namespace mv {            \
  namespace arch {          \
  i64 dense(Batch &batch);  \
  i64 row(Row &row);        \
  i64 csr(Batch &batch);    \
  }                         \
  }

#ifndef MV_ARCH
#define MV_ARCH baseline
#endif

MV_FUNCTIONS(MV_ARCH)
