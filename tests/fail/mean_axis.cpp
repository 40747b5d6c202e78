// SPDX-License-Identifier: BSL-1.0
// A mean over two axes, one of which is not there.
// EXPECT: tenon::axis_missing<tenon::operation::mean, tenon::steps, tenon::shape<tenon::hiddens<8>>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  auto y = keep(mean<batch, hiddens>(x));
#else
  auto y = keep(mean<batch, steps>(x));
#endif
}
