// SPDX-License-Identifier: BSL-1.0
// The gradients of maps and reductions on the CPU: one loop nest for the gradients of all leaves together.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "loops.hpp"

namespace tenon::cpu {

/// One pack of gradient per leaf, found by the leaf's operand number.
template <std::size_t I, class V>
struct gradient_slot {
  V value{};
};
template <class List>
struct gradient_pack;
template <std::size_t... I, class... T, class... L>
struct gradient_pack<tenon::detail::list<element_at<I, T, L>...>>
    : gradient_slot<I, pack<tenon::detail::computed<T>>>... {
  template <std::size_t J, class V>
  TENON_ALWAYS_INLINE void add(V const& g) {
    slot<J>(*this) += g;
  }
  template <std::size_t J, class V>
  TENON_ALWAYS_INLINE static V& slot(gradient_slot<J, V>& s) {
    return s.value;
  }
};

/// The gradients of all leaves of a tree in one loop; operands: one sink per leaf in `Sinks` (null: not
/// wanted), then the gradient G of the result, the result Y (by_max and by_result alone read it), and the
/// tree's leaves. Sink k belongs to leaf number `Leaves`[k]. A sink that lacks the loop's first axis gets one
/// part per chunk, to be summed by the caller, if there are several chunks.
template <class Kind, class Nest, std::size_t Chunks, class G, class Y, class Tree, class Leaves, class Sinks>
struct pull_kernel;

template <class Kind, class Nest, std::size_t Chunks, class G, class Y, class Tree, class... Leaf,
          class... Sink>
struct pull_kernel<Kind, Nest, Chunks, G, Y, Tree, tenon::detail::list<Leaf...>,
                   tenon::detail::list<Sink...>> {
  using loads = typename tenon::detail::all_loads<Tree>::type;
  using type = typename tenon::detail::tree_type<Tree>::type;
  using leaf_list = tenon::detail::list<Leaf...>;
  static constexpr std::size_t chunks = Chunks;
  static constexpr std::size_t sinks = sizeof...(Sink);
  static constexpr std::size_t outer = Nest::rank - 1;
  static constexpr std::size_t rows = Nest::rows * Nest::reduced_rows;
  static constexpr std::size_t vector_extent = Nest::vector_extent;
  static constexpr bool by_rows = outer > 0;

  static constexpr std::size_t cut = by_rows ? 0 : Nest::rank - 1;

  static constexpr reach touched(std::size_t k) {
    reach result{};
    ((result = place<Sink>::index == k ? sink_reach<Sink>() : result), ...);
    using read = typename tenon::detail::join_lists<tenon::detail::list<G, Y>, loads>::type;
    return k < sinks ? result : leaf_reach<Nest>(read{}, k, cut, Chunks);
  }

  static void run(call_arguments const& given, std::size_t chunk) {
    own_arguments<sinks + 2 + tenon::detail::list_size<loads>> const a(given);
    std::uint32_t wanted = 0;
    for (std::size_t k = 0; k < sinks; ++k)
      wanted |= static_cast<std::uint32_t>(a.operands[k] != nullptr) << k;
    if constexpr (by_rows) {
      auto const first = part_of(Nest::extents[0], Chunks, chunk);
      constexpr std::size_t inner_rows = rows / Nest::extents[0];
      for (std::size_t row = first.begin * inner_rows; row < first.end * inner_rows; ++row)
        do_row(a, wanted, row, first.begin, chunk, 0, vector_extent);
    } else {
      auto const blocks = part_of((vector_extent + lanes - 1) / lanes, Chunks, chunk);
      do_row(a, wanted, 0, 0, chunk, blocks.begin * lanes, std::min(blocks.end * lanes, vector_extent));
    }
  }

 private:
  /// A sink that lacks the loop that is cut has a part for each chunk, as long as what one of them touches.
  template <class S>
  static constexpr bool in_parts = Chunks > 1 && place<S>::layout::values[cut] == 0;
  template <class S>
  static constexpr std::size_t part = [] {
    std::size_t elements = 1;
    for (std::size_t d = 0; d < Nest::rank; ++d)
      elements += (Nest::extents[d] - 1) * place<S>::layout::values[d];
    return elements;
  }();
  template <class S>
  static constexpr reach sink_reach() {
    if constexpr (in_parts<S>)
      return reach_of<1>({Chunks * part<S>}, {1}, 0, Chunks, sizeof(typename place<S>::element));
    else
      return leaf_reach<Nest>(tenon::detail::list<S>{}, place<S>::index, cut, Chunks);
  }

  /// Where a row of each sink is; bit k: whether sink k is wanted, and whether to add to what is there.
  struct sink_rows {
    void* row[sinks];
    std::uint32_t wanted, added;
    TENON_ALWAYS_INLINE bool wants(std::size_t k) const { return ((wanted >> k) & 1U) != 0; }
    TENON_ALWAYS_INLINE bool adds(std::size_t k) const { return ((added >> k) & 1U) != 0; }
  };

  template <class S>
  TENON_ALWAYS_INLINE static void* sink_at(call_arguments const& a, std::size_t const* coordinates,
                                           std::size_t chunk) {
    std::size_t offset = row_offset<Nest, S, outer>(coordinates);
    if constexpr (in_parts<S>) offset += chunk * part<S>;
    // As a number: an unwanted sink is null, to which nothing may be added.
    return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(a.operands[place<S>::index]) +
                                   offset * sizeof(typename place<S>::element));
  }

