// SPDX-License-Identifier: BSL-1.0
// Operands: whatever has a shape and elements and is accepted by operations. What kinds there are, and which
// recording they belong to.
#pragma once
#include <boost/hana/unpack.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <type_traits>

#include "../program/recorder.hpp"
#include "../tensor.hpp"
#include "functors.hpp"

namespace tenon {

/// A number known when the expression is built; it takes the element type of what it meets.
template <class T>
struct scalar {
  using element = T;
  using shape_type = shape<>;
  double value;
};

template <class F, class... X>
struct mapped;

namespace fn {
template <class T>
struct convert {
  static constexpr std::size_t flops = 0;
  template <class V>
  TENON_FN V value(V const& a) {
    if constexpr (std::is_same_v<T, bf16>)
      return math::rounded_to_bf16(a);
    else
      return a;
  }
  template <class V>
  TENON_FN pull1<V> pull(V const& g, V const&, V const&) {
    return {g};
  }
};
struct choose {
  static constexpr std::size_t flops = 1;
};
}  // namespace fn

/// How a reduction combines elements.
struct by_sum {};
struct by_mean {};
struct by_max {};
/// No reduction: of a map whose derivative needs its result alone.
struct by_result {};

namespace detail {
/// What elements of type T are computed in.
template <class T>
using computed = std::conditional_t<std::is_same_v<T, bf16>, float, T>;
}  // namespace detail

/// X reduced over the axes that it has and S lacks.
template <class Kind, class S, class X>
struct reduced {
  using element = detail::computed<typename X::element>;
  using shape_type = S;
  X operand;
};

/// A random keep-or-drop factor for every element of S: 0 with probability rate, else 1 / (1 − rate).
template <class S>
struct keep_mask {
  using element = float;
  using shape_type = S;
  double rate;
  std::uint64_t site;  ///< which of a program's masks; with the seed and the step it keys the random numbers
};

namespace detail {

template <class X>
inline constexpr bool is_variable = false;
template <class T, class S, class L, class Owner>
inline constexpr bool is_variable<variable<T, S, L, Owner>> = true;
template <class X>
inline constexpr bool is_parameter = false;
template <class T, class... A>
inline constexpr bool is_parameter<basic_parameter<T, A...>> = true;
template <class P, class S, class L>
inline constexpr bool is_parameter<parameter_part<P, S, L>> = true;
template <class X>
inline constexpr bool is_tensor = false;
template <class T, class... A>
inline constexpr bool is_tensor<tensor<T, A...>> = true;
template <class X>
inline constexpr bool is_view = false;
template <class T, class S, class L>
inline constexpr bool is_view<tensor_view<T, S, L>> = true;
template <class X>
inline constexpr bool is_scalar = false;
template <class T>
inline constexpr bool is_scalar<scalar<T>> = true;
template <class X>
inline constexpr bool is_mapped = false;
template <class F, class... X>
inline constexpr bool is_mapped<mapped<F, X...>> = true;
template <class X>
inline constexpr bool is_mask = false;
template <class S>
inline constexpr bool is_mask<keep_mask<S>> = true;
template <class X>
inline constexpr bool is_reduced = false;
template <class K, class S, class X>
inline constexpr bool is_reduced<reduced<K, S, X>> = true;

}  // namespace detail

/// Something that stands in memory: a variable or parameter of a program, a tensor, a view.
template <class X>
concept stored =
    detail::is_variable<X> || detail::is_parameter<X> || detail::is_tensor<X> || detail::is_view<X>;

/// An operation that is put off until its value is needed, such as an embedding lookup; `settle(x)` finds its
/// value.
template <class X>
concept postponed = requires {
  typename X::is_postponed;
};

/// Anything with a shape and elements that operations accept.
template <class X>
concept operand = stored<std::remove_cvref_t<X>> || detail::is_mapped<std::remove_cvref_t<X>> ||
    detail::is_reduced<std::remove_cvref_t<X>> || detail::is_mask<std::remove_cvref_t<X>> ||
    postponed<std::remove_cvref_t<X>>;

template <class X>
concept number = std::is_arithmetic_v<std::remove_cvref_t<X>>;

template <class X>
using shape_of = typename std::remove_cvref_t<X>::shape_type;
template <class X>
using element_of = typename std::remove_cvref_t<X>::element;

namespace detail {

/// Has an expression an operand of which Leaf::of says true?
template <class Leaf, class X>
consteval bool has_leaf() {
  if constexpr (is_mapped<X>)
    return []<class F, class... Y>(std::type_identity<mapped<F, Y...>>) {
      return (has_leaf<Leaf, Y>() || ...);
    }(std::type_identity<X>{});
  else if constexpr (is_reduced<X>)
    return []<class K, class S, class Y>(std::type_identity<reduced<K, S, Y>>) {
      return has_leaf<Leaf, Y>();
    }(std::type_identity<X>{});
  else
    return Leaf::template of<X>();
}
struct recorded_leaf {
  template <class X>
  static consteval bool of() {
    if constexpr (postponed<X>)
      return X::is_recorded;
    else
      return is_variable<X> || is_parameter<X>;
  }
};
struct tensor_leaf {
  template <class X>
  static consteval bool of() {
    return is_tensor<X> || is_view<X>;
  }
};

}  // namespace detail

/// Does X belong to a recording (rather than to tensors, which are computed at once)?
template <class X>
inline constexpr bool is_recorded = detail::has_leaf<detail::recorded_leaf, std::remove_cvref_t<X>>();

namespace detail {

template <class X>
inline constexpr bool has_tensor = has_leaf<tensor_leaf, std::remove_cvref_t<X>>();

template <class... X>
struct shape_with_tensor;
template <class X, class... Rest>
struct shape_with_tensor<X, Rest...> : shape_with_tensor<Rest...> {};
template <class X, class... Rest>
requires has_tensor<X>
struct shape_with_tensor<X, Rest...> {
  using type = shape_of<X>;
};
template <class Op, class... X>
struct mixture {
  using type = void;
};
template <class Op, class... X>
requires((is_recorded<X> || ...) && (has_tensor<X> || ...)) struct mixture<Op, X...> {
  using type = tensor_in_recording<Op, typename shape_with_tensor<X...>::type>;
};
/// void, or the error of joining values of a recording and tensors.
template <class Op, class... X>
using mixture_error = typename mixture<Op, X...>::type;

/// The type of recorder that the variables in X… belong to; void where there are none.
template <class... X>
struct owner_among {
  using type = void;
};
template <class X>
struct owner_in {
  using type = void;
};
template <class T, class S, class L, class Owner>
struct owner_in<variable<T, S, L, Owner>> {
  using type = Owner;
};
template <class F, class... X>
struct owner_in<mapped<F, X...>> : owner_among<X...> {};
template <class K, class S, class X>
struct owner_in<reduced<K, S, X>> : owner_in<X> {};
template <postponed X>
struct owner_in<X> {
  using type = typename X::owner_type;
};
template <class X, class... Rest>
struct owner_among<X, Rest...>
    : std::conditional_t<std::is_void_v<typename owner_in<X>::type>, owner_among<Rest...>, owner_in<X>> {};

template <class X>
constexpr recording* recording_in(X const& x) {
  if constexpr (is_variable<X>) {
    return x.owner;
  } else if constexpr (is_mapped<X>) {
    recording* found = nullptr;
    boost::hana::unpack(
        x.operands, [&](auto const&... y) { ((found = found != nullptr ? found : recording_in(y)), ...); });
    return found;
  } else if constexpr (is_reduced<X>) {
    return recording_in(x.operand);
  } else if constexpr (postponed<X>) {
    return x.owner();
  } else {
    return nullptr;
  }
}

}  // namespace detail

/// The recorder that the variables among x… belong to.
template <class... X>
constexpr auto& recorder_of(X const&... x) {
  using owner = typename detail::owner_among<X...>::type;
  recording* found = nullptr;
  ((found = found != nullptr ? found : detail::recording_in(x)), ...);
  if (found == nullptr)
    throw std::logic_error(
        "an expression of parameters alone belongs to no recording: begin it with r.use(parameter)");
  return static_cast<std::conditional_t<std::is_void_v<owner>, recorder, owner>&>(*found);
}

}  // namespace tenon
