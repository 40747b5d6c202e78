// SPDX-License-Identifier: BSL-1.0
// Lowering: from an expression over named axes to a nameless tree of functors over loads. Kernels see only
// this.
#pragma once
#include <cstddef>

#include "expression.hpp"
#include "nest.hpp"

namespace tenon {

/// Operand number I of a call, of element type T, walked with strides L.
template <std::size_t I, class T, class L>
struct element_at {};
/// Scalar number I of a call, in the type its functor computes in.
template <std::size_t I>
struct number_at {};
/// A random keep mask: its element number is walked with strides L (operand number I is not there), its rate
/// is scalar number J, its site integer number K.
template <std::size_t I, std::size_t J, std::size_t K, class L>
struct mask_at {};
/// Functor F on lowered operands, computed in type T.
template <class F, class T, class... X>
struct apply {};

namespace detail {

template <class...>
struct list {};

template <class L>
inline constexpr std::size_t list_size = 0;
template <class... A>
inline constexpr std::size_t list_size<list<A...>> = sizeof...(A);

template <class... L>
struct join_lists {
  using type = list<>;
};
template <class... A>
struct join_lists<list<A...>> {
  using type = list<A...>;
};
template <class... A, class... B, class... Rest>
struct join_lists<list<A...>, list<B...>, Rest...> : join_lists<list<A..., B...>, Rest...> {};

/// How many leaves, scalars and masks an expression has.
struct leaf_count {
  std::size_t leaves = 0, scalars = 0, integers = 0;
  constexpr leaf_count operator+(leaf_count o) const {
    return {leaves + o.leaves, scalars + o.scalars, integers + o.integers};
  }
};

template <class X>
inline constexpr leaf_count count_leaves = {1, 0, 0};
template <class T>
inline constexpr leaf_count count_leaves<scalar<T>> = {0, 1, 0};
template <class S>
inline constexpr leaf_count count_leaves<keep_mask<S>> = {1, 1, 1};
template <class F, class... X>
inline constexpr leaf_count count_leaves<mapped<F, X...>> = (leaf_count{} + ... + count_leaves<X>);

/// The strides with which each leaf of X is walked by a loop over Loop, as a list of strides.
template <class X, class Loop>
struct leaf_strides {
  using type = list<strides_in<typename X::shape_type, typename X::layout, Loop>>;
};
template <class T, class Loop>
struct leaf_strides<scalar<T>, Loop> {
  using type = list<>;
};
template <class S, class Loop>
struct leaf_strides<keep_mask<S>, Loop> {
  using type = list<strides_in<S, row_major<S>, Loop>>;
};
template <class F, class... X, class Loop>
struct leaf_strides<mapped<F, X...>, Loop> {
  using type = typename join_lists<typename leaf_strides<X, Loop>::type...>::type;
};

/// X lowered; its leaves are numbered from First.leaves on, in the order in which they are written.
template <class X, class Arranged, std::size_t Leaf, std::size_t Scalar, std::size_t Integer>
struct lower {
  using type = element_at<Leaf, typename X::element, typename Arranged::template leaf<Leaf>>;
};
template <class T, class Arranged, std::size_t Leaf, std::size_t Scalar, std::size_t Integer>
struct lower<scalar<T>, Arranged, Leaf, Scalar, Integer> {
  using type = number_at<Scalar>;
};
template <class S, class Arranged, std::size_t Leaf, std::size_t Scalar, std::size_t Integer>
struct lower<keep_mask<S>, Arranged, Leaf, Scalar, Integer> {
  using type = mask_at<Leaf, Scalar, Integer, typename Arranged::template leaf<Leaf>>;
};

template <class Arranged, std::size_t Leaf, std::size_t Scalar, std::size_t Integer, class... X>
struct lower_all {
  using type = list<>;
};
template <class Arranged, std::size_t Leaf, std::size_t Scalar, std::size_t Integer, class X, class... Rest>
struct lower_all<Arranged, Leaf, Scalar, Integer, X, Rest...> {
  static constexpr auto n = count_leaves<X>;
  using type = typename join_lists<list<typename lower<X, Arranged, Leaf, Scalar, Integer>::type>,
                                   typename lower_all<Arranged, Leaf + n.leaves, Scalar + n.scalars,
                                                      Integer + n.integers, Rest...>::type>::type;
};
template <class F, class T, class List>
struct apply_all;
template <class F, class T, class... X>
struct apply_all<F, T, list<X...>> {
  using type = apply<F, T, X...>;
};

template <class F, class... X, class Arranged, std::size_t Leaf, std::size_t Scalar, std::size_t Integer>
struct lower<mapped<F, X...>, Arranged, Leaf, Scalar, Integer> {
  using type = typename apply_all<F, computed<typename mapped<F, X...>::element>,
                                  typename lower_all<Arranged, Leaf, Scalar, Integer, X...>::type>::type;
};

template <class Loop, class Out, std::size_t Key, class List>
struct arrange_list;
template <class Loop, class Out, std::size_t Key, class... L>
struct arrange_list<Loop, Out, Key, list<L...>> {
  using type = arranged<Loop, Out, Key, L...>;
};

template <class T, class S, class L>
struct leaf_info {  // a leaf of an expression as its derivative needs it
  using element = T;
  using shape_type = S;
  using layout = L;
};

template <class X>
struct leaf_infos {
  using type = list<leaf_info<typename X::element, typename X::shape_type, typename X::layout>>;
};
template <class T>
struct leaf_infos<scalar<T>> {
  using type = list<>;
};
template <class S>
struct leaf_infos<keep_mask<S>> {
  using type = list<leaf_info<float, S, row_major<S>>>;
};
template <class F, class... X>
struct leaf_infos<mapped<F, X...>> {
  using type = typename join_lists<typename leaf_infos<X>::type...>::type;
};

template <std::size_t I, class List>
struct list_at;
template <std::size_t I, class A, class... Rest>
struct list_at<I, list<A, Rest...>> : list_at<I - 1, list<Rest...>> {};
template <class A, class... Rest>
struct list_at<0, list<A, Rest...>> {
  using type = A;
};

/// Floating-point operations of one element of a lowered tree.
template <class X>
inline constexpr std::size_t flops_of = 0;
template <class F, class T, class... X>
inline constexpr std::size_t flops_of<apply<F, T, X...>> = (F::flops + ... + flops_of<X>);

template <class X, class Visit>
constexpr void each_leaf(X const& x, Visit&& visit) {
  if constexpr (is_mapped<X>)
    boost::hana::unpack(x.operands, [&](auto const&... y) { (each_leaf(y, visit), ...); });
  else if constexpr (!is_scalar<X>)
    visit(x);
}

/// Puts the numbers of an expression into a call.
template <class X>
constexpr void collect_numbers(X const& x, call_spec& spec, std::size_t& scalar_index,
                               std::size_t& integer_index) {
  if constexpr (is_mapped<X>) {
    boost::hana::unpack(
        x.operands, [&](auto const&... y) { (collect_numbers(y, spec, scalar_index, integer_index), ...); });
  } else if constexpr (is_scalar<X>) {
    spec.scalars[scalar_index++] = x.value;
  } else if constexpr (is_mask<X>) {
    spec.scalars[scalar_index++] = x.rate;
    spec.integers[integer_index++] = static_cast<std::int64_t>(x.site);
  }
}

}  // namespace detail
}  // namespace tenon
