// SPDX-License-Identifier: BSL-1.0
// Matrix products for the shapes of recurrent networks: one side of a hundred rows, used once per time step.
// A BLAS library repacks both operands at every call, which at these sizes costs a sixth of the time; here
// the left operand is read where it lies, if its rows are stored side by side, and the right one is packed a
// panel at a time, small enough for the first cache. docs/architecture.md has the measurements.
//
// Method: Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", TOMS 34, 2008, less
// most of the packing of A.
#pragma once
#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "int16_product.hpp"
#include "row_product.hpp"
#include "tiles.hpp"

namespace tenon::cpu {

namespace detail {

inline constexpr std::size_t block_rows = 480;  // rows of the left operand that stay in the second cache

/// c (m × n) (+)= a (m × k) · panels as in `multiply_blocks`, the elements of a rounded to bf16.
template <class Panel>
void multiply_rounded(std::size_t m, std::size_t n, std::size_t k, strided_matrix<float> a,
                      Panel const& panel, bool add, float* c, std::size_t leading);
#if TENON_BF16_PAIRS
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
      for (std::size_t j = 0; j < n; j += panel_columns)
        for_each_tile<float>(rows,
                             [&]<std::size_t Rows>(std::integral_constant<std::size_t, Rows>, std::size_t i) {
                               multiply_rounded_tile<Rows>(rounded + i * panel_depth, panel(k0, depth, j),
                                                           pairs, c + (row + i) * leading + j, leading,
                                                           std::min(panel_columns, n - j), add || k0 > 0);
                             });
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
  if (is_copied(a, n)) return multiply_blocks<true>(m, n, k, a, pack, add, c, leading);
  multiply_blocks<false>(m, n, k, a, pack, add, c, leading);
}

/// The same with b packed beforehand; n counts columns from the first packed panel on. If not as floats, the
/// elements of a row of a are neighbours. If as whole numbers, those of a are rounded to such too, and if as bf16
/// and the processor multiplies pairs of them, those of two rows of a or more to bf16.
template <class W>
TENON_SHARED_FUNCTION inline void multiply(std::size_t m, std::size_t n, std::size_t k,
                                           strided_matrix<float> a, packed_panels<W> b, bool add, float* c,
                                           std::size_t leading) {
  using namespace detail;
  auto const panel = [&](std::size_t k0, std::size_t depth, std::size_t j) {
    return b.data + panel_offset<W>(k0, depth, b.first + j / panel_columns, b.count);
  };
  if constexpr (std::is_same_v<W, scaled16>) {
    multiply_whole_numbers<0>(m, n, k, a, b, add, c, leading);
  } else if (m == 1 && (a.column_stride == 1 || k == 1)) {
    multiply_row_by_panels(n, k, a.data, b, add, c);
  } else if constexpr (TENON_BF16_PAIRS && std::is_same_v<W, bf16>) {
    multiply_rounded(m, n, k, a, panel, add, c, leading);
  } else {
    if constexpr (std::is_same_v<W, float>)  // a gradient's operand, and in training weights are no bf16
      if (is_copied(a, n)) return multiply_blocks<true>(m, n, k, a, panel, add, c, leading);
    multiply_blocks<false>(m, n, k, a, panel, add, c, leading);
  }
}
/// The same for a handful of rows whose number the compiler knows and whose elements are neighbours.
template <std::size_t Rows, class W>
TENON_ALWAYS_INLINE void multiply_known_rows(std::size_t n, std::size_t k, strided_matrix<float> a,
                                             packed_panels<W> b, bool add, float* c, std::size_t leading) {
  if constexpr (std::is_same_v<W, scaled16> && Rows <= detail::rows_of_pairs)
    detail::multiply_whole_numbers<Rows>(Rows, n, k, a, b, add, c, leading);
  else
    multiply(Rows, n, k, a, b, add, c, leading);
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
