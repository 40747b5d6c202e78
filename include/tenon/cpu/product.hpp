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

#include "pack.hpp"

namespace tenon::cpu {

/// A matrix in memory: element (i, j) is data[i * rows + j * columns]; one of the two strides is 1.
template <class T>
struct strided_matrix {
  T const* data;
  std::size_t row_stride, column_stride;
};

namespace detail {

inline constexpr std::size_t tile_rows = 12;  // 24 accumulators of 32 registers
inline constexpr std::size_t panel_columns = 2 * lanes;
inline constexpr std::size_t panel_depth = 256;  // 256 × 32 floats: 32 KiB
inline constexpr std::size_t block_rows = 480;   // rows of the left operand that stay in the second cache

#if TENON_PACK_BYTES > 4
/// Transposes a block of lanes × lanes elements held in packs, by log₂ lanes rounds of exchanges.
template <std::size_t Half>
TENON_ALWAYS_INLINE void exchange(pack<float>* v) {
  for (std::size_t i = 0; i < lanes; ++i) {
    if ((i & Half) != 0) continue;
    auto const a = v[i], b = v[i + Half];
    [&]<std::size_t... L>(std::index_sequence<L...>) {
      constexpr auto low = [](std::size_t l) {
        return static_cast<int>((l & Half) == 0 ? l : lanes + (l ^ Half));
      };
      constexpr auto high = [](std::size_t l) {
        return static_cast<int>((l & Half) == 0 ? l ^ Half : lanes + l);
      };
      v[i] = __builtin_shufflevector(a, b, low(L)...);
      v[i + Half] = __builtin_shufflevector(a, b, high(L)...);
    }
    (std::make_index_sequence<lanes>{});
  }
}
template <std::size_t Half = lanes / 2>
TENON_ALWAYS_INLINE void transpose(pack<float>* v) {
  exchange<Half>(v);
  if constexpr (Half > 1) transpose<Half / 2>(v);
}
#endif

/// Packs `depth` rows of `columns` (≤ panel_columns) columns of b, padded with zeros.
inline void pack_panel(strided_matrix<float> b, std::size_t depth, std::size_t columns, float* panel) {
  if (b.column_stride == 1) {
    for (std::size_t k = 0; k < depth; ++k) {
      float const* const row = b.data + k * b.row_stride;
      if (columns == panel_columns) {
        store(panel + k * panel_columns, load(row));
        store(panel + k * panel_columns + lanes, load(row + lanes));
      } else {
        std::size_t const first = std::min(columns, lanes);
        store(panel + k * panel_columns, load_partial(row, first));
        store(panel + k * panel_columns + lanes,
              columns > lanes ? load_partial(row + lanes, columns - lanes) : pack<float>{});
      }
    }
    return;
  }
  std::size_t k = 0;
#if TENON_PACK_BYTES > 4
  for (; k + lanes <= depth; k += lanes)
    for (std::size_t half = 0; half < 2; ++half) {
      pack<float> block[lanes];
      for (std::size_t j = 0; j < lanes; ++j) {
        std::size_t const column = half * lanes + j;
        block[j] = column < columns ? load(b.data + column * b.column_stride + k) : pack<float>{};
      }
      transpose(block);
      for (std::size_t i = 0; i < lanes; ++i) store(panel + (k + i) * panel_columns + half * lanes, block[i]);
    }
#endif
  for (; k < depth; ++k)
    for (std::size_t j = 0; j < panel_columns; ++j)
      panel[k * panel_columns + j] = j < columns ? b.data[k * b.row_stride + j * b.column_stride] : 0.0F;
}

/// c (Rows × columns) (+)= a (Rows × depth) · panel.
template <std::size_t Rows>
inline void multiply_tile(strided_matrix<float> a, float const* panel, std::size_t depth, float* c,
                          std::size_t leading, std::size_t columns, bool add) {
  pack<float> sum0[Rows]{}, sum1[Rows]{};
  for (std::size_t k = 0; k < depth; ++k) {
    auto const b0 = load(panel), b1 = load(panel + lanes);
    panel += panel_columns;
    float const* const column = a.data + k * a.column_stride;
#pragma GCC unroll 12
    for (std::size_t i = 0; i < Rows; ++i) {
      auto const x = broadcast<float>(column[i * a.row_stride]);
      sum0[i] += x * b0;
      sum1[i] += x * b1;
    }
  }
  if (columns == panel_columns) {
    for (std::size_t i = 0; i < Rows; ++i) {
      float* const row = c + i * leading;
      store(row, add ? load(row) + sum0[i] : sum0[i]);
      store(row + lanes, add ? load(row + lanes) + sum1[i] : sum1[i]);
    }
  } else {
    std::size_t const first = std::min(columns, lanes), second = columns - first;
    for (std::size_t i = 0; i < Rows; ++i) {
      float* const row = c + i * leading;
      store_partial(row, add ? load_partial(row, first) + sum0[i] : sum0[i], first);
      if (second > 0)
        store_partial(row + lanes, add ? load_partial(row + lanes, second) + sum1[i] : sum1[i], second);
    }
  }
}

}  // namespace detail

/// c (m × n, rows `leading` apart) (+)= a (m × k) · b (k × n). Runs on this thread; takes 32 KiB of stack.
TENON_SHARED_FUNCTION inline void multiply(std::size_t m, std::size_t n, std::size_t k,
                                           strided_matrix<float> a, strided_matrix<float> b, bool add,
                                           float* c, std::size_t leading) {
  using namespace detail;
  alignas(64) float panel[panel_depth * panel_columns];
  for (std::size_t k0 = 0; k0 < k; k0 += panel_depth) {
    std::size_t const depth = std::min(panel_depth, k - k0);
    bool const adds = add || k0 > 0;
    for (std::size_t i0 = 0; i0 < m; i0 += block_rows) {
      std::size_t const end = std::min(m, i0 + block_rows);
      for (std::size_t j = 0; j < n; j += panel_columns) {
        std::size_t const columns = std::min(panel_columns, n - j);
        pack_panel({b.data + k0 * b.row_stride + j * b.column_stride, b.row_stride, b.column_stride}, depth,
                   columns, panel);
        std::size_t i = i0;
        auto const rows = [&]<std::size_t Rows>(std::integral_constant<std::size_t, Rows>) {
          for (; i + Rows <= end; i += Rows)
            multiply_tile<Rows>(
                {a.data + i * a.row_stride + k0 * a.column_stride, a.row_stride, a.column_stride}, panel,
                depth, c + i * leading + j, leading, columns, adds);
        };
        rows(std::integral_constant<std::size_t, tile_rows>{});
        rows(std::integral_constant<std::size_t, 8>{});
        rows(std::integral_constant<std::size_t, 4>{});
        rows(std::integral_constant<std::size_t, 1>{});
      }
    }
  }
}

}  // namespace tenon::cpu
