// SPDX-License-Identifier: BSL-1.0
// The largest element of x · W + b for a single row x and a large W that is frozen (the most likely word of a
// vocabulary), without reading all of W: the products with W rounded to bf16, half the bytes, are computed
// first, and then in full those that may be the largest, by bounds on what the rounding can do:
//
//   |x · w − x · round(w)| ≤ ‖x‖ · ‖w − round(w)‖   (Cauchy and Schwarz)
//
// The result is that of the products in full, to the bit.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "record.hpp"

namespace tenon {

namespace cpu {

/// The bound's factor for each column of a matrix (K × N, the K elements of a column being neighbours), that
/// of ‖x‖: what rounding to bf16 loses of it, and what is lost in summing K products of float twice, in full
/// and rounded. Operands: radii, matrix.
template <std::size_t N, std::size_t K, std::size_t RN>
struct rounding_radius_kernel {
  static constexpr std::size_t chunks = chunks_for(N * K, 2, N);
  static constexpr reach touched(std::size_t k) {
    return k == 0 ? reach_of<1>({N}, {1}, 0, chunks, sizeof(float))
                  : reach_of<2>({N, K}, {RN, 1}, 0, chunks, sizeof(float));
  }
  static void run(call_arguments const& a, std::size_t chunk) {
    constexpr double sums = 0x1p-23 * (K + 16), enough = 1.001, least = 1e-17;
    auto const columns = part_of(N, chunks, chunk);
    for (std::size_t j = columns.begin; j < columns.end; ++j) {
      float const* const w = a.in<float>(1) + j * RN;
      pack<float> whole{}, lost{};
      for (std::size_t k = 0; k < K; k += lanes) {
        auto const v = load_partial(w + k, std::min(lanes, K - k));
        bf16 rounded[lanes];
        store(rounded, v);
        auto const difference = v - load(rounded);
        whole += v * v;
        lost += difference * difference;
      }
      a.out<float>(0)[j] = static_cast<float>(
          (std::sqrt(double{sum(lost)}) + std::sqrt(double{sum(whole)}) * sums) * enough + least);
    }
  }
};

/// Operands: position; x · round(W) + b, the radii, x, W, and where there is one b; how many columns are in
/// use, if integers[0] says that they are limited.
template <std::size_t N, std::size_t K, std::size_t RN, bool Biased>
struct largest_column_kernel {
  static constexpr reach touched(std::size_t k) {
    constexpr std::size_t limit = Biased ? 6 : 5;
    return k == 0 || k == limit ? reach{0, sizeof(std::int32_t), 0, 0}
           : k == 3             ? reach_of<1>({K}, {1}, 0, 1, sizeof(float))
           : k == 4             ? reach_of<2>({N, K}, {RN, 1}, 0, 1, sizeof(float))
                                : reach_of<1>({N}, {1}, 0, 1, sizeof(float));
  }

  static void run(call_arguments const& a, std::size_t) {
    float const *const rounded = a.in<float>(1), *const radii = a.in<float>(2), *const x = a.in<float>(3),
                       *const matrix = a.in<float>(4), *const bias = Biased ? a.in<float>(5) : nullptr;
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
        auto const v = load_partial(rounded + i, n);
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
        if (rounded[i] + (radii[i] * length + std::abs(rounded[i]) * rounding) < bound) continue;
        float const full = in_full(x, matrix + i * RN, Biased ? bias + i : nullptr);
        if (i > 0 && !(full > highest)) continue;
        best = i;
        highest = full;
      }
    }
    *a.out<std::int32_t>(0) = static_cast<std::int32_t>(best);
  }

 private:
  static constexpr std::size_t block = 8 * lanes;
  static constexpr float rounding = 0x1p-21F;  // of the sum with the bias, in full and rounded, and of bounds

  /// ‖x‖, rather too much than too little.
  static float norm(float const* x) {
    pack<float> squares{};
    for (std::size_t k = 0; k < K; k += lanes) {
      auto const v = load_partial(x + k, std::min(lanes, K - k));
      squares += v * v;
    }
    return std::sqrt(sum(squares)) * 1.001F + 1e-17F;
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
        for (std::size_t part = 0; part < parts; ++part) sums[part] += x[k + part] * column[k + part];
      for (std::size_t k = even; k < depth; ++k) sums[0] += x[k] * column[k];
      for (std::size_t part = 1; part < parts; ++part) sums[0] += sums[part];
      result = k0 == 0 && bias == nullptr ? sums[0] : result + sums[0];
    }
    return result;
  }
};

}  // namespace cpu

