// SPDX-License-Identifier: BSL-1.0
// 1. A shape error. Axes have names, names are types, and what does not fit does not compile.
#include <concepts>
#include <cstdio>
#include <tenon/tenon.hpp>

using namespace tenon;

// An axis of one's own is one line. batch, steps, hiddens, vocab, … come with the library.
template <std::size_t N>
struct pixels : axis<N> {};

int main() {
  tensor<float, batch<4>, pixels<3>> x = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  tensor<float, hiddens<2>, from<pixels<3>>> w = {1, 0, -1, 0.5F, 0.5F, 0.5F};  // pixels → hiddens
  tensor<float, hiddens<2>> b = {0.1F, 0.2F};

  auto const y = linear(x, w, b);

  // The wrong line, and what g++ says about it:
  //   tensor<float, hiddens<3>> wrong;
  //   auto const z = y + wrong;
  // error: invalid use of incomplete type ‘struct tenon::axis_extent_mismatch<tenon::operation::add,
  // tenon::hiddens<2>, tenon::hiddens<3> >’

  // What the compiler knows about a shape can be asked for.
  using S = shape_of<decltype(y)>;
  static_assert(std::same_as<S, shape<batch<4>, hiddens<2>>>);
  static_assert(S::rank == 2 && S::size == 8);
  static_assert(has_name<S, hiddens> && !has_name<S, pixels>);
  static_assert(extent_of<S, hiddens> == 2);
  static_assert(axis_name<axis_of<S, batch>>::value == "batch");

  // Axes meet by name, whatever their order: the union has them in order of first appearance.
  tensor<float, hiddens<2>, batch<4>> turned = y;
  static_assert(std::same_as<shape_of<decltype(turned + y)>, shape<hiddens<2>, batch<4>>>);

  for (std::size_t i = 0; i < extent_of<S, batch>; ++i)
    std::printf("%g %g\n", double{y(i, 0)}, double{y(i, 1)});
  return turned(1, 3) == y(3, 1) ? 0 : 1;
}
