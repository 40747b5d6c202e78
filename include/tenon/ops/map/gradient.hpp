// SPDX-License-Identifier: BSL-1.0
// The derivative of maps and reductions: by the chain rule through the expression (expr/evaluate.hpp), all
// leaves in one loop.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "cpu_gradient.hpp"
#include "record.hpp"

#if TENON_CUDA
#include "cuda_gradient.cuh"  // IWYU pragma: export
#endif

namespace tenon::detail {

template <std::size_t N>
struct parts : axis<N> {};  // the chunks of a gradient that several chunks add to

template <std::size_t First, class L>
struct prepended;
template <std::size_t First, std::size_t... S>
struct prepended<First, strides<S...>> {
  using type = strides<First, S...>;
};

/// Into how many chunks the gradient of a loop is cut, and so how many parts there are of what all chunks add
/// to: `most` iterations of the loop that is cut, `cost` operations each of its elements. A GPU has more to
/// do at once.
constexpr std::size_t gradient_chunks(std::size_t elements, std::size_t cost, std::size_t most) {
#if TENON_CUDA
  if (elements >= 1024) return std::bit_floor(std::clamp<std::size_t>(most, 1, 128));
#endif
  return cpu::chunks_for(elements, cost, most);
}

template <class I>
inline constexpr std::size_t span = span_of<typename I::shape_type, typename I::layout>;

/// Sums the parts of a gradient into its place; one function for all expressions that a weight is used in
/// alike, so that they share their parts.
template <class I, std::size_t Chunks>
constexpr void sum_parts(recording& r, partial_gradient const& p) {
  auto const sink = r.gradient_sink<typename I::shape_type, typename I::layout>(p.value);
  using all = typename join<shape<parts<Chunks>>, typename I::shape_type>::type;
  using layout = typename prepended<span<I>, typename I::layout>::type;
  record_map<by_sum, I>(r, sink.where, sink.add, standing_at<typename I::element, all, layout>(r, p.parts));
#if TENON_CUDA
  // What adds may add to what its neighbour writes. Without gaps, whatever the order of its axes.
  if constexpr (span<I> == I::shape_type::size)
    if (!sink.add) r.join_alike(cuda::sums_of_parts<typename I::element>, {Chunks, span<I>, 0, 0});
#endif
}

template <class Kind, class Out, class X>
struct map_pull {
  using forward_call = map_call<Kind, Out, X>;
  using loop = typename forward_call::loop;
  using infos = typename leaf_infos<X>::type;
  using wanted =
      typename gradient_leaves<typename forward_call::tree>::type;  // element_at<1 + leaf number, …>

  template <class Leaf>
  struct number;
  template <std::size_t I, class T, class L>
  struct number<element_at<I, T, L>> {
    static constexpr std::size_t value = I - 1;
  };

  template <class Wanted>
  struct with;
  template <class... W>
  struct with<list<W...>> {
    static constexpr std::size_t sinks = sizeof...(W);
    template <std::size_t K>
    using info = typename list_at<number<typename list_at<K, list<W...>>::type>::value, infos>::type;

    using g_strides = strides_in<typename Out::shape_type, typename Out::layout, loop>;
    using leaf_list = typename leaf_strides<X, loop>::type;
    template <class Info>
    using own_strides = strides_in<typename Info::shape_type, typename Info::layout, loop>;

    // Every sink is walked like its leaf. One that lacks the axis that is cut into chunks gets a part of its
    // own for each chunk, which spans as much memory as the leaf does.
    using arrangement = typename arrange_list<
        loop, loop, sinks,
        typename join_lists<list<own_strides<typename list_at<number<W>::value, infos>::type>...>,
                            list<g_strides, g_strides>, leaf_list>::type>::type;
    static constexpr std::size_t cost = 3 * flops_of<typename forward_call::tree> + sinks;
    static constexpr std::size_t chunks = [] {
      using n = typename arrangement::nest_type;
      return gradient_chunks(loop::size, cost,
                             n::rank > 1 ? n::extents[0] : (n::vector_extent + cpu::lanes - 1) / cpu::lanes);
    }();
    template <std::size_t K>  // the first loop, or the vector axis if there is no other
    static constexpr bool in_parts = chunks > 1 && arrangement::template leaf<K>::values[0] == 0;

    template <class Sequence>
    struct final_form;
    template <std::size_t... K>
    struct final_form<std::index_sequence<K...>> {
      using tree = typename lower<X, arrangement, sinks + 2, 0, 0>::type;
      using g = element_at<sinks, typename Out::element, typename arrangement::template leaf<sinks>>;
      using y = element_at<sinks + 1, typename Out::element, typename arrangement::template leaf<sinks + 1>>;
      using kernel_type = cpu::pull_kernel<
          Kind, typename arrangement::nest_type, chunks, g, y, tree, typename gradient_leaves<tree>::type,
          list<element_at<K, typename info<K>::element, typename arrangement::template leaf<K>>...>>;
    };
    using final = final_form<std::make_index_sequence<sinks>>;

    /// Where the gradient of leaf K goes, and whether by a detour: parts to sum, or a copy where two leaves
    /// see one value in different ways.
    struct destination : recording::gradient_place {
      bool copied = false;  ///< to be added to the gradient proper just after the call
    };

