// SPDX-License-Identifier: BSL-1.0
// Values joined along one axis, of which one lacks another axis.
// EXPECT: tenon::axis_required<tenon::operation::concat, tenon::steps<9>, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/ops/stack/stack.hpp>

using namespace tenon;

int main() {
#ifdef FIXED
  tensor<float, batch<4>, steps<9>, hiddens<8>> x;
#else
  tensor<float, batch<4>, hiddens<8>> x;
#endif
  tensor<float, batch<4>, steps<9>, hiddens<8>> y;
  auto z = concat<hiddens>(x, y);
}
