// SPDX-License-Identifier: BSL-1.0
// The largest element of x · W + b for each of a few rows x and a large W that is frozen (the most likely word
// of a vocabulary), without reading all of W: what the products are is estimated from W in bytes first, and
// then those are computed in full that may be the largest, by the bounds of `byte_matrix`. The result is that
// of the products in full, to the bit.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "../../cpu/byte_matrix.hpp"
#include "record.hpp"

namespace tenon {

#if TENON_BYTE_QUADS
namespace cpu {

/// Rounds a matrix (K × N, the K elements of a column being neighbours; as elements W) to bytes. Operands:
/// bytes, matrix.
template <class W, std::size_t N, std::size_t K, std::size_t RN>
struct round_to_bytes_kernel {
  using matrix = byte_matrix<N, K>;
  static constexpr std::size_t chunks = std::bit_floor(
      std::clamp<std::size_t>(matrix::bytes >> 17, 1, std::min<std::size_t>(matrix::panels, 8)));
  static constexpr reach touched(std::size_t k) {
    return k == 0 ? reach_of<1>({matrix::bytes}, {1}, 0, 1, 1)
                  : reach_of<2>({N, K}, {RN, 1}, 0, 1, sizeof(float));
  }
  static void run(call_arguments const& a, std::size_t chunk) {
    matrix{a.out<std::byte>(0)}.template fill<W>(a.in<float>(1), RN, matrix::panels * chunk / chunks,
                                                 matrix::panels * (chunk + 1) / chunks);
  }
};

/// Estimates of the products of M rows, LM apart. Operands: estimates (M × N), x, W in bytes, if Biased b.
template <std::size_t M, std::size_t N, std::size_t K, std::size_t LM, bool Biased>
struct estimate_kernel {
  using matrix = byte_matrix<N, K>;
  static constexpr std::size_t chunks = std::bit_floor(
      std::clamp<std::size_t>(matrix::bytes >> 16, 1, std::min<std::size_t>(matrix::panels, 16)));
  static constexpr reach touched(std::size_t k) {
    constexpr bool even = matrix::panels % chunks == 0 && N % matrix::width == 0;
    return k == 0   ? reach_of<2>({M, N}, {N, 1}, 1, even ? chunks : 1, sizeof(float))
           : k == 1 ? reach_of<2>({M, K}, {LM, 1}, 0, 1, sizeof(float))
           : k == 2 ? reach_of<1>({matrix::bytes}, {1}, 0, 1, 1)
                    : reach_of<1>({N}, {1}, 0, 1, sizeof(float));
  }
  static void run(call_arguments const& a, std::size_t chunk) {
    estimate_products(byte_rows<M, K>(a.in<float>(1), LM), matrix{static_cast<std::byte*>(a.operands[2])},
                      Biased ? a.in<float>(3) : nullptr, matrix::panels * chunk / chunks,
                      matrix::panels * (chunk + 1) / chunks, a.out<float>(0));
  }
};

/// Operands: positions (M); estimates, x, the matrix, the matrix in bytes, and where there is one b; how many
/// columns are in use, if integers[0] says that they are limited.
template <class W, std::size_t M, std::size_t N, std::size_t K, std::size_t LM, std::size_t RN, bool Biased>
struct largest_column_kernel {
  static constexpr std::size_t chunks = M;
  static constexpr reach touched(std::size_t k) {
    constexpr std::size_t limit = Biased ? 6 : 5;
    return k == 0       ? reach_of<1>({M}, {1}, 0, M, sizeof(std::int32_t))
           : k == 1     ? reach_of<2>({M, N}, {N, 1}, 0, M, sizeof(float))
           : k == 2     ? reach_of<2>({M, K}, {LM, 1}, 0, M, sizeof(float))
           : k == 3     ? reach_of<2>({N, K}, {RN, 1}, 0, 1, sizeof(float))
           : k == 4     ? reach_of<1>({byte_matrix<N, K>::bytes}, {1}, 0, 1, 1)
           : k == limit ? reach{0, sizeof(std::int32_t), 0, 0}
                        : reach_of<1>({N}, {1}, 0, 1, sizeof(float));
  }

