// The loops of limits_adapter.py: rows of CSR matrices in mapped files, with no checks at all.

#include <cstdint>
#include <cstring>

namespace {

struct Store {
  const int32_t *ints;    // the mapped file as int32: column indices
  const float *floats;    // the same file as float32: values
  const int64_t *cuts;    // row pointers
  const int64_t *i_at;    // per chunk of indices, its place in `ints`
  const int64_t *d_at;    // per chunk of values, its place in `floats`
  int64_t chunk;          // elements per chunk
  const uint32_t *remap;  // stored column -> joint column; dropped ones go behind the last
};

}  // namespace

extern "C" void fused(const Store *s, const int64_t *rows, int64_t n, float *out, int64_t width) {
  for (int64_t k = 0; k < n; ++k) {
    float *line = out + k * width;
    std::memset(line, 0, static_cast<size_t>(width) * sizeof(float));
    int64_t at = s->cuts[rows[k]];
    const int64_t end = s->cuts[rows[k] + 1];
    while (at < end) {
      const int64_t c = at / s->chunk;
      const int64_t stop = end < (c + 1) * s->chunk ? end : (c + 1) * s->chunk;
      const int32_t *columns = s->ints + s->i_at[c] + at - c * s->chunk;
      const float *values = s->floats + s->d_at[c] + at - c * s->chunk;
      for (int64_t j = 0; j < stop - at; ++j) line[s->remap[static_cast<uint32_t>(columns[j])]] = values[j];
      at = stop;
    }
  }
}

extern "C" int64_t csr(const Store *s, const int64_t *rows, int64_t n, int32_t *indices, float *data,
                       uint32_t dropped) {
  uint64_t filled = 0;
  for (int64_t k = 0; k < n; ++k) {
    int64_t at = s->cuts[rows[k]];
    const int64_t end = s->cuts[rows[k] + 1];
    while (at < end) {
      const int64_t c = at / s->chunk;
      const int64_t stop = end < (c + 1) * s->chunk ? end : (c + 1) * s->chunk;
      const int32_t *columns = s->ints + s->i_at[c] + at - c * s->chunk;
      const float *values = s->floats + s->d_at[c] + at - c * s->chunk;
      for (int64_t j = 0; j < stop - at; ++j) {  // dropped ones are overwritten: no branch
        const uint32_t m = s->remap[static_cast<uint32_t>(columns[j])];
        indices[filled] = static_cast<int32_t>(m);
        data[filled] = values[j];
        filled += m != dropped;
      }
      at = stop;
    }
  }
  return static_cast<int64_t>(filled);
}

extern "C" int64_t touch(const int32_t *ints, int64_t n) {
  int64_t total = 0;
  for (int64_t i = 0; i < n; ++i) total += ints[i];
  return total;
}
