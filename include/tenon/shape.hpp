// SPDX-License-Identifier: BSL-1.0
// Shapes: ordered lists of axes with distinct names, and their algebra. Every rule here is a type function
// that gives either a shape or one of the incomplete types of shape_error.hpp, which is how a wrong shape
// reads in a diagnostic. Plain packs, not Hana: this runs on every operation, and packs compile thirty times
// faster.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "axis.hpp"
#include "element.hpp"
#include "shape_error.hpp"

namespace tenon {

namespace detail {

struct distinct {};

template <class A, class... Rest>
struct first_twin {  // the first axis of Rest that has A's name
  using type = void;
};
template <class A, class B, class... Rest>
struct first_twin<A, B, Rest...> : first_twin<A, Rest...> {};
template <class A, class B, class... Rest>
requires same_name<A, B>
struct first_twin<A, B, Rest...> {
  using type = B;
};

template <class... A>
struct names_are_distinct {
  using type = distinct;
};
template <class A, class... Rest>
struct names_are_distinct<A, Rest...> {
  using twin = typename first_twin<A, Rest...>::type;
  using type =
      typename std::conditional_t<std::is_void_v<twin>, names_are_distinct<Rest...>,
                                  std::type_identity<axis_named_twice<operation::shape, A, twin>>>::type;
};

template <class Distinct>
struct checked : Distinct {};  // or an axis_named_twice, which is incomplete
}  // namespace detail

/// An ordered list of axes with distinct names. The order decides the layout in memory (row-major, the last
/// axis innermost) and nothing else.
template <axis_type... A>
struct shape : detail::checked<typename detail::names_are_distinct<A...>::type> {
  static constexpr std::size_t rank = sizeof...(A);
  static constexpr std::size_t size = (std::size_t{1} * ... * A::extent);
  static constexpr std::array<std::size_t, rank> extents{A::extent...};
};

namespace detail {

template <class S>
inline constexpr bool is_shape = false;
template <class... A>
inline constexpr bool is_shape<shape<A...>> = true;

}  // namespace detail

/// True for shapes, false for the shape errors that a rule may give instead.
template <class S>
concept well_formed = detail::is_shape<S>;

/// What a rule gives instead of a shape, or instead of void, if the operands do not fit. Overloads for
/// misfits return it by way of a template parameter, because compilers print such a type without the aliases
/// that led to it.
template <class E>
concept shape_error = !well_formed<E> && !std::is_void_v<E>;

/// A list of names, to say which axes an operation acts on: `sum<batch, steps>(x)`.
template <template <std::size_t> class... A>
struct names {};

namespace detail {

/// The first of the results of a rule's checks that is not void; void if there is none.
template <class... Result>
struct first_of {
  using type = void;
};
template <class Result, class... More>
struct first_of<Result, More...> {
  using type = Result;
};
template <class... More>
struct first_of<void, More...> : first_of<More...> {};

/// What a rule gave if that is an error, void if it is a shape.
template <class Result>
using error_in = std::conditional_t<is_shape<Result>, void, Result>;

template <class Op, class Got, class Wanted>
using element_error =
    std::conditional_t<std::is_same_v<Got, Wanted>, void, element_type_mismatch<Op, Got, Wanted>>;
/// Of an operation that computes with numbers as wide as a float at least: bf16 is for storage alone.
template <class Op, class Got>
using width_error =
    std::conditional_t<sizeof(Got) >= sizeof(float), void, element_type_mismatch<Op, Got, float>>;
/// Of an operation that makes elements of type Got: one that tensors may be made of.
template <class Op, class Got>
using support_error = std::conditional_t<supported_element<Got>, void, element_type_mismatch<Op, Got, float>>;
/// Of an operation on numbers that have fractions.
template <class Op, class Got>
using fraction_error =
    std::conditional_t<std::is_floating_point_v<Got>, void, element_type_mismatch<Op, Got, float>>;

template <class A, template <std::size_t> class Name>
inline constexpr bool is_named = false;
template <template <std::size_t> class Name, std::size_t N>
inline constexpr bool is_named<Name<N>, Name> = true;

template <class A, class... S>
consteval std::size_t position(shape<S...>) {  // rank when absent
  bool const match[] = {same_name<A, S>..., true};
  std::size_t i = 0;
  while (!match[i]) ++i;
  return i;
}

template <template <std::size_t> class Name, class... S>
consteval std::size_t position_of(shape<S...>) {
  bool const match[] = {is_named<S, Name>..., true};
  std::size_t i = 0;
  while (!match[i]) ++i;
  return i;
}

template <std::size_t I, class S>
struct at;
template <std::size_t I, class A, class... Rest>
struct at<I, shape<A, Rest...>> : at<I - 1, shape<Rest...>> {};
template <class A, class... Rest>
struct at<0, shape<A, Rest...>> {
  using type = A;
};

template <class... S>
struct join;
template <>
struct join<> {
  using type = shape<>;
};
template <class... A>
struct join<shape<A...>> {
  using type = shape<A...>;
};
template <class... A, class... B, class... Rest>
struct join<shape<A...>, shape<B...>, Rest...> : join<shape<A..., B...>, Rest...> {};

}  // namespace detail

/// Has S an axis with A's name? (A is an axis; its extent does not matter.)
template <class S, class A>
inline constexpr bool has_axis = detail::position<A>(S{}) < S::rank;

/// Has S an axis called Name?
template <class S, template <std::size_t> class Name>
inline constexpr bool has_name = detail::position_of<Name>(S{}) < S::rank;

/// The axis at position I.
template <class S, std::size_t I>
using axis_at = typename detail::at<I, S>::type;

/// The axis of S called Name; S must have it.
template <class S, template <std::size_t> class Name>
using axis_of = axis_at<S, detail::position_of<Name>(S{})>;

/// The extent of S's axis called Name; S must have it.
template <class S, template <std::size_t> class Name>
inline constexpr std::size_t extent_of = axis_of<S, Name>::extent;

namespace detail {
constexpr std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
  return (hash ^ value) * 0x100000001B3U;
}
template <class A>
constexpr std::uint64_t axis_fingerprint(std::uint64_t hash) {
  for (char const c : axis_name<A>::value) hash = mixed(hash, static_cast<unsigned char>(c));
  return mixed(mixed(hash, axis_name<A>::incoming ? 1 : 0), A::extent);
}
template <class... A>
constexpr std::uint64_t shape_fingerprint(shape<A...>) {
  std::uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a's start
  ((hash = axis_fingerprint<A>(hash)), ...);
  return hash;
}
}  // namespace detail

