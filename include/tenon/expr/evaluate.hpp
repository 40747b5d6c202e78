// SPDX-License-Identifier: BSL-1.0
// Evaluates a lowered tree at one point of its loop, forwards and backwards. Written for any environment that
// can load a leaf: on the CPU a value is a pack of lanes, in a GPU kernel a scalar.
#pragma once
#include <cstddef>
#include <type_traits>
#include <utility>

#include "lower.hpp"

namespace tenon {

namespace detail {

template <class X>
inline constexpr bool is_comparison = false;
template <class F, class T, class... X>
inline constexpr bool is_comparison<apply<F, T, X...>> = fn::compares<F>;

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

/// A tree evaluated at one point: its value, and its operands' points, which the derivative needs again.
/// Built in place, never copied, so that the compiler keeps every value in a register.
template <class X, class To, class Env>
struct point;

TENON_EITHER_SIDE
template <class To, class X, class Env, class P>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE auto value_as(P const& p) {
  if constexpr (is_comparison<X>)
    return math::select(p.value, Env::template splat<To>(To(1)), Env::template splat<To>(To(0)));
  else if constexpr (std::is_same_v<typename P::type, To>)
    return p.value;
  else
    return math::convert<To>(p.value);
}

template <std::size_t I, class T, class L, class To, class Env>
struct point<element_at<I, T, L>, To, Env> {
  using type = computed<T>;
  decltype(std::declval<Env const&>().template get<I, T, L>()) value;
  TENON_EITHER_SIDE
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE explicit point(Env const& env) : value{env.template get<I, T, L>()} {}
};
template <std::size_t I, class To, class Env>
struct point<number_at<I>, To, Env> {
  using type = To;
  decltype(Env::template splat<To>(To())) value;
  TENON_EITHER_SIDE
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE explicit point(Env const& env)
      : value{Env::template splat<To>(static_cast<To>(env.arguments.scalars[I]))} {}
};
template <std::size_t I, std::size_t J, std::size_t K, class L, class To, class Env>
struct point<mask_at<I, J, K, L>, To, Env> {
  using type = float;
  decltype(Env::template splat<float>(0.0F)) value;
  TENON_EITHER_SIDE
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE explicit point(Env const& env)
      : value{env.template keep<I, L>(env.arguments.scalars[J], env.arguments.integers[K])} {}
};

template <class F, class T, class A, class To, class Env>
struct point<apply<F, T, A>, To, Env> {
  using type = T;
  point<A, T, Env> a;
  decltype(F::value(value_as<T, A, Env>(a))) value;
  TENON_EITHER_SIDE
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE explicit point(Env const& env)
      : a{env}, value{F::value(value_as<T, A, Env>(a))} {}
};
template <class F, class T, class A, class B, class To, class Env>
struct point<apply<F, T, A, B>, To, Env> {
  using type = T;
  point<A, T, Env> a;
  point<B, T, Env> b;
  decltype(F::value(value_as<T, A, Env>(a), value_as<T, B, Env>(b))) value;
  TENON_EITHER_SIDE
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE explicit point(Env const& env)
      : a{env}, b{env}, value{F::value(value_as<T, A, Env>(a), value_as<T, B, Env>(b))} {}
};
template <class F, class T, class A, class B, class C, class To, class Env>
struct point<apply<F, T, A, B, C>, To, Env> {
  using type = T;
  point<A, T, Env> a;
  point<B, T, Env> b;
  point<C, T, Env> c;
  decltype(F::value(value_as<T, A, Env>(a), value_as<T, B, Env>(b), value_as<T, C, Env>(c))) value;
  TENON_EITHER_SIDE
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE explicit point(Env const& env)
      : a{env},
        b{env},
        c{env},
        value{F::value(value_as<T, A, Env>(a), value_as<T, B, Env>(b), value_as<T, C, Env>(c))} {}
};
template <class T, class C, class A, class B, class To, class Env>
struct point<apply<fn::choose, T, C, A, B>, To, Env> {
  using type = T;
  point<C, T, Env> condition;
  point<A, T, Env> a;
  point<B, T, Env> b;
  decltype(Env::template splat<T>(T())) value;
  TENON_EITHER_SIDE
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE explicit point(Env const& env)
      : condition{env},
        a{env},
        b{env},
        value{math::select(condition.value, value_as<T, A, Env>(a), value_as<T, B, Env>(b))} {}
};

/// Adds to `gradients` what flows to each leaf when `g` flows to the tree's value.
template <class X, class Env>
struct backward {
  TENON_EITHER_SIDE
  template <class P, class G, class Gradients>
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE static void run(P const&, G const&, Gradients&) {}
};
template <std::size_t I, class T, class L, class Env>
struct backward<element_at<I, T, L>, Env> {
  TENON_EITHER_SIDE
  template <class P, class G, class Gradients>
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE static void run(P const&, G const& g, Gradients& gradients) {
    gradients.template add<I>(g);
  }
};

/// Passes a gradient, computed in type T, on to operand X at point p.
TENON_EITHER_SIDE
template <class X, class T, class Env, class P, class G, class Gradients>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE void pass_back(P const& p, G const& g, Gradients& gradients) {
  if constexpr (has_gradient<X>) {
    using to = typename tree_type<X>::type;
    if constexpr (std::is_same_v<to, T>)
      backward<X, Env>::run(p, g, gradients);
    else
      backward<X, Env>::run(p, math::convert<to>(g), gradients);
  }
}

template <class F, class T, class A, class Env>
struct backward<apply<F, T, A>, Env> {
  TENON_EITHER_SIDE
  template <class P, class G, class Gradients>
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE static void run(P const& p, G const& g, Gradients& gradients) {
    if constexpr (has_gradient<apply<F, T, A>>)
      pass_back<A, T, Env>(p.a, F::pull(g, p.value, value_as<T, A, Env>(p.a)).a, gradients);
  }
};
template <class F, class T, class A, class B, class Env>
struct backward<apply<F, T, A, B>, Env> {
  TENON_EITHER_SIDE
  template <class P, class G, class Gradients>
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE static void run(P const& p, G const& g, Gradients& gradients) {
    if constexpr (has_gradient<apply<F, T, A, B>>) {
      auto const pulled = F::pull(g, p.value, value_as<T, A, Env>(p.a), value_as<T, B, Env>(p.b));
      pass_back<A, T, Env>(p.a, pulled.a, gradients);
      pass_back<B, T, Env>(p.b, pulled.b, gradients);
    }
  }
};
template <class F, class T, class A, class B, class C, class Env>
struct backward<apply<F, T, A, B, C>, Env> {
  TENON_EITHER_SIDE
  template <class P, class G, class Gradients>
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE static void run(P const& p, G const& g, Gradients& gradients) {
    if constexpr (has_gradient<apply<F, T, A, B, C>>) {
      auto const pulled =
          F::pull(g, p.value, value_as<T, A, Env>(p.a), value_as<T, B, Env>(p.b), value_as<T, C, Env>(p.c));
      pass_back<A, T, Env>(p.a, pulled.a, gradients);
      pass_back<B, T, Env>(p.b, pulled.b, gradients);
      pass_back<C, T, Env>(p.c, pulled.c, gradients);
    }
  }
};
template <class T, class C, class A, class B, class Env>
struct backward<apply<fn::choose, T, C, A, B>, Env> {
  TENON_EITHER_SIDE
  template <class P, class G, class Gradients>
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE static void run(P const& p, G const& g, Gradients& gradients) {
    if constexpr (has_gradient<apply<fn::choose, T, C, A, B>>) {
      auto const zero = Env::template splat<T>(T(0));
      pass_back<A, T, Env>(p.a, math::select(p.condition.value, g, zero), gradients);
      pass_back<B, T, Env>(p.b, math::select(p.condition.value, zero, g), gradients);
    }
  }
};

/// The same from the tree's value y, of a function whose derivative needs no more (tanh, sigmoid).
template <class X, class Env>
struct backward_from_result;
template <class F, class T, class A, class Env>
struct backward_from_result<apply<F, T, A>, Env> {
  TENON_EITHER_SIDE
  template <class Y, class G, class Gradients>
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE static void run(Env const& env, Y const& y, G const& g,
                                                        Gradients& gradients) {
    point<A, T, Env> const a{env};
    pass_back<A, T, Env>(a, F::pull(g, y, value_as<T, A, Env>(a)).a, gradients);
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
