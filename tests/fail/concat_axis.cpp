// SPDX-License-Identifier: BSL-1.0
// Values joined along an axis that one of them does not have.
// EXPECT: tenon::axis_missing<tenon::operation::concat, tenon::hiddens, tenon::shape<tenon::batch<4>, tenon::embedding<6>>>
#include <tenon/ops/stack/stack.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, batch<4>, hiddens<6>> y;
#else
  tensor<float, batch<4>, embedding<6>> y;
#endif
  auto z = concat<hiddens>(x, y);
}
