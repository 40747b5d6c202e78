// SPDX-License-Identifier: BSL-1.0
// Values joined along one axis, each of which has another axis that the other lacks.
// EXPECT: tenon::axis_required<tenon::operation::concat, tenon::embedding<8>, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/ops/stack/stack.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, batch<4>, hiddens<8>> y;
#else
  tensor<float, batch<4>, embedding<8>> y;
#endif
  auto z = concat<batch>(x, y);
}
