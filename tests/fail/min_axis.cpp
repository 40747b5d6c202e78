// SPDX-License-Identifier: BSL-1.0
// The smallest over an axis that the operand lacks.
// EXPECT: tenon::axis_missing<tenon::operation::min, tenon::steps, tenon::shape<tenon::batch<4>, tenon::hiddens<8>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, batch<4>> y = min<hiddens>(x);
#else
  tensor<float, batch<4>> y = min<steps>(x);
#endif
  return y(0) == 0 ? 0 : 1;
}
