// SPDX-License-Identifier: BSL-1.0
// Assignment to a tensor that has an axis of its value with another extent.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::assign, tenon::hiddens<16>, tenon::hiddens<8>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, batch<4>, hiddens<8>> y;
#else
  tensor<float, batch<4>, hiddens<16>> y;
#endif
  y = tanh(x);
}
