// SPDX-License-Identifier: BSL-1.0
// Rows of another batch than their ids.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::scatter_add, tenon::batch<5>, tenon::batch<4>>
#include <tenon/ops/gather/gather.hpp>

using namespace tenon;

int main() {
#ifdef FIXED
  tensor<float, batch<4>, embedding<8>> rows;
#else
  tensor<float, batch<5>, embedding<8>> rows;
#endif
  tensor<std::int32_t, batch<4>> ids;
  auto table = scatter_add<vocab<20>>(rows, ids);
}
