// SPDX-License-Identifier: BSL-1.0
// A contraction over an axis that one operand lacks.
// EXPECT: tenon::axis_missing<tenon::operation::dot, tenon::hiddens, tenon::shape<tenon::batch<4>, tenon::steps<9>>>
#include <tenon/ops/contract/contract.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, steps<9>> weights;
  tensor<float, batch<4>, steps<9>, hiddens<8>> memory;
#ifdef FIXED
  auto context = dot<steps>(weights, memory);
#else
  auto context = dot<hiddens>(weights, memory);
#endif
}
