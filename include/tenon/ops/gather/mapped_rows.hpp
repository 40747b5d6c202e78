// SPDX-License-Identifier: BSL-1.0
// linear(gather(table, ids), w) of a large table and frozen weights: of the first rows the products are kept,
// of the others they are computed when they are asked for. Where a vocabulary is sorted by use, as those of
// sub-words are, the first rows are asked for most.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "../contract/contract.hpp"
#include "../rows.hpp"

namespace tenon {

namespace cpu {

/// out row i (N elements) = row ids[i] of a table (Rows × K) · w + b, of which row ids[i] of `mapped` is kept
/// if it is one of its First rows. Operands: out, ids, mapped, table, w packed as elements W, and b if Biased.
/// Chunks are columns.
template <class W, std::size_t First, std::size_t Rows, std::size_t N, std::size_t K, class Walk, bool Biased>
struct mapped_rows_kernel {
  static constexpr std::size_t piece = 8 * detail::panel_columns, chunks = (N + piece - 1) / piece;

  static constexpr reach touched(std::size_t k) {
    return k == 0   ? reach_of<2>({Walk::count, N}, {N, 1}, 1, N % piece == 0 ? chunks : 1, sizeof(float))
           : k == 1 ? Walk::touched(1, 1, 1, sizeof(std::int32_t))
           : k == 2 ? reach_of<1>({First * N}, {1}, 0, 1, sizeof(float))
           : k == 3 ? reach_of<1>({Rows * K}, {1}, 0, 1, sizeof(float))
           : k == 4 ? reach_of<1>({packed_size<W>(N, K)}, {1}, 0, 1, sizeof(W))
                    : reach_of<1>({N}, {1}, 0, 1, sizeof(float));
  }

  static void run(call_arguments const& a, std::size_t chunk) {
    constexpr std::size_t at_once = 8;  // rows that read w together
    std::size_t const column = chunk * piece, columns = std::min(piece, N - column);
    packed_panels<W> const weight{a.in<W>(4), column / detail::panel_columns, panel_count(N)};
    float* const out = a.out<float>(0) + column;
    alignas(64) float rows[at_once * K];
    alignas(64) float products[at_once * piece];
    std::size_t asked_for[at_once], count = 0;
    auto const compute = [&] {
      multiply(count, columns, K, strided_matrix<float>{rows, K, 1}, weight, false, products, piece);
      for (std::size_t i = 0; i < count; ++i) {
        float* const to = out + asked_for[i] * N;
        float const* const from = products + i * piece;
        if constexpr (Biased)
          for (std::size_t j = 0; j < columns; ++j) to[j] = from[j] + a.in<float>(5)[column + j];
        else
          std::copy_n(from, columns, to);
      }
      count = 0;
    };
    for (std::size_t i = 0; i < Walk::count; ++i) {
      std::size_t const id = clamped_row(a.in<std::int32_t>(1)[Walk::offset(i)], Rows);
      if (id < First) {
        std::copy_n(a.in<float>(2) + id * N + column, columns, out + i * N);
      } else {
        std::copy_n(a.in<float>(3) + id * K, K, rows + count * K);
        asked_for[count] = i;
        if (++count == at_once) compute();
      }
    }
    if (count > 0) compute();
  }
};

}  // namespace cpu

namespace detail {

/// Up to how many rows a table of frozen weights is mapped: a thousand cost milliseconds, once.
inline constexpr std::size_t most_frozen_rows = 1024;

/// linear(x, w, b…) of a Table's rows x along its first axis, and the products with First, its first rows.
template <class Table, class First, class Out, class W, class... B>
struct mapped_rows {
  static constexpr std::size_t rows = axis_at<shape_of<Table>, 0>::extent;
  using in = typename incoming_axis<shape_of<W>>::type;
  using s = summed<in::extent>;
  using first_out = linear_t<First, W>;
  using product = contraction_of<
      contracted<float, typename replaced<shape_of<First>, in, s>::type, typename First::layout>,
      contracted<float, typename replaced<shape_of<W>, from<in>, s>::type, typename W::layout>,
      contracted<float, first_out, row_major<first_out>>>;
  static constexpr auto plan = product::plan;
  static constexpr std::size_t columns = plan.n.extent, depth = plan.k.extent;

  using columns_shape = typename drop<typename replaced<shape_of<W>, from<in>, s>::type, summed>::type;

  template <class X>
  static constexpr bool plain =
      std::is_same_v<element_of<X>, float>&& std::is_same_v<typename X::layout, row_major<shape_of<X>>>;
  static constexpr bool possible = product::kernel_type::packable && !plan.swapped &&
                                   plan.m.extent == most_frozen_rows && plan.k.left == 1 && plan.n.out == 1 &&
                                   plan.m.out == columns && depth <= 2048 && plain<Table> &&
                                   (... && (plain<B> && std::is_same_v<shape_of<B>, columns_shape>));

  /// Records out = the rows numbered by ids; `mapped`: those that are kept.
  template <class Ids, class Recorder>
  TENON_RECORDING static constexpr auto record(Recorder& r, location mapped, Table const& table,
                                               Ids const& ids, W const& w, B const&... b) {
    switch (r.frozen_type()) {
      case element_type::bfloat16:
        return record_as<bf16>(r, mapped, table, ids, w, b...);
      case element_type::int16:
        return record_as<cpu::scaled16>(r, mapped, table, ids, w, b...);
      default:
        return record_as<float>(r, mapped, table, ids, w, b...);
    }
  }

 private:
  template <class Packed, class Ids, class Recorder>
  static constexpr auto record_as(Recorder& r, location mapped, Table const& table, Ids const& ids,
                                  W const& w, B const&... b) {
    using walk = cpu::row_walk<strides_of_extents<shape_of<Ids>>, typename Ids::layout>;
    using kernel_type =
        cpu::mapped_rows_kernel<Packed, most_frozen_rows, rows, columns, depth, walk, sizeof...(B) == 1>;
    constexpr std::size_t count = shape_of<Ids>::size;
    auto const packed = product::template packed<Packed>(r, r.place(w));
    auto const out = r.template make<float, Out>();
    call_spec spec;
    spec.name = "mapped rows";
    spec.computed_by<kernel_type>();
    spec.flops = std::uint64_t{2} * count * columns * depth;  // at most: of the first rows none
    r.begin(spec);
    r.result(out.at, count * columns * sizeof(float));
    r.operand(r.place(ids), count * sizeof(std::int32_t));
    r.operand(mapped, count * columns * sizeof(float));
    r.operand(r.place(table), 0);  // of most words nothing
    r.operand(packed, 0);
    (r.operand(r.place(b), 0), ...);
    r.end();
    return out;
  }
};

}  // namespace detail
}  // namespace tenon
