// SPDX-License-Identifier: BSL-1.0
// Maps and reductions: what an expression becomes when its value is needed.
//
//   keep(e)            stores an expression: a variable of the recording, or a tensor
//   keep_on_cpu(e)     the same on a CPU; on a GPU an expression stays one
//   keep_for_derivative(f(e))  the same on a CPU where a derivative will need the value
//   tensor y = e       one loop, at once
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "gradient.hpp"

namespace tenon {

namespace detail {

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
      if constexpr (std::is_same_v<typename tree_type::element, bf16>)
        return keep(reduced<by_max, S, decltype(keep(cast<T>(tree)))>{keep(cast<T>(tree))});
      else
        return keep(reduced<by_max, S, decltype(keep(tree))>{keep(tree)});
    } else if constexpr (is_recorded<D>) {
      auto& r = recorder_of(x);
      auto const out = r.template make<T, S>();
      detail::record_map<typename how::kind, variable<T, S>>(r, out.at, false, tree);
      return out;
    } else {
      tensor_of<T, S> out;
      detail::run_map<typename how::kind, tensor_of<T, S>, tree_type>(out.data(), tree);
      return out;
    }
  }
}

/// For what a loop reads more often than it has elements: stores it on a CPU, once, and leaves it to be
/// computed again by a GPU, where a kernel more costs more than that.
template <operand X>
constexpr auto keep_on_cpu(X const& x) {
#if TENON_CUDA
  return x;
#else
  return keep(x);
#endif
}

namespace detail {
template <class X>
inline constexpr bool is_function_of_one = false;
template <class F, class A>
inline constexpr bool is_function_of_one<mapped<F, A>> = true;
}  // namespace detail

/// Stores f(e) for its derivative, which needs that alone (tanh, sigmoid) and would compute it again: on a
/// CPU, in a recording that has derivatives. Elsewhere an expression stays one.
template <operand X>
constexpr auto keep_for_derivative(X const& x) {
  static_assert(detail::is_function_of_one<X>,
                "keep_for_derivative: of a function of one operand; keep() stores any");
#if !TENON_CUDA
  if constexpr (is_recorded<X>) {
    auto& r = recorder_of(x);
    if constexpr (keeps_derivatives<std::remove_cvref_t<decltype(r)>>) {
      using out_type = variable<element_of<X>, shape_of<X>>;
      auto const out = r.template make<element_of<X>, shape_of<X>>();
      detail::record_map<by_result, out_type>(r, out.at, false, x);
      return out;
    } else {
      return x;
    }
  } else {
    return x;
  }
#else
  return x;
#endif
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
      std::ranges::copy(copy.elements(), out.data());  // into its memory, which views may see
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

template <class Recorder>
template <has_shape X>
constexpr void recorder_of_values<Recorder>::output(char const* name, X&& x) {
  auto const value = keep(std::forward<X>(x));
  using V = std::remove_cvref_t<decltype(value)>;
  using T = element_of<V>;
  using S = shape_of<V>;
  auto const where = place(value);
  if (is_dense<S, typename V::layout> && is_free(where, S::size * sizeof(T))) {
    declare_output<T, S>(name, where);
  } else {  // a view, a part of a stack, an input: give the output memory of its own
    auto const copy = make<T, S>();
    detail::record_map<by_sum, variable<T, S>>(*self(), copy.at, false, value);
    declare_output<T, S>(name, copy.at);
  }
}

template <has_shape X>
requires std::is_void_v<detail::loss_error<operation::differentiate, X>>
constexpr void recorder::differentiate(X const& loss) {
  differentiate(place(keep(loss)));
}

}  // namespace tenon
