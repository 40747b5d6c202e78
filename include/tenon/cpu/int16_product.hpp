// SPDX-License-Identifier: BSL-1.0
// Products with a matrix of 16-bit whole numbers (`scaled16`). The rows that it is multiplied with are rounded
// to whole numbers too, for processors multiply pairs of them by one instruction, and words of two weights need
// not be taken apart and converted. A single row keeps 18 bits, in two digits: its time is that of reading the
// matrix, and two instructions for a word are no more than there is time for. Several rows keep 15 bits, which
// take half the instructions of products of floats.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "row_product.hpp"

namespace tenon::cpu::detail {

/// Up to panel_depth floats as whole numbers times a scale.
class rounded_row {
 public:
  rounded_row(float const* x, std::size_t depth, int largest) : x_{x}, depth_{depth} {
    // Without their signs, floats are in the order of their bits, and what is not finite is behind all others.
    constexpr auto without_sign = std::numeric_limits<std::int32_t>::max();
    pack<std::int32_t> bits{};
    for (std::size_t k = 0; k < depth; k += lanes)
      bits = max(bits, bit_cast<std::int32_t>(elements(k)) & without_sign);
    float const top = bit_cast<float>(max_of(bits)), most = static_cast<float>(largest);
    bool const is_finite = top <= std::numeric_limits<float>::max();
    bool const is_known = is_finite && top > tiny;
    inverse_ = is_known ? most / top : 0;
    scale_ = is_known ? top * (1 / most) : is_finite ? 0 : std::numeric_limits<float>::quiet_NaN();
  }

  /// A NaN where an element is not finite.
  float scale() const { return scale_; }
  /// Those of the elements from number k on, zeros behind the last one.
  TENON_ALWAYS_INLINE pack<std::int32_t> numbers(std::size_t k) const {
    constexpr float rounder = 0x1.8p23F;  // adding it leaves the nearest whole number in the low bits
    return bit_cast<std::int32_t>(elements(k) * inverse_ + rounder) -
           __builtin_bit_cast(std::int32_t, rounder);
  }

 private:
  static constexpr float tiny = 1e-30F;  // where nothing is larger, all is taken for zeros

  TENON_ALWAYS_INLINE pack<float> elements(std::size_t k) const {
    return k + lanes <= depth_ ? load(x_ + k) : load_partial(x_ + k, depth_ - k);
  }

  float const* x_;
  std::size_t depth_;
  float scale_, inverse_;
};

/// Whole numbers of a row, in pairs.
struct row_of_pairs {
  alignas(64) std::uint32_t words[panel_depth / 2]{};

  TENON_ALWAYS_INLINE void put(std::size_t k, pack<std::int32_t> const& numbers) {
    auto const halves = convert<std::int16_t>(numbers);
    std::memcpy(reinterpret_cast<std::byte*>(words) + k * sizeof(std::int16_t), &halves, sizeof halves);
  }
};

/// The scales of a panel's columns, which stand in front of its rows.
struct column_scales {
  pack<float> first{}, second{};

