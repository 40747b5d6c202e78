// SPDX-License-Identifier: BSL-1.0
// An axis renamed to a name that another axis has.
// EXPECT: tenon::axis_named_twice<tenon::operation::rename, tenon::hiddens<4>, tenon::hiddens<8>>
#include <tenon/ops/view/view.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  auto y = rename<batch, steps>(x);
#else
  auto y = rename<batch, hiddens>(x);
#endif
}
