// SPDX-License-Identifier: BSL-1.0
// A softmax over an axis that is not there.
// EXPECT: tenon::axis_missing<tenon::operation::softmax, tenon::vocab, tenon::shape<tenon::batch<4>, tenon::steps<9>>>
#include <tenon/ops/softmax/softmax.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, steps<9>> scores;
#ifdef FIXED
  auto weights = softmax<steps>(scores);
#else
  auto weights = softmax<vocab>(scores);
#endif
}
