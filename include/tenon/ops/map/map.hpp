// SPDX-License-Identifier: BSL-1.0
// Maps and reductions: what an expression becomes when its value is needed.
//
//   keep(e)            stores an expression: a variable of the recording, or a tensor
//   tensor y = e       one loop, at once
//
// Derivative: by the chain rule through the expression (expr/evaluate.hpp), all leaves in one loop.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "../emit.hpp"
#include "cpu.hpp"
#include "cpu_gradient.hpp"

#if TENON_CUDA
#include "cuda.cuh"           // IWYU pragma: export
#include "cuda_gradient.cuh"  // IWYU pragma: export
#endif

namespace tenon {

namespace detail {

/// Operands of one expression: its gradient call has as many outputs, and a call has 32 bits to say which of
/// them to add to.
inline constexpr std::size_t max_leaves = 31;

/// One element-wise loop with its reduction: where Out (element type, shape, layout) gets expression X.
template <class Kind, class Out, class X>
struct map_call {
  using out_shape = typename Out::shape_type;
  using loop = unite_t<operation::map, out_shape, typename X::shape_type>;
  using strides_list = typename join_lists<list<strides_in<out_shape, typename Out::layout, loop>>,
                                           typename leaf_strides<X, loop>::type>::type;
  using arrangement = typename arrange_list<loop, out_shape, 0, strides_list>::type;
  using nest_type = typename arrangement::nest_type;
  using out = element_at<0, typename Out::element, typename arrangement::template leaf<0>>;
  using tree = typename lower<X, arrangement, 1, 0, 0>::type;
  static constexpr bool reduces = loop::size != out_shape::size;
  static_assert(count_leaves<X>.leaves <= max_leaves &&
                    count_leaves<X>.scalars <= call_spec{}.scalars.size() &&
                    count_leaves<X>.integers <= call_spec{}.integers.size(),
                "an expression has too many operands or numbers for one loop: keep() a part of it");
  using kernel_type =
      typename std::conditional_t<reduces, std::type_identity<cpu::reduce_kernel<Kind, nest_type, out, tree>>,
                                  std::type_identity<cpu::map_kernel<nest_type, out, tree>>>::type;
  static constexpr std::size_t flops = loop::size * (flops_of<tree> + (reduces ? 1 : 0));
};

template <class Kind, class Out, class X>
struct map_pull;

template <class Kind, class Out, class X>
constexpr call_spec map_spec(X const& x) {
  using c = map_call<Kind, Out, X>;
  call_spec spec;
  spec.name = c::reduces ? "reduce" : "map";
  spec.computed_by<typename c::kernel_type>();
  spec.pull = &map_pull<Kind, Out, X>::run;
  spec.reads_result = std::is_same_v<Kind, by_max>;
  spec.flops = c::flops;
  if constexpr (!c::reduces) {
    std::size_t k = 0;  // an operand that is walked exactly like the output may give its memory to it
    [&]<class... Info>(list<Info...>) {
      ((spec.in_place |= std::uint32_t{std::is_same_v<typename Info::shape_type, typename Out::shape_type> &&
                                       std::is_same_v<typename Info::layout, typename Out::layout> &&
                                       sizeof(typename Info::element) == sizeof(typename Out::element)}
                         << k++),
       ...);
    }(typename leaf_infos<X>::type{});
  }
  std::size_t scalars = 0, integers = 0;
  collect_numbers(x, spec, scalars, integers);
  return spec;
}

template <class X>
inline constexpr std::size_t bytes_of = X::shape_type::size * sizeof(typename X::element);

/// Records out = x (or out += x); Out says the type of what stands at `where`.
template <class Kind, class Out, class X>
constexpr void record_map(recorder& r, location where, bool add, X const& x) {
  r.begin(map_spec<Kind, Out, X>(x));
  r.result(where, bytes_of<Out>, add);
  each_leaf(x, [&]<class Leaf>(Leaf const& leaf) {
    if constexpr (is_mask<Leaf>)
      r.operand({}, 0);
    else
      r.operand(r.place(leaf), bytes_of<Leaf>);
  });
  r.end();
}

/// Runs out = x (or out += x) at once.
template <class Kind, class Out, class X>
void run_map(typename Out::element* out, X const& x, bool add = false) {
  auto const spec = map_spec<Kind, Out, X>(x);
  void* operands[32] = {out};
  std::size_t count = 1;
  each_leaf(x, [&]<class Leaf>(Leaf const& leaf) {
    if constexpr (is_mask<Leaf>)
      operands[count++] = nullptr;
    else
      operands[count++] = const_cast<void*>(static_cast<void const*>(leaf.data()));
  });
  run_now(spec, operands, add ? 1U : 0U);
}

// ---- the gradient
// --------------------------------------------------------------------------------------------

template <std::size_t N>
struct parts : axis<N> {};  // the chunks of a gradient that several chunks add to

template <std::size_t First, class L>
struct prepended;
template <std::size_t First, std::size_t... S>
struct prepended<First, strides<S...>> {
  using type = strides<First, S...>;
};

/// The most parts that a gradient is summed in: a GPU has more to do at once.
inline constexpr std::size_t most_parts = TENON_CUDA ? 64 : 16;

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
      return cpu::chunks_for(loop::size, cost,
                             n::rank > 1 ? n::extents[0] : (n::vector_extent + cpu::lanes - 1) / cpu::lanes,
                             most_parts);
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
    struct destination : recorder::gradient_place {
      bool copied = false;  ///< to be added to the gradient proper just after the call
    };

