// SPDX-License-Identifier: BSL-1.0
// Expressions: lazy element-wise trees over values with named axes. An expression has a shape and an element
// type and no storage; it becomes a loop when it is assigned to a tensor, recorded in a program, or handed to
// an operation that needs its value.
#pragma once
#include <boost/hana/basic_tuple.hpp>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "../tensor.hpp"
#include "functors.hpp"
#include "operand.hpp"

namespace tenon {

// `settle(x)`, in ops/map, turns an expression into something stored; operands of a tree that must be stored
// first call it.
template <class K, class S, class X>
constexpr auto settle(reduced<K, S, X> const& x);

namespace detail {

/// What a tree holds for an operand: tensors that live elsewhere as views, temporary ones as themselves.
template <class X>
constexpr auto hold(X&& x) {
  using D = std::remove_cvref_t<X>;
  if constexpr (is_reduced<D> || postponed<D>) {
    return settle(std::forward<X>(x));
  } else if constexpr (is_tensor<D>) {
    if constexpr (std::is_lvalue_reference_v<X>)
      return tensor_view<element_of<D> const, shape_of<D>>(x.data());
    else
      return std::move(x);
  } else {
    return D(std::forward<X>(x));
  }
}

template <class A, class B>
struct common_or_second {
  using type = std::common_type_t<A, B>;
};
template <class B>
struct common_or_second<void, B> {
  using type = B;
};

template <class Known, class... X>
struct common_element_after;
template <class Known>
struct common_element_after<Known> {
  using type = Known;
};
template <class Known, class X, class... Rest>
struct common_element_after<Known, X, Rest...>
    : common_element_after<typename common_or_second<Known, computed<typename X::element>>::type, Rest...> {};
template <class Known, class X, class... Rest>
requires is_scalar<X>
struct common_element_after<Known, X, Rest...> : common_element_after<Known, Rest...> {
};

/// The type in which operands, not all of them numbers, are computed: numbers take the others' type.
template <class... X>
using common_element = common_element_after<void, X...>;

/// The type in which F is computed on X….
template <class F, class... X>
struct computed_in : common_element<X...> {};
template <class C, class A, class B>
struct computed_in<fn::choose, C, A, B> : common_element<A, B> {};
template <class C, class A, class B>
requires(is_scalar<A>&& is_scalar<B>)  // a whole number chosen by whole numbers may have a fraction
    struct computed_in<fn::choose, C, A, B>
    : std::conditional<std::is_same_v<typename C::element, double>, double, float> {
};
template <class T, class X>
struct computed_in<fn::convert<T>, X> {
  using type = T;
};

/// Refuses a number that T, the type in which it is computed, cannot hold: it would be any other.
template <class T, class X>
constexpr void check_number([[maybe_unused]] X const& x) {
  if constexpr (is_scalar<X> && std::is_integral_v<T>)
    if (!(x.value >= std::numeric_limits<T>::min() && x.value <= std::numeric_limits<T>::max()))
      throw std::out_of_range("a number beside std::int32_t is beyond what that can hold: cast<double>(x)");
}

template <class F, class... X>
constexpr auto make_mapped(X&&... x) {
  (check_number<typename computed_in<F, decltype(hold(std::forward<X>(x)))...>::type>(x), ...);
  return mapped<F, decltype(hold(std::forward<X>(x)))...>{
      boost::hana::basic_tuple<decltype(hold(std::forward<X>(x)))...>{hold(std::forward<X>(x))...}};
}

}  // namespace detail

/// F applied to expressions, element by element over the union of their axes. (What follows from F and X is
/// no parameter: the type of a large expression would name each of its parts many times.)
template <class F, class... X>
struct mapped {
  using element = typename detail::computed_in<F, X...>::type;
  using shape_type = unite_t<operation::map, typename X::shape_type...>;
  boost::hana::basic_tuple<X...> operands;
};

// ---- operators
// Each comes in two overloads: one for operands that fit, one that is declared to return the shape error.

namespace detail {
template <class Op, class A, class B>
using binary_shape = typename first_of<mixture_error<Op, A, B>, unite_t<Op, shape_of<A>, shape_of<B>>>::type;

/// A number takes the type of the elements that it meets: whole ones would lose its fraction.
template <class Op, class X, class Number>
using number_error = std::conditional_t<std::is_integral_v<element_of<X>> && std::is_floating_point_v<Number>,
                                        element_type_mismatch<Op, element_of<X>, Number>, void>;
}  // namespace detail

#define TENON_BINARY(NAME, OPERATION, FUNCTOR)                                                          \
  template <operand A, operand B>                                                                       \
  requires well_formed<detail::binary_shape<operation::map, A, B>>                                      \
  constexpr auto NAME(A&& a, B&& b) {                                                                   \
    return detail::make_mapped<FUNCTOR>(std::forward<A>(a), std::forward<B>(b));                        \
  }                                                                                                     \
  template <operand A, operand B, shape_error Error = detail::binary_shape<operation::OPERATION, A, B>> \
  Error NAME(A&&, B&&);                                                                                 \
  template <operand A, number B>                                                                        \
  requires std::is_void_v<detail::number_error<operation::OPERATION, A, B>>                             \
  constexpr auto NAME(A&& a, B number) {                                                                \
    scalar<double> const b{static_cast<double>(number)};                                                \
    return detail::make_mapped<FUNCTOR>(std::forward<A>(a), b);                                         \
  }                                                                                                     \
  template <operand A, number B, shape_error Error = detail::number_error<operation::OPERATION, A, B>>  \
  Error NAME(A&&, B);                                                                                   \
  template <number A, operand B>                                                                        \
  requires std::is_void_v<detail::number_error<operation::OPERATION, B, A>>                             \
  constexpr auto NAME(A number, B&& b) {                                                                \
    scalar<double> const a{static_cast<double>(number)};                                                \
    return detail::make_mapped<FUNCTOR>(a, std::forward<B>(b));                                         \
  }                                                                                                     \
  template <number A, operand B, shape_error Error = detail::number_error<operation::OPERATION, B, A>>  \
  Error NAME(A, B&&);

TENON_BINARY(operator+, add, fn::add)
TENON_BINARY(operator-, subtract, fn::subtract)
TENON_BINARY(operator*, multiply, fn::multiply)
TENON_BINARY(operator/, divide, fn::divide)
TENON_BINARY(operator<, compare, fn::less)
TENON_BINARY(operator<=, compare, fn::less_equal)
TENON_BINARY(operator>, compare, fn::greater)
TENON_BINARY(operator>=, compare, fn::greater_equal)
TENON_BINARY(operator==, compare, fn::equal)
TENON_BINARY(operator!=, compare, fn::not_equal)
TENON_BINARY(min, min, fn::minimum)
TENON_BINARY(max, max, fn::maximum)
TENON_BINARY(pow, pow, fn::pow)
#undef TENON_BINARY

#define TENON_UNARY(NAME, FUNCTOR)                           \
  template <operand A>                                       \
  constexpr auto NAME(A&& a) {                               \
    return detail::make_mapped<FUNCTOR>(std::forward<A>(a)); \
  }

TENON_UNARY(operator-, fn::negate)
TENON_UNARY(relu, fn::relu)
TENON_UNARY(abs, fn::abs)
#undef TENON_UNARY

// What would lose its fraction as an int32.
#define TENON_UNARY(NAME, FUNCTOR)                                                                           \
  template <operand A>                                                                                       \
  constexpr auto NAME(A&& a) {                                                                               \
    static_assert(!std::is_integral_v<element_of<A>>, #NAME " of whole numbers: " #NAME "(cast<float>(x))"); \
    return detail::make_mapped<FUNCTOR>(std::forward<A>(a));                                                 \
  }

TENON_UNARY(exp, fn::exp)
TENON_UNARY(log, fn::log)
TENON_UNARY(sqrt, fn::sqrt)
TENON_UNARY(tanh, fn::tanh)
TENON_UNARY(sigmoid, fn::sigmoid)
#undef TENON_UNARY

/// x limited to [low, high].
template <operand A, number Low, number High>
constexpr auto clamp(A&& x, Low low, High high) {
  return min(max(std::forward<A>(x), low), high);
}

/// x with its elements converted to T (int32, float, double or bf16); a gradient flows through between floating
/// types.
template <supported_element T, operand A>
constexpr auto cast(A&& x) {
  return detail::make_mapped<fn::convert<T>>(std::forward<A>(x));
}
template <class T, operand A, shape_error Error = detail::support_error<operation::cast, T>>
Error cast(A&& x);

namespace detail {
template <class X>
constexpr decltype(auto) wrap_number(X&& x) {
  if constexpr (number<X>)
    return scalar<double>{static_cast<double>(x)};
  else
    return std::forward<X>(x);
}
template <class X>
using wrapped = std::remove_cvref_t<decltype(wrap_number(std::declval<X>()))>;
/// The same of two, either of which may be the number.
template <class Op, class A, class B>
struct number_among {
  using type = void;
};
template <class Op, number A, operand B>
struct number_among<Op, A, B> {
  using type = number_error<Op, B, A>;
};
template <class Op, operand A, number B>
struct number_among<Op, A, B> {
  using type = number_error<Op, A, B>;
};
template <class C, class A, class B>
using select_shape = typename first_of<
    mixture_error<operation::select, C, wrapped<A>, wrapped<B>>,
    typename number_among<operation::select, std::remove_cvref_t<A>, std::remove_cvref_t<B>>::type,
    unite_t<operation::select, shape_of<C>, shape_of<wrapped<A>>, shape_of<wrapped<B>>>>::type;

template <class X>
inline constexpr bool is_condition = false;
template <class F, class... X>
inline constexpr bool is_condition<mapped<F, X...>> = fn::compares<F>;
template <class X>
constexpr decltype(auto) as_condition(X&& x) {
  if constexpr (is_condition<std::remove_cvref_t<X>>)
    return std::forward<X>(x);
  else
    return std::forward<X>(x) != 0;
}
}  // namespace detail

/// a where the condition holds, else b. A condition: a comparison, or numbers of which all but 0 hold. Of two
/// numbers the result is float, or double where the condition is of doubles.
template <operand C, class A, class B>
requires((operand<A> || number<A>)&&(
    operand<B> || number<B>)&&well_formed<detail::select_shape<C, A, B>>) constexpr auto select(C&& condition,
                                                                                                A&& a,
                                                                                                B&& b) {
  return detail::make_mapped<fn::choose>(detail::as_condition(std::forward<C>(condition)),
                                         detail::wrap_number(std::forward<A>(a)),
                                         detail::wrap_number(std::forward<B>(b)));
}
template <operand C, class A, class B, shape_error Error = detail::select_shape<C, A, B>>
Error select(C&&, A&&, B&&);

namespace detail {
template <class A, class B, class T>
using lerp_shape = typename first_of<
    mixture_error<operation::lerp, wrapped<A>, wrapped<B>, wrapped<T>>,
    typename number_among<operation::lerp, std::remove_cvref_t<A>, std::remove_cvref_t<T>>::type,
    typename number_among<operation::lerp, std::remove_cvref_t<B>, std::remove_cvref_t<T>>::type,
    unite_t<operation::lerp, shape_of<wrapped<A>>, shape_of<wrapped<B>>, shape_of<wrapped<T>>>>::type;
}  // namespace detail

/// a + t (b − a): a where t is 0, b where t is 1. Written like this, and not with operators, each argument is
/// evaluated once, and its gradient is carried back once.
template <class A, class B, class T>
requires((operand<A> || operand<B> ||
          operand<T>)&&well_formed<detail::lerp_shape<A, B, T>>) constexpr auto lerp(A&& a, B&& b, T&& t) {
  return detail::make_mapped<fn::lerp>(detail::wrap_number(std::forward<A>(a)),
                                       detail::wrap_number(std::forward<B>(b)),
                                       detail::wrap_number(std::forward<T>(t)));
}
template <class A, class B, class T, shape_error Error = detail::lerp_shape<A, B, T>>
requires(operand<A> || operand<B> || operand<T>) Error lerp(A&&, B&&, T&&);

// ---- reductions

namespace detail {
template <class Op, class S, class Names>
struct reduced_shape {
  using type = without_t<Op, S, Names>;
};
template <class Op, class S>
struct reduced_shape<Op, S, names<>> {
  using type = shape<>;
};
template <class Op, class X, template <std::size_t> class... Name>
using reduced_over = typename reduced_shape<Op, shape_of<X>, names<Name...>>::type;
}  // namespace detail

// sum<batch, steps>(x) reduces over the axes named; sum(x) over all of them.
#define TENON_REDUCTION(NAME, KIND)                                                \
  template <template <std::size_t> class... Name, operand X>                       \
  requires well_formed<detail::reduced_over<operation::NAME, X, Name...>>          \
  constexpr auto NAME(X&& x) {                                                     \
    using H = decltype(detail::hold(std::forward<X>(x)));                          \
    return reduced<KIND, detail::reduced_over<operation::NAME, X, Name...>, H>{    \
        detail::hold(std::forward<X>(x))};                                         \
  }                                                                                \
  template <template <std::size_t> class... Name, operand X,                       \
            shape_error Error = detail::reduced_over<operation::NAME, X, Name...>> \
  Error NAME(X&&);

TENON_REDUCTION(sum, by_sum)
TENON_REDUCTION(mean, by_mean)
TENON_REDUCTION(max, by_max)
#undef TENON_REDUCTION

/// The mean of whole numbers, or of how often a comparison of them holds, is a float.
template <template <std::size_t> class... Name, operand X>
requires(std::is_integral_v<element_of<X>>&&
             well_formed<detail::reduced_over<operation::mean, X, Name...>>) constexpr auto mean(X&& x) {
  return mean<Name...>(cast<float>(std::forward<X>(x)));
}

namespace detail {
/// x the other way round, its smallest element being the largest: −x, which the least of whole numbers does
/// not have; of those −1 − x.
template <operand X>
constexpr auto turned_over(X&& x) {
  if constexpr (std::is_integral_v<element_of<X>>)
    return -1 - std::forward<X>(x);
  else
    return -std::forward<X>(x);
}
}  // namespace detail

/// The smallest over the axes named, or over all.
template <template <std::size_t> class... Name, operand X>
requires well_formed<detail::reduced_over<operation::min, X, Name...>>
constexpr auto min(X&& x) {
  return detail::turned_over(max<Name...>(detail::turned_over(std::forward<X>(x))));
}
template <template <std::size_t> class... Name, operand X,
          shape_error Error = detail::reduced_over<operation::min, X, Name...>>
Error min(X&&);

}  // namespace tenon
