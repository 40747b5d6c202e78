// SPDX-License-Identifier: BSL-1.0
// The best of an axis that is not there.
// EXPECT: tenon::axis_missing<tenon::operation::argmax, tenon::vocab, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/ops/argmax/argmax.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  auto best = argmax<hiddens>(x);
#else
  auto best = argmax<vocab>(x);
#endif
}
