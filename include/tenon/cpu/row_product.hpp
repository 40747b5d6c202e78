// SPDX-License-Identifier: BSL-1.0
// Products of a single row: each element of the right operand is used once, so that the time is that of
// reading it from memory.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "tiles.hpp"

namespace tenon::cpu::detail {

inline constexpr std::size_t page_bytes = 4096;

/// Whether to ask ahead for every line of memory: as many loads again, which cost nothing where a processor
/// can do more than its caches can answer. A sentence takes a tenth less time on a Zen 3, and on two threads
/// of a Zen 5, known by one of its instructions, an eighth. On a Zen 4 it takes more.
#if defined(__znver3__) || (defined(__AVX512VP2INTERSECT__) && defined(__AVX512BF16__))
inline constexpr bool fetches_every_line = true;
#else
inline constexpr bool fetches_every_line = false;
#endif

/// Asks for what is read a page after these bytes.
template <std::size_t Bytes>
TENON_ALWAYS_INLINE void fetch_lines([[maybe_unused]] void const* place) {
  if constexpr (fetches_every_line)
    for (std::size_t at = 0; at < Bytes; at += 64)
      __builtin_prefetch(static_cast<char const*>(place) + page_bytes + at);
}
/// Processors fetch ahead by themselves, but within a page only: this asks for how the next page begins.
TENON_ALWAYS_INLINE void fetch_next_page([[maybe_unused]] void const* place) {
  if constexpr (fetches_every_line) return;
  constexpr std::size_t lines = 4, line = 64;
  auto const* const early = static_cast<char const*>(place) + page_bytes / 2;
  auto const* const page = early + (page_bytes - reinterpret_cast<std::uintptr_t>(early) % page_bytes);
  for (std::size_t i = 0; i < lines; ++i) __builtin_prefetch(page + i * line);
}

/// n elements of c (+)= the row x of k elements times a packed matrix. Sums as `multiply_tile` does.
template <class W>
TENON_SHARED_FUNCTION inline void multiply_row_by_panels(std::size_t n, std::size_t k, float const* x,
                                                         packed_panels<W> b, bool add, float* c) {
  constexpr std::size_t parts = sum_parts<1>, at_once = rows_at_once<W>;
  constexpr std::size_t rows_of_page = page_bytes / (panel_columns * sizeof(W));
  static_assert(parts % at_once == 0 && rows_of_page % parts == 0);
  for (std::size_t k0 = 0; k0 < k; k0 += panel_depth, x += panel_depth) {
    std::size_t const depth = std::min(panel_depth, k - k0);
    W const* panel = b.data + panel_offset<W>(k0, depth, b.first, b.count);
    for (std::size_t j = 0; j < n; j += panel_columns) {
      pack<float> first[parts]{}, second[parts]{};
      auto const step = [&](std::size_t part, std::size_t at, std::size_t count)
          __attribute__((always_inline)) {
        auto const loaded = load_rows(panel);
        for (std::size_t r = 0; r < count; ++r) {
          auto const factor = broadcast<float>(x[at + r]);
          first[part + r] += factor * loaded.row[r].first;
          second[part + r] += factor * loaded.row[r].second;
        }
        panel += at_once * panel_columns;
      };
      std::size_t at = 0;
      while (at + parts <= depth) {
        fetch_next_page(panel);
        for (std::size_t const end = std::min(depth, at + rows_of_page); at + parts <= end; at += parts) {
          fetch_lines<parts * panel_columns * sizeof(W)>(panel);
          for (std::size_t part = 0; part < parts; part += at_once) step(part, at + part, at_once);
        }
      }
      for (; at + at_once <= depth; at += at_once) step(0, at, at_once);
      if (at < depth) step(0, at, depth - at);
      add_parts<1>(first, second);
      store_tile<1>(first, second, c + j, 0, std::min(panel_columns, n - j), add || k0 > 0);
    }
  }
}

/// The sum of each of `lanes` packs: lane i of the result is the sum of v[i]. Two packs become one that has
/// half of either's sums still to do, and so on.
template <std::size_t Half = lanes / 2>
TENON_ALWAYS_INLINE pack<float> sums_of(pack<float>* v) {
#if TENON_PACK_BYTES > 4
  for (std::size_t i = 0; i < Half; ++i)
    v[i] = paired<Half, false>(v[i], v[i + Half]) + paired<Half, true>(v[i], v[i + Half]);
  if constexpr (Half > 1) return sums_of<Half / 2>(v);
#endif
  return v[0];
}

/// Up to `lanes` elements of c (+)= the row x times as many columns of b, each stored as k neighbours. One
/// column after the other: memory is fetched best in its order.
inline void multiply_row_by_columns(std::size_t columns, std::size_t k, float const* x,
                                    strided_matrix<float> b, bool add, float* c) {
  pack<float> sums[lanes];
  for (std::size_t j = 0; j < lanes; ++j) {
    if (j >= columns) {
      sums[j] = pack<float>{};
      continue;
    }
    float const* const column = b.data + j * b.column_stride;
    pack<float> sum[4]{};
    std::size_t at = 0;
    for (; at + 4 * lanes <= k; at += 4 * lanes)
      for (std::size_t i = 0; i < 4; ++i) sum[i] += load(x + at + i * lanes) * load(column + at + i * lanes);
    for (; at + lanes <= k; at += lanes) sum[0] += load(x + at) * load(column + at);
    if (at < k) sum[1] += load_partial(x + at, k - at) * load_partial(column + at, k - at);
    sums[j] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  }
  auto const result = sums_of(sums);
  store_partial(c, add ? load_partial(c, columns) + result : result, columns);
}

/// Up to `Packs` packs of c (+)= the row x times b, whose rows are neighbours in memory.
template <std::size_t Packs>
inline void multiply_row_by_rows(std::size_t columns, std::size_t k, float const* x, strided_matrix<float> b,
                                 bool add, float* c) {
  pack<float> sum[Packs]{};
  for (std::size_t at = 0; at < k; ++at) {
    auto const v = broadcast<float>(x[at]);
    float const* const row = b.data + at * b.row_stride;
    for (std::size_t p = 0; p < Packs; ++p)
      sum[p] += v * (columns >= (p + 1) * lanes ? load(row + p * lanes)
                                                : load_partial(row + p * lanes, columns - p * lanes));
  }
  for (std::size_t p = 0; p < Packs; ++p) {
    std::size_t const n = std::min(lanes, columns - p * lanes);
    float* const to = c + p * lanes;
    store_partial(to, add ? load_partial(to, n) + sum[p] : sum[p], n);
  }
}

}  // namespace tenon::cpu::detail
