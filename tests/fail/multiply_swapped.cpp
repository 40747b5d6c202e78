// SPDX-License-Identifier: BSL-1.0
// Numbers of hiddens and of steps confused in one factor.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::multiply, tenon::hiddens<8>, tenon::hiddens<9>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, steps<9>, hiddens<8>> memory;
#ifdef FIXED
  tensor<float, hiddens<8>> w;
#else
  tensor<float, hiddens<9>> w;
#endif
  auto product = keep(tanh(memory) * w);
}
