// SPDX-License-Identifier: BSL-1.0
// A condition over another batch than what it chooses from.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::select, tenon::batch<5>, tenon::batch<4>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, batch<4>, hiddens<8>> condition;
#else
  tensor<float, batch<5>, hiddens<8>> condition;
#endif
  auto chosen = keep(select(condition > 0, x, -x));
}
