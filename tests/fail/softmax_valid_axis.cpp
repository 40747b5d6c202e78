// SPDX-License-Identifier: BSL-1.0
// Valid counts over the axis that is normalised.
// EXPECT: tenon::axis_without_place<tenon::operation::softmax, tenon::steps<9>, tenon::shape<tenon::batch<4>>>
#include <tenon/ops/softmax/softmax.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, steps<9>> scores;
#ifdef FIXED
  tensor<std::int32_t, batch<4>> valid;
#else
  tensor<std::int32_t, steps<9>> valid;
#endif
  auto weights = softmax<steps>(scores, valid);
}
