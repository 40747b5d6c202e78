// SPDX-License-Identifier: BSL-1.0
// Logits that are whole numbers.
// EXPECT: tenon::element_type_mismatch<tenon::operation::cross_entropy, int, float>
#include <tenon/ops/cross_entropy/cross_entropy.hpp>

using namespace tenon;

int main() {
  tensor<std::int32_t, batch<4>> labels;
#ifdef FIXED
  tensor<float, batch<4>, vocab<8>> logits;
#else
  tensor<std::int32_t, batch<4>, vocab<8>> logits;
#endif
  auto losses = cross_entropy<vocab>(logits, labels);
}
