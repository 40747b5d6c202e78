// SPDX-License-Identifier: BSL-1.0
// Printing tensors: their shape with names, then their elements, nested like the axes; long axes are
// shortened.
//
//   std::cout << y;   // batch 2, hiddens 3: [[1, 2, 3], [4, 5, 6]]
#pragma once
#include <cstddef>
#include <ostream>

#include "tensor.hpp"

namespace tenon {

namespace detail {

/// Axes longer than this show their first and last elements alone.
inline constexpr std::size_t shown_elements = 8;

template <class T, std::size_t Rank>
void print_axis(std::ostream& out, T const* data, std::array<std::size_t, Rank> const& extents,
                std::array<std::size_t, Rank> const& steps, std::size_t axis) {
  if (axis == Rank) {
    out << +*data;
    return;
  }
  out << '[';
  for (std::size_t i = 0; i < extents[axis]; ++i) {
    if (i > 0) out << ", ";
    if (extents[axis] > shown_elements && i == shown_elements / 2) {
      out << "…";
      i = extents[axis] - shown_elements / 2 - 1;
      continue;
    }
    print_axis(out, data + i * steps[axis], extents, steps, axis + 1);
  }
  out << ']';
}

template <class... A>
void print_shape(std::ostream& out, shape<A...>) {
  std::size_t i = 0;
  ((out << (i++ > 0 ? ", " : "") << (axis_name<A>::incoming ? "from " : "") << axis_name<A>::value << ' '
        << A::extent),
   ...);
}

}  // namespace detail

template <class T, class S, class L>
std::ostream& operator<<(std::ostream& out, tensor_view<T, S, L> const& x) {
  detail::print_shape(out, S{});
  if (S::rank > 0) out << ": ";
  detail::print_axis(out, x.data(), S::extents, L::values, 0);
  return out;
}
template <class T, class... A>
std::ostream& operator<<(std::ostream& out, tensor<T, A...> const& x) {
  return out << x.view();
}

}  // namespace tenon