    template <std::size_t... K>
    TENON_RECORDING static constexpr void run(recording& r, std::size_t index, std::index_sequence<K...>) {
      auto const source = r.operand_of(index, 0);
      auto g = r.gradient_source<typename Out::shape_type, typename Out::layout>(source);
      if (!g.exists()) return;
      std::array<location, sinks> const value{r.operand_of(index, 1 + number<W>::value)...};
      if (!(r.is_active(value[K]) || ...)) return;
      if constexpr (std::is_same_v<Kind, by_max>) g = shares_of_equals(r, value[0], source, g);
      call_spec spec = r.calls()[index];
      spec.computed_by<typename final::kernel_type>();
      spec.pull = {};
      spec.name = "map gradient";
      spec.flops = cost * loop::size;
      spec.in_place = 0;
      std::array<destination, sinks> to{};
      (plan_sink<K>(r, value, to), ...);
      std::size_t const leaves = r.calls()[index].operands - 1;
      r.begin(spec);
      (r.result(to[K].where, bytes_of<info<K>> * (in_parts<K> ? chunks : 1), to[K].add), ...);
      r.operand(g, bytes_of<Out>);
      r.operand(reads_result<Kind> ? source : location{}, bytes_of<Out>);
      for (std::size_t leaf = 0; leaf < leaves; ++leaf) {
        auto const where = r.operand_of(index, 1 + leaf);
        r.operand(where, where.exists() ? leaf_bytes(leaf) : 0);
      }
      r.end();
      (finish_sink<K>(r, value[K], to[K]), ...);
    }

   private:
    static constexpr std::size_t leaf_bytes(std::size_t leaf) {
      std::size_t result = 0, n = 0;
      [&]<class... Info>(list<Info...>) { ((result = n++ == leaf ? bytes_of<Info> : result), ...); }(infos{});
      return result;
    }

    /// Elements that are equally large share the gradient g of their maximum: what an element gets of it.
    /// The tree is one stored value, keep() sees to that.
    static constexpr location shares_of_equals(recording& r, location elements, location largest,
                                               location g) {
      static_assert(sinks == 1);
      using I = info<0>;
      using T = typename Out::element;
      auto const result = [&](location at) {
        return standing_at<T, typename Out::shape_type, typename Out::layout>(r, at);
      };
      location const equals = make_copies<Out>(r, 1), share = make_copies<Out>(r, 1);
      auto const x =
          standing_at<typename I::element, typename I::shape_type, typename I::layout>(r, elements);
      record_map<by_sum, Out>(r, equals, false, cast<T>(x == result(largest)));
      record_map<by_sum, Out>(r, share, false, result(g) / result(equals));
      return share;
    }

    template <std::size_t K>
    static constexpr void plan_sink(recording& r, std::array<location, sinks> const& value,
                                    std::array<destination, sinks>& to) {
      if (!r.is_active(value[K])) return;
      using I = info<K>;
      if constexpr (std::is_same_v<typename I::element, bf16>)  // on one line, since compilers show that line
        throw std::logic_error("gradients of a stored bf16 would lose digits: cast<bf16>(keep(x)) instead");
      else if constexpr (in_parts<K>) {
        if (r.at(r.root(value[K]).storage).kind == storage::kind_t::parameter)
          to[K] = {r.partial(&sum_parts<I, chunks>, value[K], chunks * span<I> * sizeof(typename I::element),
                             sizeof(typename I::element)),
                   false};
        else
          to[K] = {{make_copies<I>(r, chunks), false}, true};
      } else {
        bool conflict = false;
        [&]<std::size_t... J>(std::index_sequence<J...>) {
          ((conflict |= !in_parts<J> && r.is_active(value[J]) &&
                        r.root(value[J]).storage == r.root(value[K]).storage &&
                        (r.root(value[J]) != r.root(value[K]) ||
                         !std::is_same_v<typename info<J>::shape_type, typename I::shape_type> ||
                         !std::is_same_v<typename info<J>::layout, typename I::layout>)&&!r
                            .disjoint<typename info<J>::shape_type, typename info<J>::layout,
                                      typename I::shape_type, typename I::layout>(value[J], value[K])),
           ...);
        }
        (std::make_index_sequence<K>{});
        if (conflict)
          to[K] = {{make_copies<I>(r, 1), false}, true};
        else
          to[K] = {r.gradient_sink<typename I::shape_type, typename I::layout>(value[K]), false};
      }
    }

    template <class I>
    static constexpr location make_copies(recording& r, std::size_t count) {
      storage s;
      s.element_bytes = sizeof(typename I::element);
      s.rank = 1;
      s.extents[0] = count * span<I>;
      s.bytes = s.extents[0] * s.element_bytes;
      return {r.add_storage(s), 0};
    }

    template <std::size_t K>
    static constexpr void finish_sink(recording& r, location value, destination const& d) {
      if (!d.copied) return;
      using I = info<K>;
      if constexpr (in_parts<K>) {
        sum_parts<I, chunks>(r, {nullptr, value, d.where});
      } else {
        auto const sink = r.gradient_sink<typename I::shape_type, typename I::layout>(value);
        record_map<by_sum, I>(
            r, sink.where, sink.add,
            standing_at<typename I::element, typename I::shape_type, typename I::layout>(r, d.where));
      }
    }
  };

  TENON_RECORDING static constexpr void pull(recording& r, std::size_t index) {
    if constexpr (!std::is_same_v<wanted, list<>>)
      with<wanted>::run(r, index, std::make_index_sequence<with<wanted>::sinks>{});
  }
};

}  // namespace tenon::detail
