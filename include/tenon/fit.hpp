// SPDX-License-Identifier: BSL-1.0
// What the signature of a layer or of an operation made of others demands of its arguments, checked at the
// call: a misfit is reported there, by the layer's name, and not by some operation deep inside it.
#pragma once
#include <cstddef>
#include <type_traits>

#include "shape.hpp"

namespace tenon::detail {

/// void, or the error of S lacking an axis called Name.
template <class Op, class S, template <std::size_t> class Name>
using name_error = std::conditional_t<has_name<S, Name>, void, axis_missing<Op, Name, S>>;

template <class Op, class S, class A>
struct axis_demand {
  using type = axis_required<Op, A, S>;
};
template <class Op, class S, class A>
requires has_axis<S, A>
struct axis_demand<Op, S, A> {
  using twin = axis_at<S, position<A>(S{})>;
  using type = std::conditional_t<twin::extent == A::extent, void, axis_extent_mismatch<Op, twin, A>>;
};
/// void, or the error of S lacking axis A or having it with another extent.
template <class Op, class S, class A>
using axis_error = typename axis_demand<Op, S, A>::type;

template <class Op, class S, template <std::size_t> class Name>
struct name_ban {
  using type = void;
};
template <class Op, class S, template <std::size_t> class Name>
requires has_name<S, Name>
struct name_ban<Op, S, Name> {
  using type = axis_without_place<Op, axis_of<S, Name>, typename drop<S, Name>::type>;
};
/// void, or the error of S having an axis called Name.
template <class Op, class S, template <std::size_t> class Name>
using surplus_error = typename name_ban<Op, S, Name>::type;

/// void, or the error of an axis that has another extent in two of the shapes.
template <class Op, class... S>
using extent_error = error_in<unite_t<Op, S...>>;

}  // namespace tenon::detail
