// SPDX-License-Identifier: BSL-1.0
// A contraction of numbers that are for storage alone.
// EXPECT: tenon::element_type_mismatch<tenon::operation::dot, tenon::bf16, float>
#include <tenon/ops/contract/contract.hpp>

using namespace tenon;

int main() {
  tensor<bf16, batch<4>, hiddens<8>> x;
  tensor<bf16, hiddens<8>> y;
#ifdef FIXED
  auto z = dot<hiddens>(cast<float>(x), cast<float>(y));
#else
  auto z = dot<hiddens>(x, y);
#endif
}
