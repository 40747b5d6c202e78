// SPDX-License-Identifier: BSL-1.0
// A tensor without an axis of its value.
// EXPECT: tenon::axis_without_place<tenon::operation::assign, tenon::steps<9>, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
  tensor<float, steps<9>> y;
#ifdef FIXED
  tensor<float, batch<4>, hiddens<8>, steps<9>> z = x * y;
#else
  tensor<float, batch<4>, hiddens<8>> z = x * y;
#endif
}
