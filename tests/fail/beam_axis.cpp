// SPDX-License-Identifier: BSL-1.0
// A step of beam search on logits of single hypotheses.
// EXPECT: tenon::axis_missing<tenon::operation::best_continuations, tenon::beams, tenon::shape<tenon::batch<4>, tenon::vocab<20>>>
#include <tenon/ops/beam/beam.hpp>

using namespace tenon;

int main() {
  hypotheses<tensor<float, batch<4>, beams<1>>, tensor<std::int32_t, batch<4>, beams<1>>> const held;
#ifdef FIXED
  tensor<float, batch<4>, beams<1>, vocab<20>> logits;
#else
  tensor<float, batch<4>, vocab<20>> logits;
#endif
  auto next = best_continuations<3>(logits, held, tensor<std::int32_t>(2), 1.0);
}
