// SPDX-License-Identifier: BSL-1.0
// Totals of other elements than the logits'.
// EXPECT: tenon::element_type_mismatch<tenon::operation::best_continuations, float, double>
#include <tenon/tenon.hpp>

using namespace tenon;

int main() {
#ifdef FIXED
  tensor<float, batch<2>, beams<3>, vocab<5>> logits;
#else
  tensor<double, batch<2>, beams<3>, vocab<5>> logits;
#endif
  tensor<float, batch<2>, beams<3>> totals;
  tensor<std::int32_t, batch<2>, beams<3>> words, lengths;
  tensor<std::int32_t> eos;
  hypotheses<decltype(totals), decltype(words)> const held{totals, words, lengths};
  auto const next = best_continuations<3>(logits, held, eos, 1.0);
  return next.parents(0, 0);
}