namespace detail {

/// Finding the largest element of x · W, or of that and a bias, which was recorded as the call before.
template <class X, class Y, class O, bool Biased>
struct largest_of_product {
  using product = contraction_of<X, Y, O>;
  static constexpr auto plan = product::plan;
  static constexpr std::size_t columns = plan.n.extent, depth = plan.k.extent;
  /// Worth it where the matrix is read from afar; a mebibyte is what a second cache holds.
  static constexpr bool pays = product::kernel_type::packable && !plan.swapped && plan.m.extent == 1 &&
                               plan.k.left == 1 && plan.k.right == 1 && plan.n.out == 1 &&
                               columns * depth >= (std::size_t{1} << 18);

  using product_kernel = typename product::kernel_type;
  using radius = cpu::rounding_radius_kernel<columns, depth, plan.n.right>;
  using search = cpu::largest_column_kernel<columns, depth, plan.n.right, Biased>;

  /// Records how `out` comes of what call number `index` multiplies; false: it does not.
  TENON_RECORDING static constexpr bool record(recording& r, std::size_t index, location out, location used) {
    auto const x = r.operand_of(index, 1), matrix = r.operand_of(index, 2);
    bool const frozen = r.weights_are_frozen() && r.frozen_type() == element_type::float32 &&
                        r.at(r.root(matrix).storage).kind == storage::kind_t::parameter;
    if (!frozen) return false;
    location const bias = Biased ? r.operand_of(index - 1, 1) : location{};
    auto const packed = product::template packed<bf16>(r, matrix);
    auto const radii = radii_of(r, matrix);

    auto const rounded = r.add_value<float, shape<vocab<columns>>>(storage::kind_t::temporary, "rounded");
    if (Biased) r.repeat(index - 1, rounded);
    auto spec = product::spec("rounded product");
    spec.integers[3] = static_cast<std::int64_t>(cpu::packed_as::bf16s);
    r.begin(spec);
    r.result(rounded, columns * sizeof(float), Biased);
    r.operand(x, depth * sizeof(float));
    r.operand(matrix, 0);
    r.operand(packed, product::template pack_type<bf16>::bytes);
    r.end();

    call_spec look;
    look.name = "argmax of product";
    look.computed_by<search>();
    look.flops = std::uint64_t{8} * columns;
    look.integers[0] = used.exists() ? 1 : 0;
    r.begin(look);
    r.result(out, sizeof(std::int32_t));
    r.operand(rounded, columns * sizeof(float));
    r.operand(radii, columns * sizeof(float));
    r.operand(x, depth * sizeof(float));
    r.operand(matrix, depth * sizeof(float));  // most often a single column
    if (Biased) r.operand(bias, sizeof(float));
    if (used.exists()) r.operand(used, sizeof(std::int32_t));
    r.end();
    return true;
  }

 private:
  static constexpr location radii_of(recording& r, location matrix) {
    auto& shared = r.shared(&radius::run, {matrix});
    if (!shared.value.exists()) {
      auto const where = r.add_value<float, shape<vocab<columns>>>(storage::kind_t::temporary, "radii");
      shared.value = where;
      call_spec spec;
      spec.name = "rounding radii";
      spec.computed_by<radius>();
      spec.flops = std::uint64_t{5} * columns * depth;
      r.begin(spec);
      r.result(where, columns * sizeof(float));
      r.operand(matrix, columns * depth * sizeof(float));
      r.end();
    }
    return shared.value;
  }
};

/// Tells argmax of the product recorded last how to find its largest element, where there is a faster way. A
/// bias must be a number for each column. Of a GPU nothing is known here.
template <class X, class Y, class O, class Recorder, class Bias>
constexpr void offer_largest([[maybe_unused]] Recorder& r, Bias const&) {
#if !TENON_CUDA
  constexpr bool biased = !std::is_same_v<Bias, nothing>;
  if constexpr (!keeps_derivatives<Recorder>) {
    using way = largest_of_product<X, Y, O, biased>;
    if constexpr (way::pays) {
      if constexpr (!biased)
        r.offer_largest(&way::record);
      else if constexpr (stored<Bias>)
        if constexpr (std::is_same_v<element_of<Bias>, float> && shape_of<Bias>::size == way::columns &&
                      shape_of<Bias>::rank == 1 &&
                      std::is_same_v<typename Bias::layout, row_major<shape_of<Bias>>>)
          r.offer_largest(&way::record);
    }
  }
#endif
}

}  // namespace detail
}  // namespace tenon
