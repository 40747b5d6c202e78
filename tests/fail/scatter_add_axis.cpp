// SPDX-License-Identifier: BSL-1.0
// Rows without an axis of their ids.
// EXPECT: tenon::axis_required<tenon::operation::scatter_add, tenon::steps<9>, tenon::shape<tenon::batch<4>, tenon::embedding<8>>>
#include <tenon/ops/gather/gather.hpp>

using namespace tenon;

int main() {
#ifdef FIXED
  tensor<float, batch<4>, steps<9>, embedding<8>> rows;
#else
  tensor<float, batch<4>, embedding<8>> rows;
#endif
  tensor<std::int32_t, batch<4>, steps<9>> ids;
  auto table = scatter_add<vocab<20>>(rows, ids);
}
