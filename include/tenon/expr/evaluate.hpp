// SPDX-License-Identifier: BSL-1.0
// Evaluates a lowered tree at one point of its loop, forwards and backwards. Written for any environment that can load a
// leaf: on the CPU a value is a pack of lanes, in a GPU kernel a scalar.
#pragma once
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#include "lower.hpp"

namespace tenon {

/// A tree's value with those of its operands, which the derivative needs again.
template <class V, class... X>
struct evaluated {
  V value;
  std::tuple<X...> operands;
};

namespace detail {

template <class X>
inline constexpr bool is_comparison = false;
template <class F, class T, class... X>
inline constexpr bool is_comparison<apply<F, T, X...>> =
    std::is_same_v<F, fn::less> || std::is_same_v<F, fn::less_equal> || std::is_same_v<F, fn::equal>;

/// Does a gradient flow to any leaf of this tree?
template <class X>
inline constexpr bool has_gradient = false;
template <std::size_t I, class T, class L>
inline constexpr bool has_gradient<element_at<I, T, L>> = std::is_floating_point_v<computed<T>>;
template <class F, class T, class... X>
inline constexpr bool has_gradient<apply<F, T, X...>> =
    !is_comparison<apply<F, T, X...>> && std::is_floating_point_v<T> && (has_gradient<X> || ...);

/// The type that a tree's value is computed in.
template <class X>
struct tree_type {
  using type = float;
};
template <std::size_t I, class T, class L>
struct tree_type<element_at<I, T, L>> {
  using type = computed<T>;
};
template <class F, class T, class... X>
struct tree_type<apply<F, T, X...>> {
  using type = T;
};

template <class X>
struct forward;

template <class To, class X, class Env, class E>
TENON_ALWAYS_INLINE auto value_as(Env const& env, E const& e) {
  if constexpr (is_comparison<X>)
    return math::select(e.value, env.template splat<To>(To(1)), env.template splat<To>(To(0)));
  else if constexpr (std::is_same_v<typename tree_type<X>::type, To>)
    return e.value;
  else
    return math::convert<To>(e.value);
}

template <std::size_t I, class T, class L>
struct forward<element_at<I, T, L>> {
  template <class To, class Env>
  TENON_ALWAYS_INLINE static auto run(Env const& env) {
    auto v = env.template get<I, T, L>();
    return evaluated<decltype(v)>{v, {}};
  }
};
template <std::size_t I>
struct forward<number_at<I>> {
  template <class To, class Env>
  TENON_ALWAYS_INLINE static auto run(Env const& env) {
    auto v = env.template splat<To>(static_cast<To>(env.arguments.scalars[I]));
    return evaluated<decltype(v)>{v, {}};
  }
};
template <std::size_t I, std::size_t J, std::size_t K, class L>
struct forward<mask_at<I, J, K, L>> {
  template <class To, class Env>
  TENON_ALWAYS_INLINE static auto run(Env const& env) {
    auto v = env.template keep<I, L>(env.arguments.scalars[J], env.arguments.integers[K]);
    return evaluated<decltype(v)>{v, {}};
  }
};

template <class X>
inline constexpr bool is_number = false;
template <std::size_t I>
inline constexpr bool is_number<number_at<I>> = true;

template <class F, class T, class... X>
struct forward<apply<F, T, X...>> {
  template <class To, class Env>
  TENON_ALWAYS_INLINE static auto run(Env const& env) {
    return combine<Env>(env, std::tuple{forward<X>::template run<T>(env)...}, std::index_sequence_for<X...>{});
  }

 private:
  template <class Env, class Tuple, std::size_t... I>
  TENON_ALWAYS_INLINE static auto combine(Env const& env, Tuple const& x, std::index_sequence<I...>) {
    auto value = [&] {
      if constexpr (std::is_same_v<F, fn::choose>)
        return math::select(std::get<0>(x).value, argument<1>(env, x), argument<2>(env, x));
      else
        return F::value(argument<I>(env, x)...);
    }();
    return evaluated<decltype(value), std::tuple_element_t<I, Tuple>...>{value, x};
  }

