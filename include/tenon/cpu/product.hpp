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
#include <type_traits>

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
/// Blocks of Half lanes of two packs exchanged: a's even blocks beside b's even ones (Odd: the odd ones),
/// each where its own pack has that half of a pair.
template <std::size_t Half, bool Odd>
TENON_ALWAYS_INLINE pack<float> paired(pack<float> const& a, pack<float> const& b) {
  return [&]<std::size_t... L>(std::index_sequence<L...>) {
    constexpr auto from = [](std::size_t l) {
      std::size_t const pair = l & ~Half;
      return static_cast<int>(pair + (Odd ? Half : 0) + ((l & Half) == 0 ? 0 : lanes));
    };
    return __builtin_shufflevector(a, b, from(L)...);
  }
  (std::make_index_sequence<lanes>{});
}
/// Transposes a block of lanes × lanes elements held in packs, by log₂ lanes rounds of exchanges.
template <std::size_t Half>
TENON_ALWAYS_INLINE void exchange(pack<float>* v) {
  for (std::size_t i = 0; i < lanes; ++i) {
    if ((i & Half) != 0) continue;
    auto const a = v[i], b = v[i + Half];
    v[i] = paired<Half, false>(a, b);
    v[i + Half] = paired<Half, true>(a, b);
  }
}
template <std::size_t Half = lanes / 2>
TENON_ALWAYS_INLINE void transpose(pack<float>* v) {
  exchange<Half>(v);
  if constexpr (Half > 1) transpose<Half / 2>(v);
}
#endif

/// Packs `depth` rows of `columns` (≤ panel_columns) columns of b, padded with zeros.
template <class T>
inline void pack_panel(strided_matrix<T> b, std::size_t depth, std::size_t columns, T* panel) {
  if (b.column_stride == 1) {
    for (std::size_t k = 0; k < depth; ++k) {
      T const* const row = b.data + k * b.row_stride;
      if (columns == panel_columns) {
        store(panel + k * panel_columns, load(row));
        store(panel + k * panel_columns + lanes, load(row + lanes));
      } else {
        std::size_t const first = std::min(columns, lanes);
        store(panel + k * panel_columns, load_partial(row, first));
        store(panel + k * panel_columns + lanes,
              columns > lanes ? load_partial(row + lanes, columns - lanes) : pack<T>{});
      }
    }
    return;
  }
  std::size_t k = 0;
#if TENON_PACK_BYTES > 4
  if constexpr (std::is_same_v<T, float>)
    for (; k + lanes <= depth; k += lanes)
      for (std::size_t half = 0; half < 2; ++half) {
        pack<float> block[lanes];
        for (std::size_t j = 0; j < lanes; ++j) {
          std::size_t const column = half * lanes + j;
          block[j] = column < columns ? load(b.data + column * b.column_stride + k) : pack<float>{};
        }
        transpose(block);
        for (std::size_t i = 0; i < lanes; ++i)
          store(panel + (k + i) * panel_columns + half * lanes, block[i]);
      }
#endif
  for (; k < depth; ++k)
    for (std::size_t j = 0; j < panel_columns; ++j)
      panel[k * panel_columns + j] = j < columns ? b.data[k * b.row_stride + j * b.column_stride] : T{0};
}

/// A row of a panel: two packs. A panel of bf16 holds a row's elements l and lanes + l in one word, so that
/// one load brings all of them.
template <class T>
struct panel_row {
  pack<T> first, second;
};
template <class T>
TENON_ALWAYS_INLINE panel_row<T> load_row(T const* panel) {
  return {load(panel), load(panel + lanes)};
}
TENON_ALWAYS_INLINE panel_row<float> load_row(bf16 const* panel) {
  auto words = load(reinterpret_cast<std::uint32_t const*>(panel));
#if TENON_PACK_X86
  asm("" : "+v"(words));  // once into a register: as an operand of both operations it would be loaded twice
#endif
  return {bit_cast<float>(words << 16), bit_cast<float>(words & 0xffff0000U)};
}

