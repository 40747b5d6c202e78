// SPDX-License-Identifier: BSL-1.0
// A matrix kept in bytes, a fourth of what floats take: products with it are estimates, which are read from
// memory in a fourth of the time, and it is known how far off they may be.
//
// A column is a scale times whole numbers of −127 … 127. The rows that it is multiplied with are made of 14
// bits, two digits of seven: products and sums of whole numbers are exact, so that what an estimate lacks is
// what rounding took from the operands, and by Cauchy and Schwarz
//
//   |x · w − estimate| ≤ ‖x‖ · radius,  radius = ‖w − its bytes‖ + a little of ‖w‖ for the rest.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "panels.hpp"

namespace tenon::cpu {

#if TENON_BYTE_QUADS

/// Where nothing is larger, all is taken for zeros: the bounds allow for far more.
inline constexpr float least_in_bytes = 1e-30F;

/// Where the parts of a matrix of N columns of K elements are. Panels of a few packs of columns; in them rows
/// by fours: a word for each column, which holds its four bytes. Behind the panels the columns' numbers.
template <std::size_t N, std::size_t K>
struct byte_matrix {
  static constexpr std::size_t packs = 4, width = packs * lanes;  ///< of a panel, in packs and in columns
  static constexpr std::size_t quads = (K + 3) / 4, panels = (N + width - 1) / width;
  static constexpr std::size_t panel_bytes = quads * width * 4;
  static constexpr std::size_t columns = panels * width;
  static constexpr std::size_t bytes = panels * panel_bytes + 3 * columns * sizeof(float);

  std::byte* data;

  std::byte* panel(std::size_t p) const { return data + p * panel_bytes; }
  float* scales() const { return reinterpret_cast<float*>(data + panels * panel_bytes); }
  /// 64 times the sum of a column's numbers: what its products with the first digits have too much.
  std::int32_t* offsets() const { return reinterpret_cast<std::int32_t*>(scales() + columns); }
  float* radii() const { return scales() + 2 * columns; }

  /// Rounds columns of a matrix, whose elements are neighbours and which are `stride` apart, to the bytes of
  /// panels [begin, end): of the matrix that has been rounded to elements W.
  template <class W>
  void fill(float const* matrix, std::size_t stride, std::size_t begin, std::size_t end) const {
    std::memset(panel(begin), 0, (end - begin) * panel_bytes);
    for (std::size_t j = begin * width; j < end * width; ++j) {
      if (j < N) {
        fill_column<W>(matrix + j * stride, j);
      } else {
        scales()[j] = 0;
        offsets()[j] = 0;
        radii()[j] = 0;
      }
    }
  }

 private:
  static constexpr double sums = 0x1p-23 * (K + 16);  // lost in adding K products of float, here and in full

  template <class W>
  void fill_column(float const* w, std::size_t j) const {
    auto const elements = [w](std::size_t k) {
      auto const v = load_partial(w + k, std::min(lanes, K - k));
      if constexpr (std::is_same_v<W, bf16>)
        return rounded_to_bf16(v);
      else
        return v;
    };
    pack<float> most{};
    for (std::size_t k = 0; k < K; k += lanes) most = max_or_nan(most, abs(elements(k)));
    float const top = max_or_nan_of(most);
    bool const known = top <= std::numeric_limits<float>::max();
    float const scale = known && top > least_in_bytes ? top / 127 : 0, inverse = scale > 0 ? 127 / top : 0;
    pack<float> whole{}, lost{};
    std::int32_t total = 0;
    for (std::size_t k = 0; known && k < K; k += lanes) {
      std::size_t const n = std::min(lanes, K - k);
      auto const v = elements(k);
      auto const number = round(v * inverse);
      auto const difference = v - number * scale;
      whole += v * v;
      lost += difference * difference;
      auto const as_int = convert<std::int32_t>(number);
      total += sum(as_int);
      auto const small = convert<std::int8_t>(as_int);
      std::int8_t of_lane[lanes];
      std::memcpy(of_lane, &small, sizeof of_lane);
      for (std::size_t l = 0; l < n; l += 4)
        std::memcpy(panel(j / width) + ((k + l) / 4 * width + j % width) * 4, of_lane + l, 4);
    }
    scales()[j] = scale;
    offsets()[j] = 64 * total;
    double const length = std::sqrt(double{sum(whole)}), off = std::sqrt(double{sum(lost)});
    radii()[j] = known ? static_cast<float>((off + (length + off) * (row_loss + sums)) * 1.001 + 1e-17)
                       : std::numeric_limits<float>::quiet_NaN();
  }

  /// ‖x − its digits‖ / ‖x‖ at most: in each element half of what the last bit stands for, an 8191st of the
  /// largest, which is no larger than ‖x‖.
  static constexpr double row_loss = [] {
    std::size_t root = 1;
    while (root * root < K) ++root;
    return 0.51 / 8191 * static_cast<double>(root);
  }();
};

/// Rows of K elements in two digits each: x = scale · (128 · (first − 64) + second).
template <std::size_t M, std::size_t K>
struct byte_rows {
  static constexpr std::size_t quads = (K + 3) / 4;
  float scales[M]{};
  std::uint32_t digits[M][2][quads]{};

