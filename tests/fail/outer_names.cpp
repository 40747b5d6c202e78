// SPDX-License-Identifier: BSL-1.0
// An outer product of values that share a name.
// EXPECT: tenon::axis_named_twice<tenon::operation::outer, tenon::hiddens<8>, tenon::hiddens<8>>
#include <tenon/ops/contract/contract.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, steps<8>> y;
#else
  tensor<float, hiddens<8>> y;
#endif
  auto z = outer(x, y);
}
