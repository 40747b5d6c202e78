// SPDX-License-Identifier: BSL-1.0
// Matrix products for the shapes of recurrent networks: one side of a hundred rows, used once per time step.
// A BLAS library repacks both operands at every call, which at these sizes costs a sixth of the time; here
// the left operand is read where it lies and the right one is packed a panel at a time, small enough for the
// first cache. docs/architecture.md has the measurements.
//
// Method: Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", TOMS 34, 2008, less the
// packing of A.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "panels.hpp"

namespace tenon::cpu {

namespace detail {

/// Rows of a tile, two accumulators each: 24 of the 32 registers of AVX-512, 12 of 16 where there are no
/// more.
inline constexpr std::size_t tile_rows = TENON_PACK_BYTES == 64 ? 12 : 6;
inline constexpr std::size_t block_rows = 480;  // rows of the left operand that stay in the second cache
/// Rows of a left operand stored by columns that are copied side by side, where a tile reads half a line of
/// the cache at a time: the columns of a wide matrix lie where the first cache has room for few of them. Pays
/// where many panels read the copy.
template <class T>
inline constexpr std::size_t copied_rows = tile_rows == 6 && sizeof(T) == sizeof(float) ? 96 : 0;

/// Rows of a panel that are fetched ahead where each is used once: then memory sets the pace, and processors
/// fetch ahead within a page only.
inline constexpr std::size_t rows_ahead = 16;
template <class W>
TENON_ALWAYS_INLINE void fetch_ahead(W const* panel) {
  for (std::size_t line = 0; line < rows_at_once<W> * panel_columns * sizeof(W); line += 64)
    __builtin_prefetch(reinterpret_cast<char const*>(panel + rows_ahead * panel_columns) + line);
}

/// A single row is summed in four parts, for one sum would have each multiplication wait for the one before.
template <std::size_t Rows>
inline constexpr std::size_t sum_parts = Rows == 1 ? 4 : 1;

/// c (Rows × columns) (+)= sums of parts; `first` and `second` are the two packs of each row, part by part.
template <std::size_t Rows, class T>
TENON_ALWAYS_INLINE void store_tile(pack<T>* first, pack<T>* second, T* c, std::size_t leading,
                                    std::size_t columns, bool add) {
  for (std::size_t part = 1; part < sum_parts<Rows>; ++part) {
    first[0] += first[part];
    second[0] += second[part];
  }
  if (columns == panel_columns) {
    for (std::size_t i = 0; i < Rows; ++i) {
      T* const row = c + i * leading;
      store(row, add ? load(row) + first[i] : first[i]);
      store(row + lanes, add ? load(row + lanes) + second[i] : second[i]);
    }
    return;
  }
  std::size_t const low = std::min(columns, lanes), high = columns - low;
  for (std::size_t i = 0; i < Rows; ++i) {
    T* const row = c + i * leading;
    store_partial(row, add ? load_partial(row, low) + first[i] : first[i], low);
    if (high > 0)
      store_partial(row + lanes, add ? load_partial(row + lanes, high) + second[i] : second[i], high);
  }
}

/// c (Rows × columns) (+)= a (Rows × depth) · panel.
template <std::size_t Rows, class T, class W>
inline void multiply_tile(strided_matrix<T> a, W const* panel, std::size_t depth, T* c, std::size_t leading,
                          std::size_t columns, bool add) {
  constexpr std::size_t parts = sum_parts<Rows>, at_once = rows_at_once<W>;
  pack<T> sum0[parts * Rows]{}, sum1[parts * Rows]{};
  auto const step = [&]<std::size_t Count>(std::size_t part, std::size_t k,
                                           std::integral_constant<std::size_t, Count>)
      __attribute__((always_inline)) {
    auto const loaded = load_rows(panel);
    if constexpr (Rows == 1) fetch_ahead(panel);
    panel += at_once * panel_columns;
    for (std::size_t r = 0; r < Count; ++r) {
      T const* const column = a.data + (k + r) * a.column_stride;
      std::size_t const to = (part + r) % parts * Rows;
#pragma GCC unroll 12
      for (std::size_t i = 0; i < Rows; ++i) {
        auto const factor = broadcast<T>(column[i * a.row_stride]);
        sum0[to + i] += factor * loaded.row[r].first;
        sum1[to + i] += factor * loaded.row[r].second;
      }
    }
  };
  constexpr std::integral_constant<std::size_t, at_once> all{};
  constexpr std::size_t stride = std::max(parts, at_once);
  std::size_t k = 0;
  for (; k + stride <= depth; k += stride)
    for (std::size_t part = 0; part < stride; part += at_once) step(part, k + part, all);
  for (; k + at_once <= depth; k += at_once) step(0, k, all);
  if (k < depth) step(0, k, std::integral_constant<std::size_t, 1>{});
  store_tile<Rows>(sum0, sum1, c, leading, columns, add);
}

/// c (rows × columns) (+)= a (rows × depth) · panel, in tiles.
template <class T, class W>
TENON_ALWAYS_INLINE void multiply_rows(std::size_t rows, strided_matrix<T> a, W const* panel,
                                       std::size_t depth, T* c, std::size_t leading, std::size_t columns,
                                       bool add) {
  std::size_t i = 0;
  auto const tiles = [&]<std::size_t Rows>(std::integral_constant<std::size_t, Rows>, std::size_t end) {
    for (; i + Rows <= end; i += Rows)
      multiply_tile<Rows, T>({a.data + i * a.row_stride, a.row_stride, a.column_stride}, panel, depth,
                             c + i * leading, leading, columns, add);
  };
  if constexpr (sizeof(T) == sizeof(float)) {  // wider accumulators are fewer
    // Single rows are the slowest: of sixes so many that fours and a five can be the rest.
    bool const by_fours = tile_rows == 6 && rows > 6 && (rows % 6 == 2 || rows % 6 == 3);
    tiles(std::integral_constant<std::size_t, tile_rows>{}, by_fours ? rows - 6 : rows);
    if constexpr (tile_rows > 8) tiles(std::integral_constant<std::size_t, 8>{}, rows);
    if (!by_fours || rows % 6 == 3)
      tiles(std::integral_constant<std::size_t, 5>{}, rows);  // the hypotheses of a sentence
  }
  tiles(std::integral_constant<std::size_t, 4>{}, rows);
  tiles(std::integral_constant<std::size_t, 1>{}, rows);
}

#if TENON_BF16_PAIRS
/// c (Rows × columns) (+)= a · panel, `pairs` pairs of rows deep; rows of a are panel_depth elements apart.
template <std::size_t Rows>
inline void multiply_rounded_tile(bf16 const* a, bf16 const* panel, std::size_t pairs, float* c,
                                  std::size_t leading, std::size_t columns, bool add) {
  constexpr std::size_t parts = sum_parts<Rows>;
  pack<float> sum0[parts * Rows]{}, sum1[parts * Rows]{};
  auto const step = [&](std::size_t part, std::size_t k) __attribute__((always_inline)) {
    auto const first = load_pairs(panel), second = load_pairs(panel + 2 * lanes);
    panel += 2 * panel_columns;
#pragma GCC unroll 12
    for (std::size_t i = 0; i < Rows; ++i) {
      std::uint32_t word;
      std::memcpy(&word, a + i * panel_depth + 2 * k, sizeof word);
      auto const factor = broadcast<std::uint32_t>(word);
      add_products_of_pairs(sum0[part * Rows + i], factor, first);
      add_products_of_pairs(sum1[part * Rows + i], factor, second);
    }
  };
  std::size_t k = 0;
  for (; k + parts <= pairs; k += parts)
    for (std::size_t part = 0; part < parts; ++part) step(part, k + part);
  for (; k < pairs; ++k) step(0, k);
  store_tile<Rows>(sum0, sum1, c, leading, columns, add);
}

/// c (m × n) (+)= a · panels, the elements of a rounded to bf16; `panel(j)` is the one of column j.
template <class Panel>
inline void multiply_rounded(std::size_t m, std::size_t n, std::size_t depth, strided_matrix<float> a,
                             Panel const& panel, float* c, std::size_t leading, bool add) {
  constexpr std::size_t at_once = 2 * tile_rows;
  alignas(64) bf16 rounded[at_once * panel_depth];
  std::size_t const pairs = (depth + 1) / 2;
  for (std::size_t row = 0; row < m; row += at_once) {
    std::size_t const rows = std::min(at_once, m - row);
    for (std::size_t i = 0; i < rows; ++i)
      round_to_pairs(a.data + (row + i) * a.row_stride, depth, rounded + i * panel_depth);
    for (std::size_t j = 0; j < n; j += panel_columns) {
      std::size_t i = 0;
      auto const tiles = [&]<std::size_t Rows>(std::integral_constant<std::size_t, Rows>) {
        for (; i + Rows <= rows; i += Rows)
          multiply_rounded_tile<Rows>(rounded + i * panel_depth, panel(j), pairs, c + (row + i) * leading + j,
                                      leading, std::min(panel_columns, n - j), add);
      };
      tiles(std::integral_constant<std::size_t, tile_rows>{});
      tiles(std::integral_constant<std::size_t, 8>{});
      tiles(std::integral_constant<std::size_t, 5>{});
      tiles(std::integral_constant<std::size_t, 4>{});
      tiles(std::integral_constant<std::size_t, 1>{});
    }
  }
}
#endif

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

}  // namespace detail

/// c (m × n, rows `leading` apart) (+)= a (m × k) · b (k × n). Runs on this thread; takes 32 KiB of stack, 64
/// for double; for float 112 where there are 16 registers.
template <class T>
TENON_SHARED_FUNCTION inline void multiply(std::size_t m, std::size_t n, std::size_t k, strided_matrix<T> a,
                                           strided_matrix<T> b, bool add, T* c, std::size_t leading) {
  using namespace detail;
  alignas(64) T panel[panel_depth * panel_columns];
  alignas(64) T copy[std::max<std::size_t>(1, copied_rows<T> * panel_depth)];
  bool const copies =
      copied_rows<T> > 0 && a.row_stride == 1 && a.column_stride != 1 && n >= 8 * panel_columns;
  std::size_t const most_rows = copies ? copied_rows<T> : block_rows;
  for (std::size_t k0 = 0; k0 < k; k0 += panel_depth) {
    std::size_t const depth = std::min(panel_depth, k - k0);
    for (std::size_t i = 0; i < m; i += most_rows) {
      std::size_t const rows = std::min(most_rows, m - i);
      strided_matrix<T> left{a.data + i * a.row_stride + k0 * a.column_stride, a.row_stride, a.column_stride};
      if (copies) {
        for (std::size_t column = 0; column < depth; ++column)
          std::copy_n(left.data + column * left.column_stride, rows, &copy[column * copied_rows<T>]);
        left = {copy, 1, copied_rows<T>};
      }
      for (std::size_t j = 0; j < n; j += panel_columns) {
        std::size_t const columns = std::min(panel_columns, n - j);
        pack_panel<T>({b.data + k0 * b.row_stride + j * b.column_stride, b.row_stride, b.column_stride},
                      depth, columns, panel);
        multiply_rows<T>(rows, left, panel, depth, c + i * leading + j, leading, columns, add || k0 > 0);
      }
    }
  }
}

/// The same with b packed beforehand; n counts columns from the first packed panel on. Where the processor
/// multiplies pairs of bf16 and b is packed so, the elements of two rows of a or more, if neighbours, are
/// rounded to bf16 too.
template <class W>
TENON_SHARED_FUNCTION inline void multiply(std::size_t m, std::size_t n, std::size_t k,
                                           strided_matrix<float> a, packed_panels<W> b, bool add, float* c,
                                           std::size_t leading) {
  using namespace detail;
  for (std::size_t k0 = 0; k0 < k; k0 += panel_depth) {
    std::size_t const depth = std::min(panel_depth, k - k0);
    auto const panel = [&](std::size_t j) {
      return b.data + (k0 * b.count + (b.first + j / panel_columns) * stored_rows<W>(depth)) * panel_columns;
    };
    strided_matrix<float> const columns_of_a{a.data + k0 * a.column_stride, a.row_stride, a.column_stride};
#if TENON_BF16_PAIRS
    if constexpr (std::is_same_v<W, bf16>)
      if (m > 1 && a.column_stride == 1) {
        multiply_rounded(m, n, depth, columns_of_a, panel, c, leading, add || k0 > 0);
        continue;
      }
#endif
    for (std::size_t i = 0; i < m; i += block_rows)
      for (std::size_t j = 0; j < n; j += panel_columns)
        multiply_rows<float>(std::min(block_rows, m - i),
                             {columns_of_a.data + i * a.row_stride, a.row_stride, a.column_stride}, panel(j),
                             depth, c + i * leading + j, leading, std::min(panel_columns, n - j),
                             add || k0 > 0);
  }
}

/// The same product where m is a handful: each element of b is used m times only, so that the time is that of
/// reading b, and nothing is packed. The elements of a row of a are neighbours in memory.
TENON_SHARED_FUNCTION inline void multiply_few(std::size_t m, std::size_t n, std::size_t k,
                                               strided_matrix<float> a, strided_matrix<float> b, bool add,
                                               float* c, std::size_t leading) {
  bool const by_rows = b.column_stride == 1;
  for (std::size_t j = 0; j < n;) {
    std::size_t const rest = n - j;
    std::size_t const columns = by_rows && rest >= 4 * lanes ? 4 * lanes : std::min(rest, lanes);
    strided_matrix<float> const part{b.data + j * b.column_stride, b.row_stride, b.column_stride};
    for (std::size_t i = 0; i < m; ++i) {
      float const* const x = a.data + i * a.row_stride;
      float* const to = c + i * leading + j;
      if (!by_rows)
        detail::multiply_row_by_columns(columns, k, x, part, add, to);
      else if (columns > lanes)
        detail::multiply_row_by_rows<4>(columns, k, x, part, add, to);
      else
        detail::multiply_row_by_rows<1>(columns, k, x, part, add, to);
    }
    j += columns;
  }
}

}  // namespace tenon::cpu
