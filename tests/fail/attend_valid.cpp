// SPDX-License-Identifier: BSL-1.0
// Counts of valid steps along the axis attended over.
// EXPECT: tenon::axis_without_place<tenon::operation::attention, tenon::steps<9>, tenon::shape<tenon::batch<4>>>
#include <tenon/tenon.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, steps<9>> scores(1.0F);
  tensor<float, steps<9>, batch<4>, hiddens<8>> memory(1.0F);
#ifdef FIXED
  tensor<std::int32_t, batch<4>> valid(9);
#else
  tensor<std::int32_t, steps<9>> valid(9);
#endif
  auto const seen = attend<steps>(scores, valid, memory);
  return static_cast<int>(seen.context.elements()[0]);
}
