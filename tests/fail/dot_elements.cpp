// SPDX-License-Identifier: BSL-1.0
// A contraction of different element types.
// EXPECT: tenon::element_type_mismatch<tenon::operation::dot, float, double>
#include <tenon/ops/contract/contract.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, hiddens<8>> y;
#else
  tensor<double, hiddens<8>> y;
#endif
  auto z = dot<hiddens>(x, y);
}
