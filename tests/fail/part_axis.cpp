// SPDX-License-Identifier: BSL-1.0
// A part of an axis that is not there.
// EXPECT: tenon::axis_missing<tenon::operation::part, tenon::gates, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/ops/view/view.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  auto y = part<hiddens, 0, 4>(x);
#else
  auto y = part<gates, 0, 4>(x);
#endif
}
