// SPDX-License-Identifier: BSL-1.0
// A tensor with two axes of one name.
// EXPECT: tenon::axis_named_twice<tenon::operation::shape, tenon::batch<4>, tenon::batch<4>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
#ifdef FIXED
  tensor<float, batch<4>, steps<9>> x;
#else
  tensor<float, batch<4>, steps<9>, batch<4>> x;
#endif
}
