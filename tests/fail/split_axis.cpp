// SPDX-License-Identifier: BSL-1.0
// An axis split that is not there.
// EXPECT: tenon::axis_missing<tenon::operation::split, tenon::steps, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/ops/view/view.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  auto y = split<hiddens, gates<2>, embedding<4>>(x);
#else
  auto y = split<steps, gates<2>, embedding<4>>(x);
#endif
}
