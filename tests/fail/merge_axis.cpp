// SPDX-License-Identifier: BSL-1.0
// Two axes merged, one of which is not there.
// EXPECT: tenon::axis_missing<tenon::operation::merge, tenon::steps, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/ops/view/view.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  auto y = merge<batch, hiddens, vocab>(x);
#else
  auto y = merge<batch, steps, vocab>(x);
#endif
}
