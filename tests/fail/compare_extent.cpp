// SPDX-License-Identifier: BSL-1.0
// A comparison of different extents.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::compare, tenon::batch<4>, tenon::batch<5>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, batch<4>> limit;
#else
  tensor<float, batch<5>> limit;
#endif
  auto above = keep(select(x > limit, x, 0.0F));
}
