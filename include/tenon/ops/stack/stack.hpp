// SPDX-License-Identifier: BSL-1.0
// stack<a>(x₀, x₁, …) lays values of one shape, or an std::array of them, behind each other along a new
// outermost axis a; concat<a>(x, y) joins two values along an axis that both have.
//
// In a recording a stack costs nothing where its operands are whole values of their own: they are placed
// inside the stack from the start. Otherwise, and for concat, they are copied. Derivative: each operand's
// gradient is its part of the result's gradient.
#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "../view/view.hpp"

namespace tenon {

/// The values x[0], …, x[N-1] (variables of one type) along a new outermost axis Name.
template <template <std::size_t> class Name, class T, class S, class L, class Owner, std::size_t N>
requires(!has_name<S, Name>) constexpr auto stack(std::array<variable<T, S, L, Owner>, N> const& x) {
  using result = typename detail::join<shape<Name<N>>, S>::type;
  auto& r = *x[0].owner;
  auto const out = r.template make<T, result>();
  for (std::size_t i = 0; i < N; ++i) {
    location const from = r.place(x[i]), where{out.at.storage, i * S::size * sizeof(T)};
    // The same value may be stacked twice, but it is free only once.
    if (is_dense<S, L> && r.is_free(from, S::size * sizeof(T)) && r.at(from.storage).gradient < 0) {
      auto& s = r.at(from.storage);
      s.parent = out.at.storage;
      s.parent_offset = where.offset;
      r.at(out.at.storage).active |= s.active;
    } else {
      detail::record_map<by_sum, variable<T, S>>(r, where, false, x[i]);
    }
  }
  return out;
}
template <template <std::size_t> class Name, class T, class S, class L, class Owner, std::size_t N,
          shape_error Error = detail::twin_error<operation::stack, Name<N>, S>>
Error stack(std::array<variable<T, S, L, Owner>, N> const& x);

/// Stacks tensors of one type at once.
template <template <std::size_t> class Name, class T, class... A, std::size_t N>
requires(!has_name<shape<A...>, Name>) auto stack(std::array<tensor<T, A...>, N> const& x) {
  tensor<T, Name<N>, A...> out;
  for (std::size_t i = 0; i < N; ++i) std::copy_n(x[i].data(), x[i].size, out.data() + i * x[i].size);
  return out;
}
template <template <std::size_t> class Name, class T, class... A, std::size_t N,
          shape_error Error = detail::twin_error<operation::stack, Name<N>, shape<A...>>>
Error stack(std::array<tensor<T, A...>, N> const& x);

namespace detail {
/// What of further operands does not fit to the first one's: they have the same axes, in any order.
template <class X, class... More>
using stack_error = typename first_of<
    mixture_error<operation::stack, X, More...>,
    typename first_of<element_error<operation::stack, element_of<More>, element_of<X>>...>::type,
    typename first_of<typename misfit<shape_of<X>, shape_of<More>, operation::stack>::type...>::type,
    typename first_of<typename misfit<shape_of<More>, shape_of<X>, operation::stack>::type...>::type>::type;

/// A value as one of shape S that stands in memory as a whole: itself where it does. `all`: what it is stacked
/// with, some of which says which recording that is.
template <class S, class X, class... All>
constexpr auto whole(X const& x, All const&... all) {
  using T = element_of<X>;
  if constexpr (is_recorded<X>) {
    auto const value = keep(x);
    using V = std::remove_cvref_t<decltype(value)>;
    if constexpr (is_variable<V> && std::is_same_v<shape_of<V>, S>) {
      if constexpr (std::is_same_v<typename V::layout, row_major<S>>) return value;
    }
    auto& r = recorder_of(all...);
    auto const out = r.template make<T, S>();
    record_map<by_sum, variable<T, S>>(r, out.at, false, value);
    return out;
  } else {
    tensor_of<T, S> out = x;
    return out;
  }
}
}  // namespace detail

/// x and more values or expressions of the same axes along a new outermost axis Name.
template <template <std::size_t> class Name, operand X, operand... More>
requires std::is_void_v<detail::stack_error<X, More...>>
constexpr auto stack(X const& x, More const&... more) {
  using S = shape_of<X>;
  return stack<Name>(std::array{detail::whole<S>(x, x, more...), detail::whole<S>(more, x, more...)...});
}
template <template <std::size_t> class Name, operand X, operand... More,
          shape_error Error = detail::stack_error<X, More...>>
Error stack(X const& x, More const&... more);

/// Expressions of one type, or views of tensors, in an array.
template <template <std::size_t> class Name, operand X, std::size_t N>
requires(!stored<X> || detail::is_view<X>) constexpr auto stack(std::array<X, N> const& x) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return stack<Name>(x[I]...);
  }
  (std::make_index_sequence<N>{});
}

