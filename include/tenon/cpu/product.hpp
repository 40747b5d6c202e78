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
/// Rows of a left operand stored by columns that are copied tile by tile: there a tile is a part of each of
/// many lines far apart, for which the first cache has room in few of its sets. Pays where several panels
/// read the copy.
inline constexpr std::size_t copied_rows = 96;

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

/// Calls f(number of rows, as a constant; first row) for each of the tiles into which rows are cut.
template <class T>
TENON_ALWAYS_INLINE void for_each_tile(std::size_t rows, auto const& f) {
  std::size_t i = 0;
  auto const tiles = [&]<std::size_t Rows>(std::integral_constant<std::size_t, Rows> count, std::size_t end) {
    for (; i + Rows <= end; i += Rows) f(count, i);
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

/// c (rows × columns) (+)= a (rows × depth) · panel, in tiles. Copied: a is what `copy_by_tiles` made.
template <bool Copied, class T, class W>
TENON_ALWAYS_INLINE void multiply_rows(std::size_t rows, strided_matrix<T> a, W const* panel,
                                       std::size_t depth, T* c, std::size_t leading, std::size_t columns,
                                       bool add) {
  for_each_tile<T>(
      rows, [&]<std::size_t Rows>(std::integral_constant<std::size_t, Rows>, std::size_t i)
                __attribute__((always_inline)) {
                  strided_matrix<T> const tile{a.data + i * a.row_stride, a.row_stride, a.column_stride};
                  multiply_tile<Rows, T>(Copied ? strided_matrix<T>{a.data + i * depth, 1, Rows} : tile,
                                         panel, depth, c + i * leading, leading, columns, add);
                });
}

/// Whether a left operand of a product with n columns is copied: see copied_rows.
template <class T>
constexpr bool is_copied(strided_matrix<T> a, std::size_t n) {
  return a.row_stride == 1 && a.column_stride != 1 && n >= 8 * panel_columns;
}
/// Copies each tile of a, which is stored by columns, so: by columns that lie side by side.
template <class T>
inline void copy_by_tiles(std::size_t rows, strided_matrix<T> a, std::size_t depth, T* copy) {
  for (std::size_t k = 0; k < depth; ++k) {
    T const* const column = a.data + k * a.column_stride;
    for_each_tile<T>(rows, [&]<std::size_t Rows>(std::integral_constant<std::size_t, Rows>, std::size_t i) {
      std::memcpy(copy + i * depth + k * Rows, column + i, Rows * sizeof(T));
    });
  }
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

/// c (m × n) (+)= a (m × k) · panels as in `multiply_blocks`, the elements of a rounded to bf16.
template <class Panel>
inline void multiply_rounded(std::size_t m, std::size_t n, std::size_t k, strided_matrix<float> a,
                             Panel const& panel, bool add, float* c, std::size_t leading) {
  constexpr std::size_t at_once = 2 * tile_rows;
  alignas(64) bf16 rounded[at_once * panel_depth];
  for (std::size_t k0 = 0; k0 < k; k0 += panel_depth) {
    std::size_t const depth = std::min(panel_depth, k - k0), pairs = (depth + 1) / 2;
    for (std::size_t row = 0; row < m; row += at_once) {
      std::size_t const rows = std::min(at_once, m - row);
      for (std::size_t i = 0; i < rows; ++i)
        round_to_pairs(a.data + (row + i) * a.row_stride + k0, depth, rounded + i * panel_depth);
      for (std::size_t j = 0; j < n; j += panel_columns) {
        std::size_t i = 0;
        auto const tiles = [&]<std::size_t Rows>(std::integral_constant<std::size_t, Rows>) {
          for (; i + Rows <= rows; i += Rows)
            multiply_rounded_tile<Rows>(rounded + i * panel_depth, panel(k0, depth, j), pairs,
                                        c + (row + i) * leading + j, leading, std::min(panel_columns, n - j),
                                        add || k0 > 0);
        };
        tiles(std::integral_constant<std::size_t, tile_rows>{});
        tiles(std::integral_constant<std::size_t, 8>{});
        tiles(std::integral_constant<std::size_t, 5>{});
        tiles(std::integral_constant<std::size_t, 4>{});
        tiles(std::integral_constant<std::size_t, 1>{});
      }
    }
  }
}
#endif

/// c (m × n) (+)= a (m × k) · panels; panel(k0, depth, j) is the one of `depth` rows from k0 and of column j
/// on.
template <bool Copied, class T, class Panel>
TENON_SHARED_FUNCTION inline void multiply_blocks(std::size_t m, std::size_t n, std::size_t k,
                                                  strided_matrix<T> a, Panel const& panel, bool add, T* c,
                                                  std::size_t leading) {
  alignas(64) T copy[Copied ? copied_rows * panel_depth : 1];
  constexpr std::size_t most_rows = Copied ? copied_rows : block_rows;
  for (std::size_t k0 = 0; k0 < k; k0 += panel_depth) {
    std::size_t const depth = std::min(panel_depth, k - k0);
    for (std::size_t i = 0; i < m; i += most_rows) {
      std::size_t const rows = std::min(most_rows, m - i);
      strided_matrix<T> left{a.data + i * a.row_stride + k0 * a.column_stride, a.row_stride, a.column_stride};
      if constexpr (Copied) {
        copy_by_tiles(rows, left, depth, copy);
        left.data = copy;
      }
      for (std::size_t j = 0; j < n; j += panel_columns)
        multiply_rows<Copied, T>(rows, left, panel(k0, depth, j), depth, c + i * leading + j, leading,
                                 std::min(panel_columns, n - j), add || k0 > 0);
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

}  // namespace detail

/// c (m × n, rows `leading` apart) (+)= a (m × k) · b (k × n). Runs on this thread; takes 32 KiB of stack,
/// 128 where a is stored by columns, for double twice as much.
template <class T>
TENON_SHARED_FUNCTION inline void multiply(std::size_t m, std::size_t n, std::size_t k, strided_matrix<T> a,
                                           strided_matrix<T> b, bool add, T* c, std::size_t leading) {
  using namespace detail;
  alignas(64) T panel[panel_depth * panel_columns];
  auto const pack = [&](std::size_t k0, std::size_t depth, std::size_t j) {
    pack_panel<T>({b.data + k0 * b.row_stride + j * b.column_stride, b.row_stride, b.column_stride}, depth,
                  std::min(panel_columns, n - j), panel);
    return panel;
  };
  if (is_copied(a, n))
    multiply_blocks<true>(m, n, k, a, pack, add, c, leading);
  else
    multiply_blocks<false>(m, n, k, a, pack, add, c, leading);
}

/// The same with b packed beforehand; n counts columns from the first packed panel on. Where the processor
/// multiplies pairs of bf16 and b is packed so, the elements of two rows of a or more, if neighbours, are
/// rounded to bf16 too.
template <class W>
TENON_SHARED_FUNCTION inline void multiply(std::size_t m, std::size_t n, std::size_t k,
                                           strided_matrix<float> a, packed_panels<W> b, bool add, float* c,
                                           std::size_t leading) {
  using namespace detail;
  auto const panel = [&](std::size_t k0, std::size_t depth, std::size_t j) {
    return b.data + (k0 * b.count + (b.first + j / panel_columns) * stored_rows<W>(depth)) * panel_columns;
  };
#if TENON_BF16_PAIRS
  if constexpr (std::is_same_v<W, bf16>)
    if (m > 1 && a.column_stride == 1) return multiply_rounded(m, n, k, a, panel, add, c, leading);
#endif
  if (is_copied(a, n))
    multiply_blocks<true>(m, n, k, a, panel, add, c, leading);
  else
    multiply_blocks<false>(m, n, k, a, panel, add, c, leading);
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
