// SPDX-License-Identifier: BSL-1.0
// Operands whose axes of one name have two extents.
// EXPECT: axis_extent_mismatch<tenon::operation::map, tenon::batch<4>, tenon::batch<5>>
#include <tenon/ops/map/map.hpp>

int main() {
  tenon::tensor<float, tenon::batch<4>, tenon::hiddens<8>> x;
#ifdef FIXED
  tenon::tensor<float, tenon::batch<4>, tenon::hiddens<8>> y;
#else
  tenon::tensor<float, tenon::batch<5>, tenon::hiddens<8>> y;
#endif
  tenon::tensor<float, tenon::batch<4>, tenon::hiddens<8>> z = x + y;
}
