// SPDX-License-Identifier: BSL-1.0
// Logits without the axis of the classes.
// EXPECT: tenon::axis_missing<tenon::operation::cross_entropy, tenon::vocab, tenon::shape<tenon::batch<4>, tenon::hiddens<20>>>
#include <tenon/ops/cross_entropy/cross_entropy.hpp>

using namespace tenon;

int main() {
#ifdef FIXED
  tensor<float, batch<4>, vocab<20>> logits;
#else
  tensor<float, batch<4>, hiddens<20>> logits;
#endif
  tensor<std::int32_t, batch<4>> labels;
  auto losses = cross_entropy<vocab>(logits, labels);
}
