// SPDX-License-Identifier: BSL-1.0
// Values joined along one axis that differ in the extent of another.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::concat, tenon::batch<4>, tenon::batch<5>>
#include <tenon/ops/stack/stack.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, batch<4>, hiddens<16>> y;
#else
  tensor<float, batch<5>, hiddens<16>> y;
#endif
  auto z = concat<hiddens>(x, y);
}