  /// The sinks that lack loop d: each of its iterations but the first adds to what the one before has left.
  static constexpr std::uint32_t lacking(std::size_t d) {
    std::uint32_t bits = 0;
    ((bits |= static_cast<std::uint32_t>(place<Sink>::layout::values[d] == 0) << place<Sink>::index), ...);
    return bits;
  }

  TENON_ALWAYS_INLINE static void do_row(call_arguments const& a, std::uint32_t wanted, std::size_t row,
                                         std::size_t first, std::size_t chunk, std::size_t begin,
                                         std::size_t end) {
    std::size_t coordinates[Nest::rank];
    decode<Nest, 0, outer>(row, coordinates);
    void const* base[sinks + 2 + tenon::detail::list_size<loads>];
    set_rows<Nest>(loads{}, a, coordinates, base);
    set_rows<Nest>(tenon::detail::list<G, Y>{}, a, coordinates, base);
    sink_rows to{{sink_at<Sink>(a, coordinates, chunk)...}, wanted, a.accumulate};
    for (std::size_t d = 0; d < outer; ++d)
      if (coordinates[d] != (d == 0 ? first : 0)) to.added |= lacking(d);
    gradient_pack<leaf_list> totals;
    random_cache randoms;
    std::size_t i = begin;
    if constexpr (vector_extent >= lanes)
      for (; i + lanes <= end; i += lanes) at<true>(a, base, to, totals, i, lanes, randoms);
    if constexpr (vector_extent % lanes != 0)
      if (i < end) at<false>(a, base, to, totals, i, end - i, randoms);
    (finish_row<Leaf, Sink>(to, totals), ...);
  }

  template <bool Full>
  TENON_ALWAYS_INLINE static void at(call_arguments const& a, void const* const* base, sink_rows const& to,
                                     gradient_pack<leaf_list>& totals, std::size_t i, std::size_t count,
                                     random_cache& randoms) {
    lane_environment<Full> const env{a, base, i, count, randoms};
    using environment = lane_environment<Full>;
    tenon::detail::point<G, type, environment> const upstream{env};
    auto g = tenon::detail::value_as<type, G, environment>(upstream);
    if constexpr (std::is_same_v<Kind, by_mean>) {
      constexpr std::size_t n = [] {
        std::size_t product = 1;
        for (std::size_t d = 0; d < Nest::rank; ++d)
          if (place<G>::layout::values[d] == 0) product *= Nest::extents[d];
        return product;
      }();
      g *= type(1) / static_cast<type>(n);
    }
    gradient_pack<leaf_list> here;
    if constexpr (std::is_same_v<Kind, by_result>) {
      tenon::detail::point<Y, type, environment> const y{env};
      tenon::detail::backward_from_result<Tree, environment>::run(env, y.value, g, here);
    } else {
      tenon::detail::point<Tree, type, environment> const e{env};
      if constexpr (std::is_same_v<Kind, by_max>) {
        tenon::detail::point<Y, type, environment> const y{env};
        g = select(e.value == y.value, g, pack<type>{});
      }
      tenon::detail::backward<Tree, environment>::run(e, g, here);
    }
    (deliver<Full, Leaf, Sink>(to, here, totals, i, count), ...);
  }

  template <bool Full, class L, class S>
  TENON_ALWAYS_INLINE static void deliver(sink_rows const& to, gradient_pack<leaf_list>& here,
                                          gradient_pack<leaf_list>& totals, std::size_t i,
                                          std::size_t count) {
    constexpr std::size_t stride = place<S>::layout::values[outer];
    using element = typename place<S>::element;
    auto v = gradient_pack<leaf_list>::template slot<place<L>::index>(here);
    if constexpr (stride == 0) {
      if constexpr (!Full)
        v = select(iota<std::int32_t>() < static_cast<std::int32_t>(count), v, decltype(v){});
      gradient_pack<leaf_list>::template slot<place<L>::index>(totals) += v;
    } else {
      constexpr std::size_t k = place<S>::index;
      if (to.wants(k)) put<Full, stride>(static_cast<element*>(to.row[k]) + i * stride, v, count, to.adds(k));
    }
  }

  template <class L, class S>
  TENON_ALWAYS_INLINE static void finish_row(sink_rows const& to, gradient_pack<leaf_list>& totals) {
    if constexpr (place<S>::layout::values[outer] == 0) {
      using element = typename place<S>::element;
      constexpr std::size_t k = place<S>::index;
      if (!to.wants(k)) return;
      auto* const p = static_cast<element*>(to.row[k]);
      auto const total = sum(gradient_pack<leaf_list>::template slot<place<L>::index>(totals));
      *p = static_cast<element>(to.adds(k) ? static_cast<decltype(total)>(*p) + total : total);
    }
  }
};

}  // namespace tenon::cpu
