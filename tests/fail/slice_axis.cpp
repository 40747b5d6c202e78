// SPDX-License-Identifier: BSL-1.0
// A position of an axis that is not there.
// EXPECT: tenon::axis_missing<tenon::operation::slice, tenon::steps, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/ops/view/view.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  auto y = slice<batch>(x, 2);
#else
  auto y = slice<steps>(x, 2);
#endif
}
