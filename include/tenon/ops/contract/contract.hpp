// SPDX-License-Identifier: BSL-1.0
// Contractions: products of two values summed over named axes.
//
//   dot<a, …>(x, y)    Σ over the named axes; other names that both have are batch axes
//   linear(x, w)       w maps x's axis a to w's other axes; it has the axis from<a>
//   linear(x, w, b)    the same plus b
//   outer(x, y)        nothing is summed; x and y share no name
//
// The result has x's axes, then y's. record.hpp has the derivative.
#pragma once
#include <cstddef>
#include <stdexcept>
#include <type_traits>

#include "bias.hpp"
#include "largest.hpp"
#include "record.hpp"

namespace tenon {

namespace detail {

/// bias + x · y summed over the axes that Out lacks. X and Y hold values; their axes may go by other names
/// here (SX, SY).
template <class SX, class SY, class Out, class X, class Y, class B = nothing>
constexpr auto contract(X const& x, Y const& y, char const* name, B const& bias = {}) {
  using T = typename common_element<X, Y>::type;
  using A = contracted<T, SX, typename X::layout>;
  using C = contracted<T, SY, typename Y::layout>;
  using O = contracted<T, Out, row_major<Out>>;
  static_assert(std::is_same_v<T, element_of<X>> && std::is_same_v<T, element_of<Y>>,
                "a contraction needs operands of one element type: cast<float>(x)");
  constexpr bool biased = !std::is_same_v<B, nothing>;
  using how = contraction_of<A, C, O>;
  auto const products = [&] {
    return review<SX, typename X::layout>(x, 0) * review<SY, typename Y::layout>(y, 0);
  };
  if constexpr (is_recorded<X> || is_recorded<Y> || is_recorded<B>) {
    auto& r = recorder_of(x, y);
    auto const out = r.template make<T, Out>();
    auto const fill = [&] {
      if constexpr (biased) record_map<by_sum, O>(r, out.at, false, bias);
    };
    if constexpr (how::as_products) {
      record_contraction<A, C, O>(r, out.at, biased, r.place(x), r.place(y), name, {}, fill);
      if constexpr (biased) join_bias<A, C, O>(r, bias);
      offer_largest<A, C, O>(r, bias);
    } else {
      fill();
      record_map<by_sum, O>(r, out.at, biased, products());
    }
    return out;
  } else {
    tensor_of<T, Out> out;
    if constexpr (biased) run_map<by_sum, O>(out.data(), bias);
    if constexpr (how::as_products) {
      auto const spec = how::spec(name);
      void* const operands[] = {out.data(), how::plan.swapped ? address_of(y) : address_of(x),
                                how::plan.swapped ? address_of(x) : address_of(y)};
      run_now(spec, operands, biased ? 1U : 0U);
    } else {
      run_map<by_sum, O>(out.data(), products(), biased);
    }
    return out;
  }
}

// ---- shape rules

template <class Op, class X, class Y, template <std::size_t> class... Name>
struct dot_shape {
  template <class U>
  struct after_union {
    using type = U;
  };
  template <class U>
  requires well_formed<U>
  struct after_union<U> {
    using in_x = without_t<Op, X, names<Name...>>;
    using in_y = without_t<Op, Y, names<Name...>>;
    using type =
        std::conditional_t<!well_formed<in_x>, in_x,
                           std::conditional_t<!well_formed<in_y>, in_y, without_t<Op, U, names<Name...>>>>;
  };
  using type = typename after_union<unite_t<Op, X, Y>>::type;
};

template <class S>
struct incoming_axis {  // the A of S's axis from<A>; void if there is none
  using type = void;
};
template <class A, class... Rest>
struct incoming_axis<shape<A, Rest...>> : incoming_axis<shape<Rest...>> {};
template <class A, class... Rest>
struct incoming_axis<shape<from<A>, Rest...>> {
  using type = A;
};

template <class S, class Old, class New>
struct replaced;
template <class... A, class Old, class New>
struct replaced<shape<A...>, Old, New> {
  using type = shape<std::conditional_t<same_name<A, Old>, New, A>...>;
};

template <class X, class W>
struct linear_shape {
  using in = typename incoming_axis<W>::type;
  template <class In>
  struct by_axis {
    static constexpr std::size_t at = position<In>(X{});
    template <std::size_t At>
    struct found {
      using type = axis_required<operation::linear, In, X>;
    };
    template <std::size_t At>
    requires(At < X::rank) struct found<At> {
      using own = axis_at<X, At>;
      using s = summed<In::extent>;
      using x_shape = typename replaced<X, In, s>::type;
      using w_shape = typename replaced<W, from<In>, s>::type;
      // A name on both sides would become a batch axis; in a linear map that is a mistake.
      template <class XS, class... A>
      static auto twin(shape<A...>) {
        return std::type_identity<typename join<
            std::conditional_t<has_axis<XS, A> && !same_name<A, s>, shape<A>, shape<>>...>::type>{};
      }
      using common = typename decltype(twin<x_shape>(w_shape{}))::type;
      template <class C>
      struct distinct_names {
        using type = axis_named_twice<operation::linear, axis_at<x_shape, position<axis_at<C, 0>>(x_shape{})>,
                                      axis_at<C, 0>>;
      };
      template <class C>
      requires std::is_same_v<C, shape<>>
      struct distinct_names<C> {
        using type =
            without_t<operation::linear, unite_t<operation::linear, x_shape, w_shape>, names<summed>>;
      };
      using type = typename std::conditional_t<
          own::extent == In::extent, distinct_names<common>,
          std::type_identity<axis_extent_mismatch<operation::linear, own, from<In>>>>::type;
    };
    using type = typename found<at>::type;
  };
  template <class In>
  requires std::is_void_v<In>
  struct by_axis<In> {
    using type = from_axis_missing<operation::linear, W>;
  };
  using type = typename by_axis<in>::type;
};

template <class X, class Y, template <std::size_t> class... Name>
using dot_t =
    typename first_of<mixture_error<operation::dot, X, Y>,
                      element_error<operation::dot, element_of<X>, element_of<Y>>,
                      width_error<operation::dot, element_of<X>>,
                      typename dot_shape<operation::dot, shape_of<X>, shape_of<Y>, Name...>::type>::type;

}  // namespace detail

/// The shape of linear(x, w), or the error that says why there is none: a layer that maps its input by w checks
/// by it.
template <class X, class W>
using linear_t =
    typename detail::first_of<detail::mixture_error<operation::linear, X, W>,
                              detail::element_error<operation::linear, element_of<X>, element_of<W>>,
                              detail::width_error<operation::linear, element_of<X>>,
                              typename detail::linear_shape<shape_of<X>, shape_of<W>>::type>::type;

/// Σ of x · y over the axes Name…, which both have; other shared names are batch axes.
template <template <std::size_t> class... Name, operand X, operand Y>
requires well_formed<detail::dot_t<X, Y, Name...>>
constexpr auto dot(X&& x, Y&& y) {
  return detail::contract<shape_of<X>, shape_of<Y>, detail::dot_t<X, Y, Name...>>(
      keep(std::forward<X>(x)), keep(std::forward<Y>(y)), "dot");
}
template <template <std::size_t> class... Name, operand X, operand Y,
          shape_error Error = detail::dot_t<X, Y, Name...>>
Error dot(X&& x, Y&& y);

/// x's axis a mapped by w, which has the axis from<a>: out = Σ_a x · w, of x's other axes and then w's.
template <operand X, operand W>
requires(well_formed<linear_t<X, W>> && !postponed<std::remove_cvref_t<X>>) constexpr auto linear(X&& x,
                                                                                                  W&& w) {
  using in = typename detail::incoming_axis<shape_of<W>>::type;
  using s = detail::summed<in::extent>;
  return detail::contract<typename detail::replaced<shape_of<X>, in, s>::type,
                          typename detail::replaced<shape_of<W>, from<in>, s>::type, linear_t<X, W>>(
      keep(std::forward<X>(x)), keep(std::forward<W>(w)), "linear");
}
template <operand X, operand W, shape_error Error = linear_t<X, W>>
Error linear(X&& x, W&& w);

/// linear(x, w) + b, b having axes of the result.
template <operand X, operand W, operand B>
requires(well_formed<linear_t<X, W>>&& assignable<linear_t<X, W>, shape_of<B>> &&
         !postponed<std::remove_cvref_t<X>>) constexpr auto linear(X&& x, W&& w, B&& b) {
  using in = typename detail::incoming_axis<shape_of<W>>::type;
  using s = detail::summed<in::extent>;
  return detail::contract<typename detail::replaced<shape_of<X>, in, s>::type,
                          typename detail::replaced<shape_of<W>, from<in>, s>::type, linear_t<X, W>>(
      keep(std::forward<X>(x)), keep(std::forward<W>(w)), "linear", keep(std::forward<B>(b)));
}
template <operand X, operand W, operand B, shape_error Error = linear_t<X, W>>
Error linear(X&& x, W&& w, B&& b);
template <operand X, operand W, operand B,
          shape_error Error = typename detail::misfit<linear_t<X, W>, shape_of<B>, operation::linear>::type>
requires well_formed<linear_t<X, W>> Error linear(X&& x, W&& w, B&& b);

namespace detail {
/// void, or why linear(x, w) cannot be added to a value of element type T and shape S.
template <class T, class S, class X, class W>
using add_linear_error =
    typename first_of<error_in<linear_t<X, W>>, element_error<operation::linear, element_of<X>, T>,
                      typename misfit<S, linear_t<X, W>, operation::linear>::type,
                      typename misfit<linear_t<X, W>, S, operation::linear>::type>::type;
}  // namespace detail

/// y += linear(x, w), in y's own memory: for a recurrence's step that adds to what was computed for all steps
/// at once; its axes may stand in another order than those of linear(x, w). Nothing else may read y before
/// the sum. Gives y. Throws std::logic_error where y is an input, a weight or something whose derivative
/// needs it unchanged (softmax, max), and where x or w lies in y.
template <class T, class S, class L, class Owner, operand X, operand W>
requires std::is_void_v<detail::add_linear_error<T, S, X, W>>
constexpr variable<T, S, L, Owner> add_linear(variable<T, S, L, Owner> const& y, X&& x, W&& w) {
  using in = typename detail::incoming_axis<shape_of<W>>::type;
  using s = detail::summed<in::extent>;
  auto const a = keep(std::forward<X>(x));
  auto const b = keep(std::forward<W>(w));
  using A = detail::contracted<T, typename detail::replaced<shape_of<X>, in, s>::type,
                               typename std::remove_cvref_t<decltype(a)>::layout>;
  using B = detail::contracted<T, typename detail::replaced<shape_of<W>, from<in>, s>::type,
                               typename std::remove_cvref_t<decltype(b)>::layout>;
  using O = detail::contracted<T, S, L>;
  static_assert(detail::contraction_of<A, B, O>::plan.possible,
                "add_linear: the operands are no matrices in memory");
  auto& r = *y.owner;
  r.check_can_add_to(y.at);
  auto const lies_in_y = [&]<class V>(V const& v) {  // and would be read while it is written
    auto const at = r.place(v);
    return r.root(at).storage == r.root(y.at).storage &&
           !r.template disjoint<S, L, shape_of<V>, typename V::layout>(y.at, at);
  };
  if (lies_in_y(a) || lies_in_y(b))
    throw std::logic_error("add_linear: an operand lies in what is added to: keep(x * 1) makes a copy");
  detail::record_contraction<A, B, O>(r, y.at, true, r.place(a), r.place(b), "linear");
  return y;
}
template <class T, class S, class L, class Owner, operand X, operand W,
          shape_error Error = detail::add_linear_error<T, S, X, W>>
Error add_linear(variable<T, S, L, Owner> const& y, X&& x, W&& w);

namespace detail {
template <class X, class Y>
struct outer_shape {
  template <class... A>
  static auto common(shape<A...>) ->
      typename join<std::conditional_t<has_axis<Y, A>, shape<A>, shape<>>...>::type;
  template <class C>
  struct of {
    using A = axis_at<C, 0>;
    using type = axis_named_twice<operation::outer, A, axis_at<Y, position<A>(Y{})>>;
  };
  template <class C>
  requires std::is_same_v<C, shape<>>
  struct of<C> {
    using type = unite_t<operation::outer, X, Y>;
  };
  using type = typename of<decltype(common(X{}))>::type;
};
template <class X, class Y>
using outer_t = typename outer_shape<shape_of<X>, shape_of<Y>>::type;
}  // namespace detail

/// Every element of x times every element of y.
template <operand X, operand Y>
requires well_formed<detail::outer_t<X, Y>>
constexpr auto outer(X&& x, Y&& y) {
  return keep(std::forward<X>(x) * std::forward<Y>(y));
}
template <operand X, operand Y, shape_error Error = detail::outer_t<X, Y>>
Error outer(X&& x, Y&& y);

}  // namespace tenon
