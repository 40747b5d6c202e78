// SPDX-License-Identifier: BSL-1.0
// Rows that would be added up under a name that they have.
// EXPECT: tenon::axis_named_twice<tenon::operation::scatter_add, tenon::hiddens<5>, tenon::hiddens<8>>
#include <tenon/ops/gather/gather.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> rows;
  tensor<std::int32_t, batch<4>> ids;
#ifdef FIXED
  auto sums = scatter_add<vocab<5>>(rows, ids);
#else
  auto sums = scatter_add<hiddens<5>>(rows, ids);
#endif
}
