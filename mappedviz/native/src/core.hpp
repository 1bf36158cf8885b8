// What all files of the compiled core share.
//
// Every function of the library is `MV_EXPORT int64_t mv_<name>(void *descriptor)`: one pointer to
// a plain struct, whose layout the Python side mirrors. No Python, no numpy, no C++ runtime:
// no exceptions, no containers, no streams; malloc, memcpy and templates.
#pragma once

#include <cstdint>

// Raised whenever a descriptor or the meaning of one changes; `ABI` in ../__init__.py.
#define MV_ABI 1

#define MV_EXPORT extern "C" __attribute__((visibility("default")))
