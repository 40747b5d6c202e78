// SPDX-License-Identifier: BSL-1.0
// Valid counts that are no integers.
// EXPECT: tenon::element_type_mismatch<tenon::operation::softmax, float, int>
#include <tenon/ops/softmax/softmax.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, steps<9>> scores;
#ifdef FIXED
  tensor<std::int32_t, batch<4>> valid;
#else
  tensor<float, batch<4>> valid;
#endif
  auto weights = softmax<steps>(scores, valid);
}
