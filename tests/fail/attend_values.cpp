// SPDX-License-Identifier: BSL-1.0
// Attention over values that do not have the axis attended over.
// EXPECT: tenon::axis_missing<tenon::operation::attention, tenon::steps, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/tenon.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> query(1.0F);
  tensor<float, steps<9>, batch<4>, hiddens<8>> memory(1.0F);
  tensor<std::int32_t, batch<4>> valid(9);
#ifdef FIXED
  auto const seen = attend<steps>(sum<hiddens>(query * memory), valid, memory);
#else
  auto const seen = attend<steps>(sum<hiddens>(query * memory), valid, query);
#endif
  return static_cast<int>(seen.context.elements()[0]);
}
