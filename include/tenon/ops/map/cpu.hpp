// SPDX-License-Identifier: BSL-1.0
// Maps and reductions on the CPU: one vectorised loop nest for an expression.
#pragma once
#include <algorithm>
#include <cstddef>
#include <limits>

#include "loops.hpp"

namespace tenon::cpu {

// ---- maps

/// out = tree, for every element; operands: out, then the tree's leaves.
template <class Nest, class Out, class Tree>
struct map_kernel {
  using leaves = typename tenon::detail::all_loads<Tree>::type;
  using element = typename place<Out>::element;
  static constexpr std::size_t vector_extent = Nest::vector_extent;
  static constexpr bool by_rows = Nest::kept > 0;
  static constexpr std::size_t chunks =
      chunks_for(Nest::rows * vector_extent, tenon::detail::flops_of<Tree>,
                 by_rows ? Nest::rows : (vector_extent + lanes - 1) / lanes);

  static constexpr std::size_t cut = by_rows ? 0 : Nest::rank - 1;

  static constexpr reach touched(std::size_t k) {
    using all = typename tenon::detail::join_lists<tenon::detail::list<Out>, leaves>::type;
    return leaf_reach<Nest>(all{}, k, cut, chunks);
  }

  static void run(call_arguments const& given, std::size_t chunk) {
    own_arguments<1 + tenon::detail::list_size<leaves>> const a(given);
    bool const add = a.adds_to(0);
    if constexpr (by_rows) {
      auto const rows = part_of(Nest::rows, chunks, chunk);
      for (std::size_t row = rows.begin; row < rows.end; ++row) do_row(a, row, 0, vector_extent, add);
    } else {
      auto const blocks = part_of((vector_extent + lanes - 1) / lanes, chunks, chunk);
      do_row(a, 0, blocks.begin * lanes, std::min(blocks.end * lanes, vector_extent), add);
    }
  }

 private:
  TENON_ALWAYS_INLINE static void do_row(call_arguments const& a, std::size_t row, std::size_t begin,
                                         std::size_t end, bool add) {
    std::size_t coordinates[Nest::rank];
    decode<Nest, 0, Nest::kept>(row, coordinates);
    void const* base[32];
    set_rows<Nest>(leaves{}, a, coordinates, base);
    element* const out = a.template out<element>(0) + row_offset<Nest, Out, Nest::rank - 1>(coordinates);
    random_cache randoms;
    std::size_t i = begin;
    if constexpr (vector_extent >= lanes)
      for (; i + lanes <= end; i += lanes) at<true>(a, base, out, i, lanes, add, randoms);
    if constexpr (vector_extent % lanes != 0)
      if (i < end) at<false>(a, base, out, i, end - i, add, randoms);
  }
  template <bool Full>
  TENON_ALWAYS_INLINE static void at(call_arguments const& a, void const* const* base, element* out,
                                     std::size_t i, std::size_t count, bool add, random_cache& randoms) {
    constexpr std::size_t stride = place<Out>::layout::values[Nest::rank - 1];
    using to = tenon::detail::computed<element>;
    lane_environment<Full> const env{a, base, i, count, randoms};
    tenon::detail::point<Tree, to, lane_environment<Full>> const here{env};
    auto const v = tenon::detail::value_as<to, Tree, lane_environment<Full>>(here);
    put<Full, stride>(out + i * stride, v, count, add);
  }
};

// ---- reductions

template <class Kind>
struct combine {  // sum and mean
  template <class V>
  TENON_ALWAYS_INLINE static V start() {
    return V{};
  }
  template <class V>
  TENON_ALWAYS_INLINE static V join(V const& a, V const& b) {
    return a + b;
  }
  template <class V>
  TENON_ALWAYS_INLINE static auto across(V const& v) {
    return sum(v);
  }
};
template <>
struct combine<by_max> {
  template <class V>
  TENON_ALWAYS_INLINE static V start() {
    using limits = std::numeric_limits<element_of<V>>;
    return broadcast<element_of<V>>(limits::has_infinity ? -limits::infinity() : limits::lowest());
  }
  template <class V>
  TENON_ALWAYS_INLINE static V join(V const& a, V const& b) {
    return max_or_nan(a, b);
  }
  template <class V>
  TENON_ALWAYS_INLINE static auto across(V const& v) {
    return max_or_nan_of(v);
  }
};

/// out = tree reduced over the nest's reduced loops; operands: out, then the tree's leaves.
template <class Kind, class Nest, class Out, class Tree>
struct reduce_kernel {
  using leaves = typename tenon::detail::all_loads<Tree>::type;
  using element = typename place<Out>::element;
  using type = typename tenon::detail::tree_type<Tree>::type;
  using value = pack<type>;
  using how = combine<Kind>;
  static constexpr std::size_t vector_extent = Nest::vector_extent;
  static constexpr std::size_t count = Nest::reduced_rows * (Nest::vector_reduced ? vector_extent : 1);
  static constexpr std::size_t blocks = (vector_extent + lanes - 1) / lanes;
  static constexpr bool by_rows = Nest::kept > 0 || Nest::vector_reduced;
  static constexpr std::size_t chunks =
      chunks_for(Nest::rows * Nest::reduced_rows * vector_extent, tenon::detail::flops_of<Tree> + 1,
                 by_rows ? Nest::rows : blocks);

