// SPDX-License-Identifier: BSL-1.0
// A contraction whose batch axes differ.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::dot, tenon::batch<4>, tenon::batch<5>>
#include <tenon/ops/contract/contract.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, steps<9>> weights;
#ifdef FIXED
  tensor<float, batch<4>, steps<9>, hiddens<8>> memory;
#else
  tensor<float, batch<5>, steps<9>, hiddens<8>> memory;
#endif
  auto context = dot<steps>(weights, memory);
}
