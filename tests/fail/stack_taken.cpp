// SPDX-License-Identifier: BSL-1.0
// Values stacked along an axis that they have.
// EXPECT: tenon::axis_named_twice<tenon::operation::stack, tenon::batch<3>, tenon::batch<4>>
#include <tenon/ops/stack/stack.hpp>

using namespace tenon;

int main() {
  std::array<tensor<float, batch<4>, hiddens<8>>, 3> states;
#ifdef FIXED
  auto all = stack<steps>(states);
#else
  auto all = stack<batch>(states);
#endif
}
