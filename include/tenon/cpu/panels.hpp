// SPDX-License-Identifier: BSL-1.0
// The right operand of a matrix product, packed: panels of a few columns that are read from first to last.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "pack.hpp"

namespace tenon::cpu {

/// A matrix in memory: element (i, j) is data[i * rows + j * columns]; one of the two strides is 1.
template <class T>
struct strided_matrix {
  T const* data;
  std::size_t row_stride, column_stride;
};

/// An element of a packed matrix in two bytes: a whole number from −32767 to 32767. Those of a column share a
/// scale in each block of `panel_depth` rows, the largest being 32767: what is lost of an element is at most
/// 1/65534 of the largest, a hundredth of what bf16 loses.
///
/// Two rows share a word, the first in its lower half. The elements are read by int16_product.hpp alone.
struct scaled16 {
  std::int16_t half_word;
};

namespace detail {

inline constexpr std::size_t panel_columns = 2 * lanes;
inline constexpr std::size_t panel_depth = 256;  // 256 × 32 floats: 32 KiB

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

/// How many rows of a panel are stored together: elements of two bytes in pairs, a word for each column, the
/// first row below.
template <class W>
inline constexpr std::size_t rows_at_once = sizeof(W) == 2 ? 2 : 1;
/// How many rows of a panel its scales take.
template <class W>
inline constexpr std::size_t scale_rows = std::is_same_v<W, scaled16> ? sizeof(float) / sizeof(scaled16) : 0;
/// A block of `depth` rows takes as many rows of memory.
template <class W>
constexpr std::size_t stored_rows(std::size_t depth) {
  return scale_rows<W> + (depth + rows_at_once<W> - 1) / rows_at_once<W> * rows_at_once<W>;
}
/// Where panel number p of `count` begins in the block of `depth` rows from k0 on.
template <class W>
constexpr std::size_t panel_offset(std::size_t k0, std::size_t depth, std::size_t p, std::size_t count) {
  return (k0 / panel_depth * stored_rows<W>(panel_depth) * count + p * stored_rows<W>(depth)) * panel_columns;
}

/// A row of a panel: two packs.
template <class T>
struct panel_row {
  pack<T> first, second;
};
template <class T, std::size_t Count>
struct panel_rows {
  panel_row<T> row[Count];
};
template <class T>
TENON_ALWAYS_INLINE panel_rows<T, 1> load_rows(T const* panel) {
  return {{{load(panel), load(panel + lanes)}}};
}
/// A pack of words, each a pair of elements; loaded once, where as an operand of two operations it would be
/// twice.
TENON_ALWAYS_INLINE pack<std::uint32_t> load_pairs(void const* from) {
  auto words = load(static_cast<std::uint32_t const*>(from));
#if TENON_PACK_X86
  asm("" : "+v"(words));
#endif
  return words;
}
TENON_ALWAYS_INLINE panel_rows<float, 2> load_rows(bf16 const* panel) {
  auto const first = load_pairs(panel), second = load_pairs(panel + 2 * lanes);
  return {{{bit_cast<float>(first << 16), bit_cast<float>(second << 16)},
           {bit_cast<float>(first & 0xffff0000U), bit_cast<float>(second & 0xffff0000U)}}};
}

/// Stores `depth` rows of panel_columns floats as a panel of elements W.
inline void store_panel(float const* wide, std::size_t depth, bf16* panel) {
  for (std::size_t i = 0; i < stored_rows<bf16>(depth); ++i)
    for (std::size_t l = 0; l < panel_columns; ++l)
      panel[(i / 2 * panel_columns + l) * 2 + i % 2] = bf16(i < depth ? wide[i * panel_columns + l] : 0.0F);
}
/// A column that is not finite everywhere has a NaN for its scale; of one where all is tiny nothing is left.
inline void store_panel(float const* wide, std::size_t depth, scaled16* panel) {
  constexpr float most = 32767, word = 65536, tiny = 1e-25F;  // the scale must not lose bits
  for (std::size_t half = 0; half < panel_columns; half += lanes) {
    auto const row = [&](std::size_t i) { return load(wide + i * panel_columns + half); };
    pack<float> top{};
    for (std::size_t i = 0; i < depth; ++i) top = max_or_nan(top, abs(row(i)));
    auto const none = broadcast(0.0F);
    auto const is_finite = top <= broadcast(std::numeric_limits<float>::max());
    auto const is_known = is_finite & (top > broadcast(tiny));
    auto const inverse = select(is_known, most / top, none);
    auto const scale = select(is_finite, select(is_known, top / most, none),
                              broadcast(std::numeric_limits<float>::quiet_NaN()));
    std::memcpy(panel + 2 * half, &scale, sizeof scale);
    for (std::size_t i = 0; i < depth; i += 2) {
      auto const numbers = [&](std::size_t k) {
        return k < depth ? select(is_known, row(k) * inverse, none) : none;
      };
      auto const whole = [&](std::size_t k) { return convert<std::int32_t>(round(numbers(k))); };
      auto const words = whole(i + 1) * static_cast<int>(word) + (whole(i) & 0xffff);
      std::memcpy(panel + (scale_rows<scaled16> + i) * panel_columns + 2 * half, &words, sizeof words);
    }
  }
}

}  // namespace detail

/// How many panels hold a matrix of n columns.
constexpr std::size_t panel_count(std::size_t n) {
  return (n + detail::panel_columns - 1) / detail::panel_columns;
}
/// Elements of a packed matrix of k rows and n columns.
template <class W>
constexpr std::size_t packed_size(std::size_t n, std::size_t k) {
  std::size_t const rest = k % detail::panel_depth;
  return detail::panel_offset<W>(k, 0, 0, panel_count(n)) +
         (rest > 0 ? detail::stored_rows<W>(rest) * panel_count(n) * detail::panel_columns : 0);
}
/// A matrix packed beforehand by `pack_panels`, from column number first · panel_columns on. W: float,
/// bf16 or scaled16.
template <class W>
struct packed_panels {
  W const* data = nullptr;
  std::size_t first = 0, count = 0;
};

/// Packs panels [begin, end) of b (k × n) to where `packed_panels` finds them: for each block of panel_depth
/// rows all panels side by side. `packed` holds packed_size<W>(n, k) elements in all.
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
      W* const panel = packed + panel_offset<W>(k0, depth, p, panel_count(n));
      if constexpr (std::is_same_v<W, float>) {
        pack_panel(part, depth, columns, panel);
      } else {
        alignas(64) float wide[panel_depth * panel_columns];
        pack_panel(part, depth, columns, wide);
        store_panel(wide, depth, panel);
      }
    }
  }
}

}  // namespace tenon::cpu