  static void run(call_arguments const& a, std::size_t row) {
    float const *const estimates = a.in<float>(1) + row * N, *const x = a.in<float>(2) + row * LM,
                       *const matrix = a.in<float>(3), *const bias = Biased ? a.in<float>(5) : nullptr,
                       *const radii = byte_matrix<N, K>{static_cast<std::byte*>(a.operands[4])}.radii();
    std::size_t const count = a.integers[0] == 0
                                  ? N
                                  : static_cast<std::size_t>(std::clamp<std::int32_t>(
                                        *a.in<std::int32_t>(Biased ? 6 : 5), 1, std::int32_t{N}));
    float const length = norm(x);

    // The largest lower bound of all, and the largest upper bound of each block.
    constexpr float nothing = -std::numeric_limits<float>::infinity();
    std::size_t const blocks = (count + block - 1) / block;
    float upper[(N + block - 1) / block];
    auto least = broadcast(nothing);
    for (std::size_t b = 0; b < blocks; ++b) {
      std::size_t const end = std::min((b + 1) * block, count);
      auto most = broadcast(nothing);
      for (std::size_t i = b * block; i < end; i += lanes) {
        std::size_t const n = std::min(lanes, end - i);
        auto const v = load_partial(estimates + i, n);
        auto const off = load_partial(radii + i, n) * length + abs(v) * rounding;
        auto const used = iota<std::int32_t>() < static_cast<std::int32_t>(n);
        auto const high = v + off, known = select(high == high, high, broadcast(-nothing));
        least = select(used, max(v - off, least), least);  // one that is not known bounds nothing
        most = select(used, max(known, most), most);
      }
      upper[b] = max_of(most);
    }
    float const bound = max_of(least);

    std::size_t best = 0;  // the first of those that are numbers, or the first of all
    float highest = nothing;
    for (std::size_t b = 0; b < blocks; ++b) {
      if (upper[b] < bound) continue;
      std::size_t const end = std::min((b + 1) * block, count);
      for (std::size_t i = b * block; i < end; ++i) {
        if (estimates[i] + (radii[i] * length + std::abs(estimates[i]) * rounding) < bound) continue;
        float const full = in_full(x, matrix + i * RN, Biased ? bias + i : nullptr);
        if (i > 0 && !(full > highest)) continue;
        best = i;
        highest = full;
      }
    }
    a.out<std::int32_t>(0)[row] = static_cast<std::int32_t>(best);
  }

 private:
  static constexpr std::size_t block = 8 * lanes;
  static constexpr float rounding =
      0x1p-21F;  // of the sum with the bias, in full and estimated, and of bounds

  /// ‖x‖, rather too much than too little.
  static float norm(float const* x) {
    pack<float> squares{};
    for (std::size_t k = 0; k < K; k += lanes) {
      auto const v = load_partial(x + k, std::min(lanes, K - k));
      squares += v * v;
    }
    return std::sqrt(sum(squares)) * 1.001F + 1e-17F;
  }

  static float element(float w) {
    if constexpr (std::is_same_v<W, bf16>)
      return rounded_to_bf16(w);
    else
      return w;
  }
  /// As multiply_row_by_panels sums it.
  static float in_full(float const* x, float const* w, float const* bias) {
    constexpr std::size_t parts = detail::sum_parts<1>;
    float result = bias == nullptr ? 0.0F : *bias;
    for (std::size_t k0 = 0; k0 < K; k0 += detail::panel_depth, x += detail::panel_depth) {
      float const* const column = w + k0;
      std::size_t const depth = std::min(detail::panel_depth, K - k0), even = depth / parts * parts;
      float sums[parts]{};
      for (std::size_t k = 0; k < even; k += parts)
        for (std::size_t part = 0; part < parts; ++part)
          sums[part] += x[k + part] * element(column[k + part]);
      for (std::size_t k = even; k < depth; ++k)  // rows that lie together go to parts of their own
        sums[(k - even) % detail::rows_at_once<W>] += x[k] * element(column[k]);
      for (std::size_t part = 1; part < parts; ++part) sums[0] += sums[part];
      result = k0 == 0 && bias == nullptr ? sums[0] : result + sums[0];
    }
    return result;
  }
};

}  // namespace cpu

namespace detail {

/// Finding the largest element in each row of X · W, or of that and a bias, which was recorded as the call
/// before.
template <class X, class Y, class O, bool Biased>
struct largest_of_product {
  using product = contraction_of<X, Y, O>;
  static constexpr auto plan = product::plan;
  static constexpr std::size_t rows = plan.m.extent, columns = plan.n.extent, depth = plan.k.extent;
  /// What the multiplications take of more rows is more than what reading all of W does.
  static constexpr std::size_t most_rows = TENON_PACK_BYTES == 64 ? 16 : 4;
  /// Worth it where the matrix is read from afar; a mebibyte is what a second cache holds.
  static constexpr bool pays = product::kernel_type::packable && !plan.swapped && rows <= most_rows &&
                               plan.k.left == 1 && plan.k.right == 1 && plan.n.out == 1 &&
                               (rows == 1 || plan.m.out == columns) && depth <= 2048 &&
                               columns * depth >= (std::size_t{1} << 18);

