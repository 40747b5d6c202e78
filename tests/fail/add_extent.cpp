// SPDX-License-Identifier: BSL-1.0
// Addends with two extents of one axis.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::add, tenon::batch<4>, tenon::batch<5>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
  tensor<float, batch<5>, hiddens<8>> y;
#ifdef FIXED
  tensor<float, batch<4>, hiddens<8>> z = x + x;
#else
  tensor<float, batch<4>, hiddens<8>> z = x + y;
#endif
}
