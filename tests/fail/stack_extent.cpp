// SPDX-License-Identifier: BSL-1.0
// Values of two shapes stacked.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::stack, tenon::hiddens<8>, tenon::hiddens<6>>
#include <tenon/ops/stack/stack.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, batch<4>, hiddens<8>> y;
#else
  tensor<float, batch<4>, hiddens<6>> y;
#endif
  auto both = stack<steps>(x, y);
}
