// SPDX-License-Identifier: BSL-1.0
// A contraction over an axis with two extents.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::dot, tenon::steps<9>, tenon::steps<10>>
#include <tenon/ops/contract/contract.hpp>

using namespace tenon;

int main() {
#ifdef FIXED
  tensor<float, batch<4>, steps<10>> weights;
#else
  tensor<float, batch<4>, steps<9>> weights;
#endif
  tensor<float, batch<4>, steps<10>, hiddens<8>> memory;
  auto context = dot<steps>(weights, memory);
}
