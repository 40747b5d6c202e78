// SPDX-License-Identifier: BSL-1.0
// Layouts: one stride per axis, in elements, known to the compiler. A slice, a transposition or a split of a
// value is the same memory under another layout.
#pragma once
#include <array>
#include <cstddef>
#include <utility>

#include "shape.hpp"

namespace tenon {

/// Strides of a shape's axes, in elements, in the shape's order.
template <std::size_t... S>
struct strides {
  static constexpr std::array<std::size_t, sizeof...(S)> values{S...};
};

namespace detail {

template <class... A, std::size_t... I>
consteval auto row_major_strides(shape<A...>, std::index_sequence<I...>) {
  [[maybe_unused]] constexpr auto at = [](std::size_t axis) {
    std::size_t const extents[] = {A::extent..., 1};
    std::size_t product = 1;
    for (std::size_t k = axis + 1; k < sizeof...(A); ++k) product *= extents[k];
    return product;
  };
  return strides<at(I)...>{};
}

template <class... A, std::size_t... S, class... B>
consteval auto strides_for(shape<A...>, strides<S...>, shape<B...>) {
  [[maybe_unused]] constexpr auto find = [](std::size_t position) {
    std::size_t const values[] = {S..., 0};
    return values[position];
  };
  return strides<find(position<B>(shape<A...>{}))...>{};
}

}  // namespace detail

/// The dense layout of S, the last axis innermost.
template <class S>
using row_major = decltype(detail::row_major_strides(S{}, std::make_index_sequence<S::rank>{}));

/// How a value of shape S and layout L is walked by a loop over the axes of Loop: the stride of each axis of
/// Loop, 0 where S lacks it.
template <class S, class L, class Loop>
using strides_in = decltype(detail::strides_for(S{}, L{}, Loop{}));

namespace detail {
template <class... A>
auto extents_as_strides(shape<A...>) -> strides<A::extent...>;
}  // namespace detail

/// The extents of S's axes, without their names.
template <class S>
using strides_of_extents = decltype(detail::extents_as_strides(S{}));

/// Does a value of shape S with layout L fill one block of memory without gaps, in S's order?
template <class S, class L>
inline constexpr bool is_dense = std::is_same_v<L, row_major<S>>;

/// Elements from the first to past the last one that a value of shape S and layout L reaches.
template <class S, class L>
inline constexpr std::size_t span_of = [] {
  std::size_t last = 0;
  for (std::size_t i = 0; i < S::rank; ++i) last += (S::extents[i] - 1) * L::values[i];
  return last + 1;
}();

}  // namespace tenon
