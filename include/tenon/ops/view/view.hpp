// SPDX-License-Identifier: BSL-1.0
// Views: the same memory under other axes. They cost nothing; gradients flow through them because the
// gradient of a value is viewed in the same way.
//
//   slice<a>(x, i)          x at position i of axis a, which goes away
//   part<a, Begin, N>(x)    N positions of axis a from Begin on
//   rename<a, b>(x)         axis a called b
//   arrange<a, b, …>(x)     the axes in another order
//   split<a, b<M>, c<N>>(x) axis a as two axes, M × N = a's extent
//   merge<a, b, c>(x)       axes a and b, which must lie next to each other in memory, as one axis c
#pragma once
#include <cstddef>
#include <stdexcept>

#include "../map/map.hpp"

namespace tenon {

namespace detail {

/// A recorded value with another shape and layout, `offset` elements further on. Never inlined: with -O2 and a
/// tuning for Zen g++ 12 lets temporaries share memory and forgets the offset (tests/recorded_test.cpp).
template <class S, class L, class T, class OldS, class OldL, class Owner>
TENON_RECORDING constexpr variable<T, S, L, Owner> review_recorded(variable<T, OldS, OldL, Owner> const& x,
                                                                   std::size_t offset) {
  return {x.owner, {x.at.storage, x.at.offset + offset * sizeof(T)}};
}
/// x with another shape and layout, `offset` elements further on.
template <class S, class L, class X>
constexpr auto review(X const& x, std::size_t offset) {
  if constexpr (is_variable<X>) {
    return review_recorded<S, L>(x, offset);
  } else if constexpr (is_parameter<X>) {
    if constexpr (requires { x.whole; })
      return parameter_part<decltype(x.whole), S, L>{x.whole, x.offset + offset * sizeof(element_of<X>)};
    else
      return parameter_part<X, S, L>{x, offset * sizeof(element_of<X>)};
  } else {
    using T = std::remove_pointer_t<decltype(x.data())>;  // the caller keeps what x views, or owns, alive
    return tensor_view<T, S, L>(x.data() + offset);
  }
}

template <class S, class L>
struct axes_with_strides;
template <class... A, std::size_t... St>
struct axes_with_strides<shape<A...>, strides<St...>> {
  template <class Keep>  // Keep::template of<A, stride>: a list of pairs for each axis
  using rebuilt = typename join_lists<typename Keep::template of<A, St>...>::type;
};

template <class A, std::size_t Stride>
struct strided_axis {};
template <class List>
struct from_strided;
template <class... A, std::size_t... St>
struct from_strided<list<strided_axis<A, St>...>> {
  using shape_type = shape<A...>;
  using layout = strides<St...>;
};

template <class X, class Keep>
using rebuilt = from_strided<
    typename axes_with_strides<shape_of<X>, typename std::remove_cvref_t<X>::layout>::template rebuilt<Keep>>;

template <template <std::size_t> class Name>
struct drop_axis {
  template <class A, std::size_t St>
  using of = std::conditional_t<is_named<A, Name>, list<>, list<strided_axis<A, St>>>;
};
template <template <std::size_t> class Name, std::size_t Count>
struct cut_axis {
  template <class A, std::size_t St>
  using of = list<strided_axis<std::conditional_t<is_named<A, Name>, Name<Count>, A>, St>>;
};
template <class Old, class New>
struct rename_axis {
  template <class A, std::size_t St>
  using of = list<strided_axis<std::conditional_t<same_name<A, Old>, New, A>, St>>;
};
template <class Old, class Outer, class Inner>
struct split_axis {
  template <class A, std::size_t St>
  using of = std::conditional_t<same_name<A, Old>,
                                list<strided_axis<Outer, St * Inner::extent>, strided_axis<Inner, St>>,
                                list<strided_axis<A, St>>>;
};
template <class Outer, class Inner, class Whole, std::size_t Stride>
struct merge_axes {
  template <class A, std::size_t St>
  using of = std::conditional_t<
      same_name<A, Outer>, list<>,
      std::conditional_t<same_name<A, Inner>, list<strided_axis<Whole, Stride>>, list<strided_axis<A, St>>>>;
};

template <class X, template <std::size_t> class Name>
inline constexpr std::size_t stride_of =
    std::remove_cvref_t<X>::layout::values[position_of<Name>(shape_of<X>{})];

template <class Op, class S, template <std::size_t> class Name>
using require_name = without_t<Op, S, names<Name>>;

/// x as something that a view may refer to. A temporary tensor would be gone before its view.
template <class X>
constexpr auto lasting(X&& x) {
  static_assert(is_recorded<X> || ((is_tensor<std::remove_cvref_t<X>> && std::is_lvalue_reference_v<X>) ||
                                   is_view<std::remove_cvref_t<X>>),
                "a view needs a tensor that lives on: give the tensor a name first");
  return keep(std::forward<X>(x));
}

}  // namespace detail

/// x at position i of axis Name, without that axis. Throws std::out_of_range if there is no such position.
template <template <std::size_t> class Name, operand X>
requires has_name<shape_of<X>, Name>
constexpr auto slice(X&& x, std::size_t i) {
  auto const value = detail::lasting(std::forward<X>(x));
  using V = std::remove_cvref_t<decltype(value)>;
  if (i >= extent_of<shape_of<V>, Name>) throw std::out_of_range("slice: the axis has no such position");
  using result = detail::rebuilt<V, detail::drop_axis<Name>>;
  return detail::review<typename result::shape_type, typename result::layout>(value,
                                                                              i * detail::stride_of<V, Name>);
}
template <template <std::size_t> class Name, operand X,
          shape_error Error = detail::require_name<operation::slice, shape_of<X>, Name>>
Error slice(X&& x, std::size_t i);

namespace detail {
template <class S, template <std::size_t> class Name, std::size_t Begin, std::size_t Count>
struct part_error {
  using type = axis_missing<operation::part, Name, S>;
};
template <class S, template <std::size_t> class Name, std::size_t Begin, std::size_t Count>
requires has_name<S, Name>
struct part_error<S, Name, Begin, Count> {
  using type =
      std::conditional_t<(Count > 0 && Begin <= extent_of<S, Name> && Count <= extent_of<S, Name> - Begin),
                         void, part_out_of_range<operation::part, axis_of<S, Name>, Begin, Count>>;
};
template <class S, template <std::size_t> class Name, std::size_t Begin, std::size_t Count>
using part_error_t = typename part_error<S, Name, Begin, Count>::type;
}  // namespace detail

/// The Count positions of axis Name from Begin on.
template <template <std::size_t> class Name, std::size_t Begin, std::size_t Count, operand X>
requires std::is_void_v<detail::part_error_t<shape_of<X>, Name, Begin, Count>>
constexpr auto part(X&& x) {
  auto const value = detail::lasting(std::forward<X>(x));
  using V = std::remove_cvref_t<decltype(value)>;
  using result = detail::rebuilt<V, detail::cut_axis<Name, Count>>;
  return detail::review<typename result::shape_type, typename result::layout>(
      value, Begin * detail::stride_of<V, Name>);
}
template <template <std::size_t> class Name, std::size_t Begin, std::size_t Count, operand X,
          shape_error Error = detail::part_error_t<shape_of<X>, Name, Begin, Count>>
Error part(X&& x);

namespace detail {
/// void, or the error of adding axis A to a shape S that already has one of its name.
template <class Op, class A, class S>
struct twin {
  using type = void;
};
template <class Op, class A, class S>
requires has_axis<S, A>
struct twin<Op, A, S> {
  using type = axis_named_twice<Op, A, axis_at<S, position<A>(S{})>>;
};
template <class Op, class A, class S>
using twin_error = typename twin<Op, A, S>::type;

template <class S, template <std::size_t> class Old, template <std::size_t> class New>
struct rename_error {
  using type = axis_missing<operation::rename, Old, S>;
};
template <class S, template <std::size_t> class Old, template <std::size_t> class New>
requires has_name<S, Old>
struct rename_error<S, Old, New> {
  using type = twin_error<operation::rename, New<extent_of<S, Old>>, typename drop<S, Old>::type>;
};
}  // namespace detail

/// x with axis Old called New.
template <template <std::size_t> class Old, template <std::size_t> class New, operand X>
requires std::is_void_v<typename detail::rename_error<shape_of<X>, Old, New>::type>
constexpr auto rename(X&& x) {
  auto const value = detail::lasting(std::forward<X>(x));
  using V = std::remove_cvref_t<decltype(value)>;
  using axis_type = axis_of<shape_of<V>, Old>;
  using result = detail::rebuilt<V, detail::rename_axis<axis_type, New<axis_type::extent>>>;
  return detail::review<typename result::shape_type, typename result::layout>(value, 0);
}
template <template <std::size_t> class Old, template <std::size_t> class New, operand X,
          shape_error Error = typename detail::rename_error<shape_of<X>, Old, New>::type>
Error rename(X&& x);

namespace detail {
/// The first of axes whose name comes again behind it; void: none does.
template <class... A>
struct repeated {
  using type = void;
};
template <class A, class... Rest>
struct repeated<A, Rest...> {
  using type = typename std::conditional_t<(same_name<A, Rest> || ...),
                                           std::type_identity<axis_named_twice<operation::arrange, A, A>>,
                                           repeated<Rest...>>::type;
};

/// `axis_missing` for the first of Name… that S lacks, `axis_named_twice` for one that is named again, the
/// axis of S that Name… leave out, or the shape in their order.
template <class S, template <std::size_t> class... Name>
struct arranged_shape {
  using type = without_t<operation::arrange, S, names<Name...>>;
};
template <class S, template <std::size_t> class... Name>
requires((has_name<S, Name> && ...) &&
         !std::is_void_v<typename repeated<axis_of<S, Name>...>::type>) struct arranged_shape<S, Name...> {
  using type = typename repeated<axis_of<S, Name>...>::type;
};
template <class S, template <std::size_t> class... Name>
requires((has_name<S, Name> && ...) &&
         std::is_void_v<typename repeated<axis_of<S, Name>...>::type>) struct arranged_shape<S, Name...> {
  using rest = without_t<operation::arrange, S, names<Name...>>;
  template <class R>
  struct choose {
    using type = axis_without_place<operation::arrange, axis_at<R, 0>, shape<axis_of<S, Name>...>>;
  };
  template <class R>
  requires std::is_same_v<R, shape<>>
  struct choose<R> {
    using type = shape<axis_of<S, Name>...>;
  };
  using type = typename choose<rest>::type;
};
}  // namespace detail

/// x with its axes in the order Name…, all of which must be named.
template <template <std::size_t> class... Name, operand X>
requires well_formed<typename detail::arranged_shape<shape_of<X>, Name...>::type>
constexpr auto arrange(X&& x) {
  auto const value = detail::lasting(std::forward<X>(x));
  using V = std::remove_cvref_t<decltype(value)>;
  using S = typename detail::arranged_shape<shape_of<V>, Name...>::type;
  return detail::review<S, strides_in<shape_of<V>, typename V::layout, S>>(value, 0);
}
template <template <std::size_t> class... Name, operand X,
          shape_error Error = typename detail::arranged_shape<shape_of<X>, Name...>::type>
Error arrange(X&& x);

namespace detail {
template <class S, template <std::size_t> class Name, class Outer, class Inner>
struct split_error {
  using type = axis_missing<operation::split, Name, S>;
};
template <class S, template <std::size_t> class Name, class Outer, class Inner>
requires has_name<S, Name>
struct split_error<S, Name, Outer, Inner> {
  using product =
      std::conditional_t<Outer::extent * Inner::extent == extent_of<S, Name>, void,
                         extents_do_not_multiply<operation::split, axis_of<S, Name>, Outer, Inner>>;
  using rest = typename drop<S, Name>::type;
  using type = typename first_of<product, twin_error<operation::split, Outer, rest>,
                                 twin_error<operation::split, Inner, rest>,
                                 twin_error<operation::split, Inner, shape<Outer>>>::type;
};

template <class S, template <std::size_t> class Outer, template <std::size_t> class Inner,
          template <std::size_t> class Whole>
struct merge_error {
  using type = std::conditional_t<has_name<S, Outer>, axis_missing<operation::merge, Inner, S>,
                                  axis_missing<operation::merge, Outer, S>>;
};
template <class S, template <std::size_t> class Outer, template <std::size_t> class Inner,
          template <std::size_t> class Whole>
requires(has_name<S, Outer>&& has_name<S, Inner>) struct merge_error<S, Outer, Inner, Whole> {
  using type = twin_error<operation::merge, Whole<extent_of<S, Outer> * extent_of<S, Inner>>,
                          typename drop<typename drop<S, Outer>::type, Inner>::type>;
};
}  // namespace detail

/// x with axis Name as two: position i becomes (i / N, i % N) for Inner's extent N.
template <template <std::size_t> class Name, axis_type Outer, axis_type Inner, operand X>
requires std::is_void_v<typename detail::split_error<shape_of<X>, Name, Outer, Inner>::type>
constexpr auto split(X&& x) {
  auto const value = detail::lasting(std::forward<X>(x));
  using V = std::remove_cvref_t<decltype(value)>;
  using result = detail::rebuilt<V, detail::split_axis<axis_of<shape_of<V>, Name>, Outer, Inner>>;
  return detail::review<typename result::shape_type, typename result::layout>(value, 0);
}
template <template <std::size_t> class Name, axis_type Outer, axis_type Inner, operand X,
          shape_error Error = typename detail::split_error<shape_of<X>, Name, Outer, Inner>::type>
Error split(X&& x);

/// x with axes Outer and Inner as one axis Whole. They must lie next to each other in memory; `keep` an
/// arranged copy first if they do not.
template <template <std::size_t> class Outer, template <std::size_t> class Inner,
          template <std::size_t> class Whole, operand X>
requires std::is_void_v<typename detail::merge_error<shape_of<X>, Outer, Inner, Whole>::type>
constexpr auto merge(X&& x) {
  auto const value = detail::lasting(std::forward<X>(x));
  using V = std::remove_cvref_t<decltype(value)>;
  using outer = axis_of<shape_of<V>, Outer>;
  using inner = axis_of<shape_of<V>, Inner>;
  static_assert(outer::extent == 1 || inner::extent == 1 ||
                    detail::stride_of<V, Outer> == detail::stride_of<V, Inner> * inner::extent,
                "merge: the two axes do not lie next to each other in memory");
  constexpr std::size_t stride =
      inner::extent == 1 ? detail::stride_of<V, Outer> : detail::stride_of<V, Inner>;
  using result =
      detail::rebuilt<V, detail::merge_axes<outer, inner, Whole<outer::extent * inner::extent>, stride>>;
  return detail::review<typename result::shape_type, typename result::layout>(value, 0);
}
template <template <std::size_t> class Outer, template <std::size_t> class Inner,
          template <std::size_t> class Whole, operand X,
          shape_error Error = typename detail::merge_error<shape_of<X>, Outer, Inner, Whole>::type>
Error merge(X&& x);

}  // namespace tenon
