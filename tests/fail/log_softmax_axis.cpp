// SPDX-License-Identifier: BSL-1.0
// A log-softmax over an axis that is not there.
// EXPECT: tenon::axis_missing<tenon::operation::log_softmax, tenon::vocab, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/ops/softmax/softmax.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  auto y = log_softmax<hiddens>(x);
#else
  auto y = log_softmax<vocab>(x);
#endif
}