/// A number that tells shapes apart at run time, where a program's inputs and outputs are found by name.
template <class S>
inline constexpr std::uint64_t fingerprint = detail::shape_fingerprint(S{});

namespace detail {

// ---- union

template <class Op, class A, class S>
struct clash {  // void, or the error of A meeting an axis of S with its name and another extent
  using type = void;
};
template <class Op, class A, class S>
requires(has_axis<S, A>) struct clash<Op, A, S> {
  using twin = axis_at<S, position<A>(S{})>;
  using type = std::conditional_t<twin::extent == A::extent, void, axis_extent_mismatch<Op, twin, A>>;
};

template <class Op, class S, class... More>
struct unite {
  using type = S;
};
template <class Op, class S, class A, class... Rest, class... More>
struct unite<Op, S, shape<A, Rest...>, More...> {
  using error = typename clash<Op, A, S>::type;
  template <class>
  struct next {
    using grown = typename std::conditional_t<has_axis<S, A>, join<S>, join<S, shape<A>>>::type;
    using type = typename unite<Op, grown, shape<Rest...>, More...>::type;
  };
  using type =
      typename std::conditional_t<std::is_void_v<error>, next<void>, std::type_identity<error>>::type;
};
template <class Op, class S, class... More>
struct unite<Op, S, shape<>, More...> : unite<Op, S, More...> {};

// ---- without

template <class S, template <std::size_t> class Name>
struct drop;
template <class... A, template <std::size_t> class Name>
struct drop<shape<A...>, Name> {
  using type = typename join<std::conditional_t<is_named<A, Name>, shape<>, shape<A>>...>::type;
};

template <class Op, class S, class Names>
struct without {
  using type = S;
};
template <class Op, class S, template <std::size_t> class Name, template <std::size_t> class... More>
struct without<Op, S, names<Name, More...>> {
  using type = axis_missing<Op, Name, S>;
};
template <class Op, class S, template <std::size_t> class Name, template <std::size_t> class... More>
requires(has_name<S, Name>) struct without<Op, S, names<Name, More...>>
    : without<Op, typename drop<S, Name>::type, names<More...>> {
};

}  // namespace detail

/// The axes of all shapes in order of first appearance; axes with the same name must have the same extent.
template <class Op, class... S>
using unite_t = typename detail::unite<Op, shape<>, S...>::type;

/// S without the axes named in `Names` (a `names<…>`), each of which must be there.
template <class Op, class S, class Names>
using without_t = typename detail::without<Op, S, Names>::type;

}  // namespace tenon
