// SPDX-License-Identifier: BSL-1.0
// Labels of another number of steps than the logits.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::cross_entropy, tenon::steps<9>, tenon::steps<10>>
#include <tenon/ops/cross_entropy/cross_entropy.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, steps<9>, vocab<20>> logits;
#ifdef FIXED
  tensor<std::int32_t, batch<4>, steps<9>> labels;
#else
  tensor<std::int32_t, batch<4>, steps<10>> labels;
#endif
  auto losses = cross_entropy<vocab>(logits, labels);
}
