// SPDX-License-Identifier: BSL-1.0
// A tensor initialised by a tensor of another shape.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::assign, tenon::batch<4>, tenon::batch<5>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
#ifdef FIXED
  tensor<float, batch<4>> x;
#else
  tensor<float, batch<5>> x;
#endif
  tensor<float, batch<4>> y = x;
}