  byte_rows(float const* x, std::size_t stride) {
    for (std::size_t i = 0; i < M; ++i) fill(x + i * stride, i);
  }

 private:
  void fill(float const* x, std::size_t i) {
    pack<float> most{};
    for (std::size_t k = 0; k < K; k += lanes)
      most = max_or_nan(most, abs(load_partial(x + k, std::min(lanes, K - k))));
    float const top = max_or_nan_of(most);
    bool const known = top <= std::numeric_limits<float>::max() && top > least_in_bytes;
    scales[i] = known ? top / 8191 : 0;  // where it is not, the bound says nothing either
    float const inverse = known ? 8191 / top : 0;
    auto* const first = reinterpret_cast<std::byte*>(digits[i][0]);
    auto* const second = reinterpret_cast<std::byte*>(digits[i][1]);
    for (std::size_t k = 0; k < K; k += lanes) {
      std::size_t const n = std::min(lanes, K - k);
      auto const v = known ? load_partial(x + k, n) : pack<float>{};
      auto const number = convert<std::uint32_t>(convert<std::int32_t>(round(v * inverse)) + 8192);
      store_bytes(first + k, number >> 7, k);
      store_bytes(second + k, number & 127U, k);
    }
  }
  /// The lowest bytes of the lanes, as far as the row's words reach.
  static void store_bytes(std::byte* to, pack<std::uint32_t> const& v, std::size_t k) {
    auto const small = convert<std::uint8_t>(v);
    std::memcpy(to, &small, std::min(lanes, 4 * quads - k));
  }
};

namespace detail {

/// Estimates of Rows rows, from number `row` on, and of a panel's columns. Asks for Lines lines of the next
/// panel, from line `line` on, for each four rows of this one.
template <std::size_t Rows, std::size_t Lines, std::size_t M, std::size_t N, std::size_t K>
TENON_ALWAYS_INLINE void estimate_tile(byte_rows<M, K> const& x, std::size_t row,
                                       byte_matrix<N, K> const& matrix, std::size_t p, std::size_t line,
                                       float const* bias, float* out) {
  using bytes = byte_matrix<N, K>;
  constexpr std::size_t packs = bytes::packs;
  pack<std::int32_t> first[Rows * packs]{}, second[Rows * packs]{};
  auto const* from = reinterpret_cast<std::uint32_t const*>(matrix.panel(p));
  for (std::size_t q = 0; q < bytes::quads; ++q, from += bytes::width) {
    for (std::size_t i = 0; i < Lines; ++i)
      __builtin_prefetch(from + bytes::quads * bytes::width + (line + i) * 16);
    pack<std::uint32_t> w[packs];
    for (std::size_t i = 0; i < packs; ++i) w[i] = load(from + i * lanes);
    for (std::size_t r = 0; r < Rows; ++r) {
      auto const high = broadcast(x.digits[row + r][0][q]), low = broadcast(x.digits[row + r][1][q]);
      for (std::size_t i = 0; i < packs; ++i) {
        add_products_of_quads(first[r * packs + i], high, w[i]);
        add_products_of_quads(second[r * packs + i], low, w[i]);
      }
    }
  }
  for (std::size_t i = 0; i < packs; ++i) {
    std::size_t const j = p * bytes::width + i * lanes;
    if (j >= N) return;
    std::size_t const n = std::min(lanes, N - j);
    auto const offset = load(matrix.offsets() + j);
    auto const scale = load(matrix.scales() + j);
    auto const more = bias == nullptr ? pack<float>{} : load_partial(bias + j, n);
    for (std::size_t r = 0; r < Rows; ++r) {
      auto const sum =
          convert<float>(first[r * packs + i] - offset) * 128.0F + convert<float>(second[r * packs + i]);
      store_partial(out + (row + r) * N + j, sum * (scale * x.scales[row + r]) + more, n);
    }
  }
}

}  // namespace detail

/// Estimates of x · matrix (+ bias) for the columns of panels [begin, end); rows of `out` are N apart.
template <std::size_t M, std::size_t N, std::size_t K>
void estimate_products(byte_rows<M, K> const& x, byte_matrix<N, K> const& matrix, float const* bias,
                       std::size_t begin, std::size_t end, float* out) {
  constexpr std::size_t at_once = TENON_PACK_BYTES == 64 ? 2 : 1;  // as many sums as there are registers for
  // What is read next from afar is asked for by all tiles of a panel, so that none waits for memory alone.
  constexpr std::size_t tiles = (M + at_once - 1) / at_once, of_quad = byte_matrix<N, K>::width * 4 / 64;
  constexpr std::size_t lines = (of_quad + tiles - 1) / tiles;
  for (std::size_t p = begin; p < end; ++p) {
    std::size_t row = 0, line = 0;
    for (; row + at_once <= M; row += at_once, line += lines)
      detail::estimate_tile<at_once, lines>(x, row, matrix, p, line, bias, out);
    for (; row < M; ++row) detail::estimate_tile<1, lines>(x, row, matrix, p, line, bias, out);
  }
}

#endif

}  // namespace tenon::cpu
