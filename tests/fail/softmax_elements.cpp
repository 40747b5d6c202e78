// SPDX-License-Identifier: BSL-1.0
// A softmax of numbers that are for storage alone.
// EXPECT: tenon::element_type_mismatch<tenon::operation::softmax, tenon::bf16, float>
#include <tenon/ops/softmax/softmax.hpp>

using namespace tenon;

int main() {
  tensor<bf16, batch<4>, steps<9>> scores;
#ifdef FIXED
  auto weights = softmax<steps>(cast<float>(scores));
#else
  auto weights = softmax<steps>(scores);
#endif
}
