// SPDX-License-Identifier: BSL-1.0
// Valid counts of another batch.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::softmax, tenon::batch<4>, tenon::batch<5>>
#include <tenon/ops/softmax/softmax.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, steps<9>> scores;
#ifdef FIXED
  tensor<std::int32_t, batch<4>> valid;
#else
  tensor<std::int32_t, batch<5>> valid;
#endif
  auto weights = softmax<steps>(scores, valid);
}