/// Rows of a panel that are fetched ahead where each is used once: then memory sets the pace, and processors
/// fetch ahead within a page only.
inline constexpr std::size_t rows_ahead = 16;

/// c (Rows × columns) (+)= a (Rows × depth) · panel. A single row is summed in four parts, for one sum would
/// have each multiplication wait for the one before.
template <std::size_t Rows, class T, class W>
inline void multiply_tile(strided_matrix<T> a, W const* panel, std::size_t depth, T* c, std::size_t leading,
                          std::size_t columns, bool add) {
  constexpr std::size_t parts = Rows == 1 ? 4 : 1;
  pack<T> sum0[parts * Rows]{}, sum1[parts * Rows]{};
  auto const step = [&](std::size_t part, T const* column) {
    auto const loaded = load_row(panel);
    if constexpr (Rows == 1)
      for (std::size_t line = 0; line < panel_columns * sizeof(W); line += 64)
        __builtin_prefetch(reinterpret_cast<char const*>(panel + rows_ahead * panel_columns) + line);
    panel += panel_columns;
#pragma GCC unroll 12
    for (std::size_t i = 0; i < Rows; ++i) {
      auto const factor = broadcast<T>(column[i * a.row_stride]);
      sum0[part * Rows + i] += factor * loaded.first;
      sum1[part * Rows + i] += factor * loaded.second;
    }
  };
  std::size_t k = 0;
  for (; k + parts <= depth; k += parts)
    for (std::size_t part = 0; part < parts; ++part) step(part, a.data + (k + part) * a.column_stride);
  for (; k < depth; ++k) step(0, a.data + k * a.column_stride);
  for (std::size_t part = 1; part < parts; ++part) {
    sum0[0] += sum0[part];
    sum1[0] += sum1[part];
  }
  if (columns == panel_columns) {
    for (std::size_t i = 0; i < Rows; ++i) {
      T* const row = c + i * leading;
      store(row, add ? load(row) + sum0[i] : sum0[i]);
      store(row + lanes, add ? load(row + lanes) + sum1[i] : sum1[i]);
    }
  } else {
    std::size_t const first = std::min(columns, lanes), second = columns - first;
    for (std::size_t i = 0; i < Rows; ++i) {
      T* const row = c + i * leading;
      store_partial(row, add ? load_partial(row, first) + sum0[i] : sum0[i], first);
      if (second > 0)
        store_partial(row + lanes, add ? load_partial(row + lanes, second) + sum1[i] : sum1[i], second);
    }
  }
}