namespace detail {

template <class S, class T, template <std::size_t> class Name>
struct concat_shape {
  using type = std::conditional_t<has_name<S, Name>, axis_missing<operation::concat, Name, T>,
                                  axis_missing<operation::concat, Name, S>>;
};
template <class S, class T, template <std::size_t> class Name>
requires(has_name<S, Name>&& has_name<T, Name>) struct concat_shape<S, T, Name> {
  // The other axes must be the same, whatever their order.
  using others = unite_t<operation::concat, typename drop<S, Name>::type, typename drop<T, Name>::type>;
  template <class U>
  struct whole {
    using type = U;  // an error
  };
  template <class U>
  requires(well_formed<U>&& U::rank + 1 == S::rank && U::rank + 1 == T::rank) struct whole<U> {
    template <class... A>
    static auto grown(shape<A...>)
        -> shape<std::conditional_t<is_named<A, Name>, Name<extent_of<S, Name> + extent_of<T, Name>>, A>...>;
    using type = decltype(grown(S{}));
  };
  template <class U>
  requires(well_formed<U> && (U::rank + 1 != S::rank || U::rank + 1 != T::rank)) struct whole<U> {
    using last = axis_at<U, U::rank - 1>;
    using type = axis_required<operation::concat, last, std::conditional_t<has_axis<S, last>, T, S>>;
  };
  using type = typename whole<others>::type;
};
template <class X, class Y, template <std::size_t> class Name>
using concat_t = typename first_of<mixture_error<operation::concat, X, Y>,
                                   element_error<operation::concat, element_of<X>, element_of<Y>>,
                                   typename concat_shape<shape_of<X>, shape_of<Y>, Name>::type>::type;

}  // namespace detail

/// x and y one behind the other along axis Name; their other axes must agree.
template <template <std::size_t> class Name, operand X, operand Y>
requires well_formed<detail::concat_t<X, Y, Name>>
constexpr auto concat(X&& x, Y&& y) {
  using S = detail::concat_t<X, Y, Name>;
  using T = element_of<X>;
  constexpr std::size_t first = extent_of<shape_of<X>, Name>, second = extent_of<shape_of<Y>, Name>;
  auto const a = keep(std::forward<X>(x));
  auto const b = keep(std::forward<Y>(y));
  if constexpr (is_recorded<X> || is_recorded<Y>) {
    auto& r = recorder_of(a, b);
    auto const out = r.template make<T, S>();
    auto const copy = [&](auto const& view, auto const& from) {
      detail::record_map<by_sum, std::remove_cvref_t<decltype(view)>>(r, view.at, false, from);
    };
    copy(part<Name, 0, first>(out), a);
    copy(part<Name, first, second>(out), b);
    return out;
  } else {
    tensor_of<T, S> out;
    auto const copy = [&](auto const& view, auto const& from) {
      detail::run_map<by_sum, std::remove_cvref_t<decltype(view)>>(view.data(), from);
    };
    copy(part<Name, 0, first>(out.view()), a);
    copy(part<Name, first, second>(out.view()), b);
    return out;
  }
}
template <template <std::size_t> class Name, operand X, operand Y,
          shape_error Error = detail::concat_t<X, Y, Name>>
Error concat(X&& x, Y&& y);

}  // namespace tenon
