// SPDX-License-Identifier: BSL-1.0
// A tensor that has an axis of its value with another extent.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::assign, tenon::batch<4>, tenon::batch<5>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<5>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, batch<5>> y = sum<hiddens>(x);
#else
  tensor<float, batch<4>> y = sum<hiddens>(x);
#endif
}