  explicit column_scales(scaled16 const*& panel) {
    std::memcpy(&first, panel, sizeof first);
    std::memcpy(&second, panel + 2 * lanes, sizeof second);
    panel += scale_rows<scaled16> * panel_columns;
  }
};

/// A row in two digits, 512 · the first + the second, which are −256 … 256. A digit's products with a whole
/// block of 16-bit numbers add up to less than 2³¹, so that sums are exact.
inline void multiply_row_by_digits(std::size_t n, std::size_t k, float const* x, packed_panels<scaled16> b,
                                   bool add, float* c) {
  constexpr int base = 512, base_bits = 9, largest = (1 << 17) - 1;
  constexpr std::size_t parts = 2, pair_elements = 2 * panel_columns;
  constexpr std::size_t pairs_of_page = page_bytes / (pair_elements * sizeof(scaled16));
  static_assert(pairs_of_page % parts == 0);
  row_of_pairs digits[2];
  for (std::size_t k0 = 0; k0 < k; k0 += panel_depth) {
    std::size_t const depth = std::min(panel_depth, k - k0), pairs = (depth + 1) / 2;
    rounded_row const row(x + k0, depth, largest);
    for (std::size_t i = 0; i < depth; i += lanes) {
      auto const number = row.numbers(i), first = (number + base / 2) >> base_bits;
      digits[0].put(i, first);
      digits[1].put(i, number - first * base);
    }
    scaled16 const* panel = b.data + panel_offset<scaled16>(k0, depth, b.first, b.count);
    for (std::size_t j = 0; j < n; j += panel_columns) {
      // Of either digit, and of either pack of columns, in parts, so that no sum waits for the one before.
      pack<std::int32_t> sum[2][2][parts]{};
      column_scales const scales(panel);
      auto const step = [&](std::size_t part, std::size_t at) __attribute__((always_inline)) {
        auto const first = load_pairs(panel), second = load_pairs(panel + 2 * lanes);
        for (std::size_t digit = 0; digit < 2; ++digit) {
          auto const factor = broadcast<std::uint32_t>(digits[digit].words[at]);
          add_products_of_pairs(sum[digit][0][part], factor, first);
          add_products_of_pairs(sum[digit][1][part], factor, second);
        }
        panel += pair_elements;
      };
      std::size_t at = 0;
      while (at + parts <= pairs) {
        fetch_next_page(panel);
        for (std::size_t const end = std::min(pairs, at + pairs_of_page); at + parts <= end; at += parts) {
          fetch_lines<parts * pair_elements * sizeof(scaled16)>(panel);
          for (std::size_t part = 0; part < parts; ++part) step(part, at + part);
        }
      }
      if (at < pairs) step(0, at);
      auto const total = [&](std::size_t half) {
        auto const of_digit = [&](std::size_t digit) {
          return convert<float>(sum[digit][half][0] + sum[digit][half][1]);
        };
        return (of_digit(0) * static_cast<float>(base) + of_digit(1)) * row.scale();
      };
      auto first = total(0) * scales.first, second = total(1) * scales.second;
      store_tile<1>(&first, &second, c + j, 0, std::min(panel_columns, n - j), add || k0 > 0);
    }
  }
}

/// c (Rows × columns) (+)= rows of numbers, which stand for so many times `row_scales`, times a panel of
/// `depth` rows.
template <std::size_t Rows>
TENON_ALWAYS_INLINE void multiply_tile_of_pairs(row_of_pairs const* rows, float const* row_scales,
                                                scaled16 const* panel, std::size_t depth, float* c,
                                                std::size_t leading, std::size_t columns, bool add) {
  constexpr std::size_t at_once = 2;  // the products of so many pairs are less than 2³¹ in all
  column_scales const scales(panel);
  pack<float> sum0[Rows]{}, sum1[Rows]{};
  auto const step = [&]<std::size_t Count>(std::size_t at, std::integral_constant<std::size_t, Count>)
      __attribute__((always_inline)) {
    pack<std::uint32_t> first[Count], second[Count];
    for (std::size_t i = 0; i < Count; ++i, panel += 2 * panel_columns) {
      first[i] = load_pairs(panel);
      second[i] = load_pairs(panel + 2 * lanes);
    }
#pragma GCC unroll 12
    for (std::size_t r = 0; r < Rows; ++r) {
      auto const factor0 = broadcast<std::uint32_t>(rows[r].words[at]);
      auto whole0 = products_of_pairs(factor0, first[0]), whole1 = products_of_pairs(factor0, second[0]);
      for (std::size_t i = 1; i < Count; ++i) {
        auto const factor = broadcast<std::uint32_t>(rows[r].words[at + i]);
        add_products_of_pairs(whole0, factor, first[i]);
        add_products_of_pairs(whole1, factor, second[i]);
      }
      sum0[r] += convert<float>(whole0);
      sum1[r] += convert<float>(whole1);
    }
  };
  std::size_t const pairs = (depth + 1) / 2;
  std::size_t at = 0;
  for (; at + at_once <= pairs; at += at_once) step(at, std::integral_constant<std::size_t, at_once>{});
  if (at < pairs) step(at, std::integral_constant<std::size_t, 1>{});
  for (std::size_t r = 0; r < Rows; ++r) {
    sum0[r] = sum0[r] * row_scales[r] * scales.first;  // the scales' product might be too small for a float
    sum1[r] = sum1[r] * row_scales[r] * scales.second;
  }
  store_tile<Rows>(sum0, sum1, c, leading, columns, add);
}

/// Rows of a tile: sums, words and products are in 31 registers of AVX-512, and in 15 where there are 16.
inline constexpr std::size_t rows_of_pairs = TENON_PACK_BYTES == 64 ? tile_rows : 4;

/// c (m × n, rows `leading` apart) (+)= a (m × k) · b; the elements of a row of a are neighbours. Rows: m, if
/// the compiler knows it and it is at most rows_of_pairs; else 0. What is lost of an element of a is at most
/// 1/262142 of the largest in its row and block of panel_depth, and 1/32766 where m > 1.
template <std::size_t Rows>
TENON_SHARED_FUNCTION inline void multiply_whole_numbers(std::size_t m, std::size_t n, std::size_t k,
                                                         strided_matrix<float> a, packed_panels<scaled16> b,
                                                         bool add, float* c, std::size_t leading) {
  static_assert(Rows <= rows_of_pairs);
  if (Rows == 1 || m == 1) return multiply_row_by_digits(n, k, a.data, b, add, c);
  constexpr std::size_t at_once = Rows == 0 ? rows_of_pairs : Rows;
  constexpr int largest = 16383;
  row_of_pairs numbers[at_once];
  float scales[at_once];
  for (std::size_t k0 = 0; k0 < k; k0 += panel_depth) {
    std::size_t const depth = std::min(panel_depth, k - k0);
    for (std::size_t row = 0; row < m; row += at_once) {
      std::size_t const rows = std::min(at_once, m - row);
      for (std::size_t i = 0; i < rows; ++i) {
        rounded_row const rounded(a.data + (row + i) * a.row_stride + k0, depth, largest);
        for (std::size_t at = 0; at < depth; at += lanes) numbers[i].put(at, rounded.numbers(at));
        scales[i] = rounded.scale();
      }
      for (std::size_t j = 0; j < n; j += panel_columns) {
        auto const* const panel =
            b.data + panel_offset<scaled16>(k0, depth, b.first + j / panel_columns, b.count);
        auto const tile = [&]<std::size_t Count>(std::integral_constant<std::size_t, Count>, std::size_t i)
            __attribute__((always_inline)) {
          multiply_tile_of_pairs<Count>(numbers + i, scales + i, panel, depth, c + (row + i) * leading + j,
                                        leading, std::min(panel_columns, n - j), add || k0 > 0);
        };
        if constexpr (Rows == 0)
          for_each_tile<std::conditional_t<rows_of_pairs == tile_rows, float, double>>(rows, tile);
        else
          tile(std::integral_constant<std::size_t, Rows>{}, 0);
      }
    }
  }
}

}  // namespace tenon::cpu::detail
