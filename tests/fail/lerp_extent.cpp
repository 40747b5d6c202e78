// SPDX-License-Identifier: BSL-1.0
// Ends that lie in different batches.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::lerp, tenon::batch<4>, tenon::batch<5>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> from_here;
#ifdef FIXED
  tensor<float, batch<4>, hiddens<8>> to_there;
#else
  tensor<float, batch<5>, hiddens<8>> to_there;
#endif
  tensor<float, hiddens<8>> t(0.5F);
  auto between = keep(lerp(from_here, to_there, t));
}