  static constexpr std::size_t cut = Nest::kept > 0 ? 0 : Nest::rank - 1;

  static constexpr reach touched(std::size_t k) {
    using all = typename tenon::detail::join_lists<tenon::detail::list<Out>, leaves>::type;
    return leaf_reach<Nest>(all{}, k, cut, chunks);
  }

  static void run(call_arguments const& given, std::size_t chunk) {
    own_arguments<1 + tenon::detail::list_size<leaves>> const a(given);
    bool const add = a.adds_to(0);
    if constexpr (by_rows) {
      auto const rows = part_of(Nest::rows, chunks, chunk);
      for (std::size_t row = rows.begin; row < rows.end; ++row) {
        if constexpr (Nest::vector_reduced)
          to_scalar(a, row, add);
        else
          to_vector(a, row, 0, vector_extent, add);
      }
    } else {
      auto const mine = part_of(blocks, chunks, chunk);
      to_vector(a, 0, mine.begin * lanes, std::min(mine.end * lanes, vector_extent), add);
    }
  }

 private:
  template <class T>
  TENON_ALWAYS_INLINE static T finish(T const& v) {
    if constexpr (std::is_same_v<Kind, by_mean>)
      return v * (type(1) / static_cast<type>(count));
    else
      return v;
  }

  template <bool Full>
  TENON_ALWAYS_INLINE static value at(call_arguments const& a, void const* const* base, std::size_t i,
                                      std::size_t n, random_cache& randoms) {
    lane_environment<Full> const env{a, base, i, n, randoms};
    tenon::detail::point<Tree, type, lane_environment<Full>> const here{env};
    return tenon::detail::value_as<type, Tree, lane_environment<Full>>(here);
  }

  TENON_ALWAYS_INLINE static void to_scalar(call_arguments const& a, std::size_t row, bool add) {
    std::size_t coordinates[Nest::rank];
    decode<Nest, 0, Nest::kept>(row, coordinates);
    value total = how::template start<value>();
    random_cache randoms;
    for (std::size_t r = 0; r < Nest::reduced_rows; ++r) {
      decode<Nest, Nest::kept, Nest::reduced>(r, coordinates);
      void const* base[32];
      set_rows<Nest>(leaves{}, a, coordinates, base);
      std::size_t i = 0;
      if constexpr (vector_extent >= lanes)
        for (; i + lanes <= vector_extent; i += lanes)
          total = how::join(total, at<true>(a, base, i, lanes, randoms));
      if constexpr (vector_extent % lanes != 0) {
        std::size_t const n = vector_extent - i;
        auto const used = iota<std::int32_t>() < static_cast<std::int32_t>(n);
        total =
            how::join(total, select(used, at<false>(a, base, i, n, randoms), how::template start<value>()));
      }
    }
    element* const out = a.template out<element>(0) + row_offset<Nest, Out, Nest::kept>(coordinates);
    type const result = finish(how::across(total));
    *out = static_cast<element>(add ? static_cast<type>(*out) + result : result);
  }

  TENON_ALWAYS_INLINE static void to_vector(call_arguments const& a, std::size_t row, std::size_t begin,
                                            std::size_t end, bool add) {
    std::size_t coordinates[Nest::rank];
    decode<Nest, 0, Nest::kept>(row, coordinates);
    std::size_t i = begin;
    if constexpr (vector_extent >= 4 * lanes)
      for (; i + 4 * lanes <= end; i += 4 * lanes) columns<true, 4>(a, coordinates, i, lanes, add);
    if constexpr (vector_extent >= lanes)
      for (; i + lanes <= end; i += lanes) columns<true, 1>(a, coordinates, i, lanes, add);
    if constexpr (vector_extent % lanes != 0)
      if (i < end) columns<false, 1>(a, coordinates, i, end - i, add);
  }

  // Width packs side by side: the reduced loops run over memory rows apart, and wider columns use more of
  // each cache line fetched.
  template <bool Full, std::size_t Width>
  TENON_ALWAYS_INLINE static void columns(call_arguments const& a, std::size_t* coordinates, std::size_t i,
                                          std::size_t n, bool add) {
    value total[Width];
    random_cache randoms;
    for (auto& t : total) t = how::template start<value>();
    for (std::size_t r = 0; r < Nest::reduced_rows; ++r) {
      decode<Nest, Nest::kept, Nest::reduced>(r, coordinates);
      void const* base[32];
      set_rows<Nest>(leaves{}, a, coordinates, base);
      for (std::size_t w = 0; w < Width; ++w)
        total[w] = how::join(total[w], at<Full>(a, base, i + w * lanes, n, randoms));
    }
    constexpr std::size_t stride = place<Out>::layout::values[Nest::rank - 1];
    element* const out = a.template out<element>(0) + row_offset<Nest, Out, Nest::kept>(coordinates);
    for (std::size_t w = 0; w < Width; ++w)
      put<Full, stride>(out + (i + w * lanes) * stride, finish(total[w]), n, add);
  }
};

}  // namespace tenon::cpu