  static constexpr std::size_t stride = rows == 1 ? depth : plan.m.left;
  using in_bytes = cpu::byte_matrix<columns, depth>;
  template <class W>
  using round = cpu::round_to_bytes_kernel<W, columns, depth, plan.n.right>;
  using estimate = cpu::estimate_kernel<rows, columns, depth, stride, Biased>;
  template <class W>
  using search = cpu::largest_column_kernel<W, rows, columns, depth, stride, plan.n.right, Biased>;

  /// Records how `out` comes of what call number `index` multiplies; false: it does not.
  TENON_RECORDING static constexpr bool record(recording& r, std::size_t index, location out, location used) {
    bool const frozen = r.weights_are_frozen() &&
                        r.at(r.root(r.operand_of(index, 2)).storage).kind == storage::kind_t::parameter;
    if (!frozen) return false;
    // As the product itself takes its weight; instead of whole numbers what they stand for.
    if (product::kernel_type::few && r.frozen_type() == element_type::bfloat16)
      record_as<bf16>(r, index, out, used);
    else
      record_as<float>(r, index, out, used);
    return true;
  }

 private:
  template <class W>
  static constexpr void record_as(recording& r, std::size_t index, location out, location used) {
    auto const x = r.operand_of(index, 1), matrix = r.operand_of(index, 2);
    location const bias = Biased ? r.operand_of(index - 1, 1) : location{};
    auto const bytes = rounded<W>(r, matrix);

    auto const estimates =
        r.add_value<float, shape<batch<rows>, vocab<columns>>>(storage::kind_t::temporary, "estimates");
    call_spec guess;
    guess.name = "estimated product";
    guess.computed_by<estimate>();
    guess.flops = std::uint64_t{4} * rows * columns * depth;
    r.begin(guess);
    r.result(estimates, rows * columns * sizeof(float));
    r.operand(x, rows * depth * sizeof(float));
    r.operand(bytes, in_bytes::bytes);
    if (Biased) r.operand(bias, columns * sizeof(float));
    r.end();

    call_spec look;
    look.name = "argmax of product";
    look.computed_by<search<W>>();
    look.flops = std::uint64_t{8} * rows * columns;
    look.integers[0] = used.exists() ? 1 : 0;
    r.begin(look);
    r.result(out, rows * sizeof(std::int32_t));
    r.operand(estimates, rows * columns * sizeof(float));
    r.operand(x, rows * depth * sizeof(float));
    r.operand(matrix, rows * depth * sizeof(float));  // most often a single column for a row
    r.operand(bytes, columns * sizeof(float));
    if (Biased) r.operand(bias, sizeof(float));
    if (used.exists()) r.operand(used, sizeof(std::int32_t));
    r.end();
  }

  template <class W>
  static constexpr location rounded(recording& r, location matrix) {
    auto& shared = r.shared(&round<W>::run, {matrix});
    if (!shared.value.exists()) {
      storage memory;
      memory.name = "weight in bytes";
      memory.bytes = in_bytes::bytes;
      memory.element_bytes = 1;
      memory.rank = 1;
      memory.extents[0] = in_bytes::bytes;
      auto const where = shared.value = {r.add_storage(memory), 0};
      call_spec spec;
      spec.name = "round to bytes";
      spec.computed_by<round<W>>();
      spec.flops = std::uint64_t{5} * columns * depth;
      r.begin(spec);
      r.result(where, in_bytes::bytes);
      r.operand(matrix, columns * depth * sizeof(float));
      r.end();
      return where;
    }
    return shared.value;
  }
};

}  // namespace detail
#endif

namespace detail {

/// Tells argmax of the product recorded last how to find the largest element of its rows, where there is a
/// faster way. A bias must be a number for each column. Of a GPU nothing is known here.
template <class X, class Y, class O, class Recorder, class Bias>
constexpr void offer_largest([[maybe_unused]] Recorder& r, Bias const&) {
#if TENON_BYTE_QUADS && !TENON_CUDA
  constexpr bool biased = !std::is_same_v<Bias, nothing>;
  if constexpr (!keeps_derivatives<Recorder>) {
    using way = largest_of_product<X, Y, O, biased>;
    if constexpr (way::pays) {
      constexpr largest_element offer{&way::record, true, way::rows, way::columns};
      if constexpr (!biased)
        r.offer_largest(offer);
      else if constexpr (stored<Bias>)
        if constexpr (std::is_same_v<element_of<Bias>, float> && shape_of<Bias>::size == way::columns &&
                      shape_of<Bias>::rank == 1 &&
                      std::is_same_v<typename Bias::layout, row_major<shape_of<Bias>>>)
          r.offer_largest(offer);
    }
  }
#endif
}

}  // namespace detail
}  // namespace tenon