/// c (rows × columns) (+)= a (rows × depth) · panel, in tiles.
template <class T, class W>
TENON_ALWAYS_INLINE void multiply_rows(std::size_t rows, strided_matrix<T> a, W const* panel,
                                       std::size_t depth, T* c, std::size_t leading, std::size_t columns,
                                       bool add) {
  std::size_t i = 0;
  auto const tiles = [&]<std::size_t Rows>(std::integral_constant<std::size_t, Rows>) {
    for (; i + Rows <= rows; i += Rows)
      multiply_tile<Rows, T>({a.data + i * a.row_stride, a.row_stride, a.column_stride}, panel, depth,
                             c + i * leading, leading, columns, add);
  };
  if constexpr (sizeof(T) == sizeof(float)) {  // wider accumulators are fewer
    tiles(std::integral_constant<std::size_t, tile_rows>{});
    tiles(std::integral_constant<std::size_t, 8>{});
  }
  tiles(std::integral_constant<std::size_t, 4>{});
  tiles(std::integral_constant<std::size_t, 1>{});
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

/// How many panels hold a matrix of n columns.
constexpr std::size_t panel_count(std::size_t n) {
  return (n + detail::panel_columns - 1) / detail::panel_columns;
}
/// Elements of a packed matrix of k rows and n columns.
constexpr std::size_t packed_size(std::size_t n, std::size_t k) {
  return k * panel_count(n) * detail::panel_columns;
}
/// A matrix packed beforehand by `pack_panels`, from column number first · panel_columns on. W: float or
/// bf16.
template <class W>
struct packed_panels {
  W const* data = nullptr;
  std::size_t first = 0, count = 0;
};

/// Packs panels [begin, end) of b (k × n) to where `packed_panels` finds them: for each block of panel_depth
/// rows all panels side by side. `packed` holds packed_size(n, k) elements in all.
template <class W>
TENON_SHARED_FUNCTION inline void pack_panels(std::size_t n, std::size_t k, strided_matrix<float> b,
                                              std::size_t begin, std::size_t end, W* packed) {
  using namespace detail;
  for (std::size_t k0 = 0; k0 < k; k0 += panel_depth) {
    std::size_t const depth = std::min(panel_depth, k - k0);
    for (std::size_t p = begin; p < end; ++p) {
      std::size_t const j = p * panel_columns;
      strided_matrix<float> const part{b.data + k0 * b.row_stride + j * b.column_stride, b.row_stride,
                                       b.column_stride};
      std::size_t const columns = std::min(panel_columns, n - j);
      W* const panel = packed + (k0 * panel_count(n) + p * depth) * panel_columns;
      if constexpr (std::is_same_v<W, float>) {
        pack_panel(part, depth, columns, panel);
      } else {
        alignas(64) float wide[panel_depth * panel_columns];
        pack_panel(part, depth, columns, wide);
        for (std::size_t i = 0; i < depth; ++i)
          for (std::size_t l = 0; l < lanes; ++l) {
            panel[i * panel_columns + 2 * l] = bf16(wide[i * panel_columns + l]);
            panel[i * panel_columns + 2 * l + 1] = bf16(wide[i * panel_columns + lanes + l]);
          }
      }
    }
  }
}

/// c (m × n, rows `leading` apart) (+)= a (m × k) · b (k × n). Runs on this thread; takes 32 KiB of stack, 64
/// for double.
template <class T>
TENON_SHARED_FUNCTION inline void multiply(std::size_t m, std::size_t n, std::size_t k, strided_matrix<T> a,
                                           strided_matrix<T> b, bool add, T* c, std::size_t leading) {
  using namespace detail;
  alignas(64) T panel[panel_depth * panel_columns];
  for (std::size_t k0 = 0; k0 < k; k0 += panel_depth) {
    std::size_t const depth = std::min(panel_depth, k - k0);
    for (std::size_t i = 0; i < m; i += block_rows)
      for (std::size_t j = 0; j < n; j += panel_columns) {
        std::size_t const columns = std::min(panel_columns, n - j);
        pack_panel<T>({b.data + k0 * b.row_stride + j * b.column_stride, b.row_stride, b.column_stride},
                      depth, columns, panel);
        multiply_rows<T>(std::min(block_rows, m - i),
                         {a.data + i * a.row_stride + k0 * a.column_stride, a.row_stride, a.column_stride},
                         panel, depth, c + i * leading + j, leading, columns, add || k0 > 0);
      }
  }
}

/// The same with b packed beforehand; n counts columns from the first packed panel on.
template <class W>
TENON_SHARED_FUNCTION inline void multiply(std::size_t m, std::size_t n, std::size_t k,
                                           strided_matrix<float> a, packed_panels<W> b, bool add, float* c,
                                           std::size_t leading) {
  using namespace detail;
  for (std::size_t k0 = 0; k0 < k; k0 += panel_depth) {
    std::size_t const depth = std::min(panel_depth, k - k0);
    for (std::size_t i = 0; i < m; i += block_rows)
      for (std::size_t j = 0; j < n; j += panel_columns)
        multiply_rows<float>(
            std::min(block_rows, m - i),
            {a.data + i * a.row_stride + k0 * a.column_stride, a.row_stride, a.column_stride},
            b.data + (k0 * b.count + (b.first + j / panel_columns) * depth) * panel_columns, depth,
            c + i * leading + j, leading, std::min(panel_columns, n - j), add || k0 > 0);
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
