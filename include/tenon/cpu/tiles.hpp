// SPDX-License-Identifier: BSL-1.0
// Tiles of a matrix product: a few rows of the left operand times one packed panel of the right one, whose
// sums stay in registers.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "panels.hpp"

namespace tenon::cpu::detail {

/// Rows of a tile, two accumulators each: 24 of the 32 registers of AVX-512, 12 of 16 where there are no
/// more.
inline constexpr std::size_t tile_rows = TENON_PACK_BYTES == 64 ? 12 : 6;
/// Rows of a left operand stored by columns that are copied tile by tile: there a tile is a part of each of
/// many lines far apart, for which the first cache has room in few of its sets. Pays where several panels
/// read the copy.
inline constexpr std::size_t copied_rows = 96;

/// A single row is summed in four parts, for one sum would have each multiplication wait for the one before.
template <std::size_t Rows>
inline constexpr std::size_t sum_parts = Rows == 1 ? 4 : 1;

/// Adds the parts of a single row's sums to the first; `first` and `second` are its two packs.
template <std::size_t Rows, class V>
TENON_ALWAYS_INLINE void add_parts(V* first, V* second) {
  for (std::size_t part = 1; part < sum_parts<Rows>; ++part) {
    first[0] += first[part];
    second[0] += second[part];
  }
}
/// c (Rows × columns) (+)= sums; `first` and `second` are the two packs of each row.
template <std::size_t Rows, class T>
TENON_ALWAYS_INLINE void store_tile(pack<T>* first, pack<T>* second, T* c, std::size_t leading,
                                    std::size_t columns, bool add) {
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
  add_parts<Rows>(sum0, sum1);
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
  add_parts<Rows>(sum0, sum1);
  store_tile<Rows>(sum0, sum1, c, leading, columns, add);
}
#endif

}  // namespace tenon::cpu::detail
