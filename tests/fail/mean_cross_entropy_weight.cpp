// SPDX-License-Identifier: BSL-1.0
// Weights of another number of steps than the labels.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::cross_entropy, tenon::steps<9>, tenon::steps<8>>
#include <tenon/ops/cross_entropy/cross_entropy.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, steps<9>, vocab<20>> logits;
  tensor<std::int32_t, batch<4>, steps<9>> labels;
#ifdef FIXED
  tensor<float, batch<4>, steps<9>> weight;
#else
  tensor<float, batch<4>, steps<8>> weight;
#endif
  auto loss = mean_cross_entropy<vocab>(logits, labels, weight);
}
