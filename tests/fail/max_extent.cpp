// SPDX-License-Identifier: BSL-1.0
// The larger of two values of different extents.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::max, tenon::hiddens<8>, tenon::hiddens<16>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, hiddens<8>> limit;
#else
  tensor<float, hiddens<16>> limit;
#endif
  auto limited = keep(max(x, limit));
}