    template <std::size_t... K>
    static constexpr void run(recorder& r, std::size_t index, std::index_sequence<K...>) {
      auto const source = r.operand_of(index, 0);
      auto const g = r.gradient_source<typename Out::shape_type, typename Out::layout>(source);
      if (!g.exists()) return;
      std::array<location, sinks> const value{r.operand_of(index, 1 + number<W>::value)...};
      if (!(r.is_active(value[K]) || ...)) return;
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
      r.operand(std::is_same_v<Kind, by_max> ? source : location{}, bytes_of<Out>);
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

    template <std::size_t K>
    static constexpr void plan_sink(recorder& r, std::array<location, sinks> const& value,
                                    std::array<destination, sinks>& to) {
      if (!r.is_active(value[K])) return;
      using I = info<K>;
      if constexpr (in_parts<K>) {
        if (r.at(r.root(value[K]).storage).kind == storage::kind_t::parameter)
          to[K] = {r.partial(&sum_parts<I>, value[K], chunks * span<I> * sizeof(typename I::element),
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
    static constexpr std::size_t span = span_of<typename I::shape_type, typename I::layout>;

    template <class I>
    static constexpr location make_copies(recorder& r, std::size_t count) {
      storage s;
      s.element_bytes = sizeof(typename I::element);
      s.rank = 1;
      s.extents[0] = count * span<I>;
      s.bytes = s.extents[0] * s.element_bytes;
      return {r.add_storage(s), 0};
    }

    template <std::size_t K>
    static constexpr void finish_sink(recorder& r, location value, destination const& d) {
      if (!d.copied) return;
      using I = info<K>;
      if constexpr (in_parts<K>) {
        sum_parts<I>(r, {nullptr, value, d.where});
      } else {
        auto const sink = r.gradient_sink<typename I::shape_type, typename I::layout>(value);
        record_map<by_sum, I>(
            r, sink.where, sink.add,
            variable<typename I::element, typename I::shape_type, typename I::layout>{&r, d.where});
      }
    }

    template <class I>
    static constexpr void sum_parts(recorder& r, partial_gradient const& p) {
      auto const sink = r.gradient_sink<typename I::shape_type, typename I::layout>(p.value);
      using all = typename join<shape<parts<chunks>>, typename I::shape_type>::type;
      using layout = typename prepended<span<I>, typename I::layout>::type;
      record_map<by_sum, I>(r, sink.where, sink.add, variable<typename I::element, all, layout>{&r, p.parts});
    }
  };

  static constexpr void run(recorder& r, std::size_t index) {
    if constexpr (!std::is_same_v<wanted, list<>>)
      with<wanted>::run(r, index, std::make_index_sequence<with<wanted>::sinks>{});
  }
};

template <class X>
struct split_reduction {
  using kind = by_sum;
  static constexpr X const& tree(X const& x) { return x; }
};
template <class K, class S, class X>
struct split_reduction<reduced<K, S, X>> {
  using kind = K;
  static constexpr X const& tree(reduced<K, S, X> const& x) { return x.operand; }
};

/// The first axis of S that Destination lacks or has with another extent, as an error; void if there is none,
/// and if Destination is itself an error.
template <class Destination, class S, class Op = operation::assign>
struct misfit {
  using type = void;
};
template <class Destination, class A, class... Rest, class Op>
requires well_formed<Destination>
struct misfit<Destination, shape<A, Rest...>, Op> {
  using clash_type = typename clash<Op, A, Destination>::type;
  using type = typename std::conditional_t<
      !has_axis<Destination, A>, std::type_identity<axis_without_place<Op, A, Destination>>,
      std::conditional_t<!std::is_void_v<clash_type>, std::type_identity<clash_type>,
                         misfit<Destination, shape<Rest...>, Op>>>::type;
};

/// Does the loop that computes x read from memory that it has written before: `y = y + arrange<b, a>(y)`?
template <class Out, bool Reduces, class X>
bool reads_elsewhere(void const* out, X const& x) {
  bool found = false;
  each_leaf(x, [&]<class Leaf>(Leaf const& leaf) {
    if constexpr (!is_mask<Leaf>) {
      using S = typename Leaf::shape_type;
      using T = typename Leaf::element;
      constexpr bool alike = !Reduces && std::is_same_v<S, typename Out::shape_type> &&
                             std::is_same_v<typename Leaf::layout, typename Out::layout> &&
                             sizeof(T) == sizeof(typename Out::element);
      auto const from = reinterpret_cast<std::uintptr_t>(leaf.data());
      auto const to = reinterpret_cast<std::uintptr_t>(out);
      found |= !(alike && from == to) && from < to + Out::size * sizeof(typename Out::element) &&
               to < from + span_of<S, typename Leaf::layout> * sizeof(T);
    }
  });
  return found;
}

}  // namespace detail

/// Can a value of shape S be assigned to Destination? Axes that S lacks are broadcast.
template <class Destination, class S>
concept assignable = std::is_void_v<typename detail::misfit<Destination, S>::type>;

/// Stores the value of an expression: in a recording a variable, else a tensor. What is stored already stays
/// as it is.
template <operand X>
constexpr auto keep(X&& x) {
  using D = std::remove_cvref_t<X>;
  if constexpr (stored<D>) {
    return detail::hold(std::forward<X>(x));
  } else if constexpr (postponed<D>) {
    return x.evaluate();
  } else {
    using T = element_of<D>;
    using S = shape_of<D>;
    using how = detail::split_reduction<D>;
    auto const& tree = how::tree(x);
    using tree_type = std::remove_cvref_t<decltype(tree)>;
    if constexpr (is_recorded<D> && std::is_same_v<typename how::kind, by_max> &&
                  detail::is_mapped<tree_type>) {
      // The derivative finds the largest element by comparing: what is compared must be the very numbers, not
      // computed again.
      return keep(reduced<by_max, S, decltype(keep(tree))>{keep(tree)});
    } else if constexpr (is_recorded<D>) {
      recorder& r = recorder_of(x);
      auto const out = r.make<T, S>();
      detail::record_map<typename how::kind, variable<T, S>, tree_type>(r, out.at, false, tree);
      return out;
    } else {
      tensor_of<T, S> out;
      detail::run_map<typename how::kind, tensor_of<T, S>, tree_type>(out.data(), tree);
      return out;
    }
  }
}

template <class K, class S, class X>
constexpr auto settle(reduced<K, S, X> const& x) {
  return keep(x);
}
template <postponed X>
constexpr auto settle(X const& x) {
  return x.evaluate();
}

/// Evaluates an expression into a tensor, at once. The tensor's axes may stand in another order than the
/// expression's.
template <class T, class... A, operand X>
requires(!is_recorded<X> && !std::is_same_v<std::remove_cvref_t<X>, tensor<T, A...>> &&
         assignable<shape<A...>, shape_of<X>>) void assign_to(tensor<T, A...>& out, X&& x) {
  using D = std::remove_cvref_t<X>;
  if constexpr (postponed<D>) {
    out = x.evaluate();
  } else {
    using how = detail::split_reduction<D>;
    using kind = typename how::kind;
    if constexpr (detail::is_reduced<D> && shape_of<D>::rank != sizeof...(A)) {
      assign_to(out, keep(x));  // reduce first, then broadcast
    } else if (detail::reads_elsewhere<tensor<T, A...>, detail::is_reduced<D>>(out.data(), how::tree(x))) {
      tensor<T, A...> copy;
      detail::run_map<kind, tensor<T, A...>>(copy.data(), how::tree(x));
      out = std::move(copy);
    } else {
      detail::run_map<kind, tensor<T, A...>>(out.data(), how::tree(x));
    }
  }
}
template <class T, class... A, operand X,
          shape_error Error = typename detail::misfit<shape<A...>, shape_of<X>>::type>
requires(!is_recorded<X>) Error assign_to(tensor<T, A...>& out, X&& x);
template <class T, class... A, operand X>
requires is_recorded<X> recorded_value_has_no_elements<operation::assign, shape_of<X>> assign_to(
    tensor<T, A...>& out, X&& x);

template <has_shape X>
constexpr void recorder::output(char const* name, X&& x) {
  auto const value = keep(std::forward<X>(x));
  using V = std::remove_cvref_t<decltype(value)>;
  using T = element_of<V>;
  using S = shape_of<V>;
  auto const where = place(value);
  if (is_dense<S, typename V::layout> && is_free(where, S::size * sizeof(T))) {
    declare_output<T, S>(name, where);
  } else {  // a view, a part of a stack, an input: give the output memory of its own
    auto const copy = make<T, S>();
    detail::record_map<by_sum, variable<T, S>>(*this, copy.at, false, value);
    declare_output<T, S>(name, copy.at);
  }
}

template <class X>
requires std::is_same_v<typename X::shape_type, shape<>>
constexpr void recorder::differentiate(X const& loss) {
  differentiate(place(keep(loss)));
}

}  // namespace tenon