 public:
  template <std::size_t I, class Env, class Tuple>
  TENON_ALWAYS_INLINE static auto argument(Env const& env, Tuple const& x) {
    using tree = std::tuple_element_t<I, std::tuple<X...>>;
    if constexpr (is_number<tree>)
      return std::get<I>(x).value;
    else
      return value_as<T, tree>(env, std::get<I>(x));
  }
};

/// Adds to `gradients` what flows to each leaf when `g` flows to the tree's value.
template <class X>
struct backward {
  template <class Env, class E, class G, class Gradients>
  TENON_ALWAYS_INLINE static void run(Env const&, E const&, G const&, Gradients&) {}
};
template <std::size_t I, class T, class L>
struct backward<element_at<I, T, L>> {
  template <class Env, class E, class G, class Gradients>
  TENON_ALWAYS_INLINE static void run(Env const&, E const&, G const& g, Gradients& gradients) {
    gradients.template add<I>(g);
  }
};
template <class F, class T, class... X>
struct backward<apply<F, T, X...>> {
  template <class Env, class E, class G, class Gradients>
  TENON_ALWAYS_INLINE static void run(Env const& env, E const& e, G const& g, Gradients& gradients) {
    if constexpr (has_gradient<apply<F, T, X...>>) {
      using fwd = forward<apply<F, T, X...>>;
      if constexpr (std::is_same_v<F, fn::choose>) {
        auto const zero = env.template splat<T>(T(0));
        pass<1>(env, e, math::select(std::get<0>(e.operands).value, g, zero), gradients);
        pass<2>(env, e, math::select(std::get<0>(e.operands).value, zero, g), gradients);
      } else if constexpr (sizeof...(X) == 1) {
        auto const p = F::pull(g, e.value, fwd::template argument<0>(env, e.operands));
        pass<0>(env, e, p.a, gradients);
      } else {
        auto const p = F::pull(g, e.value, fwd::template argument<0>(env, e.operands),
                               fwd::template argument<1>(env, e.operands));
        pass<0>(env, e, p.a, gradients);
        pass<1>(env, e, p.b, gradients);
      }
    }
  }

 private:
  template <std::size_t I, class Env, class E, class G, class Gradients>
  TENON_ALWAYS_INLINE static void pass(Env const& env, E const& e, G const& g, Gradients& gradients) {
    using tree = std::tuple_element_t<I, std::tuple<X...>>;
    if constexpr (has_gradient<tree>) {
      using to = typename tree_type<tree>::type;
      if constexpr (std::is_same_v<to, T>)
        backward<tree>::run(env, std::get<I>(e.operands), g, gradients);
      else
        backward<tree>::run(env, std::get<I>(e.operands), math::convert<to>(g), gradients);
    }
  }
};

/// The floating-point loads of a tree, in order.
template <class X>
struct gradient_leaves {
  using type = list<>;
};
template <std::size_t I, class T, class L>
struct gradient_leaves<element_at<I, T, L>> {
  using type = std::conditional_t<std::is_floating_point_v<computed<T>>, list<element_at<I, T, L>>, list<>>;
};
template <class F, class T, class... X>
struct gradient_leaves<apply<F, T, X...>> {
  using type = std::conditional_t<has_gradient<apply<F, T, X...>>,
                                  typename join_lists<typename gradient_leaves<X>::type...>::type, list<>>;
};

/// All loads of a tree, in order, whatever their type.
template <class X>
struct all_loads {
  using type = list<>;
};
template <std::size_t I, class T, class L>
struct all_loads<element_at<I, T, L>> {
  using type = list<element_at<I, T, L>>;
};
template <std::size_t I, std::size_t J, std::size_t K, class L>
struct all_loads<mask_at<I, J, K, L>> {
  using type = list<mask_at<I, J, K, L>>;
};
template <class F, class T, class... X>
struct all_loads<apply<F, T, X...>> {
  using type = typename join_lists<typename all_loads<X>::type...>::type;
};

}  // namespace detail
}  // namespace tenon
