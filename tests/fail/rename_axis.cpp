// SPDX-License-Identifier: BSL-1.0
// An axis renamed that is not there.
// EXPECT: tenon::axis_missing<tenon::operation::rename, tenon::steps, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/ops/view/view.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  auto y = rename<batch, target_steps>(x);
#else
  auto y = rename<steps, target_steps>(x);
#endif
}
