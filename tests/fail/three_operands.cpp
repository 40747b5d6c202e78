// SPDX-License-Identifier: BSL-1.0
// The third operand of a sum does not fit the union of the first two.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::add, tenon::steps<9>, tenon::steps<10>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> query;
  tensor<float, steps<9>, hiddens<8>> memory;
#ifdef FIXED
  tensor<float, steps<9>> bias;
#else
  tensor<float, steps<10>> bias;
#endif
  auto features = keep(tanh(query + memory + bias));
}
