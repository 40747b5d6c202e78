// SPDX-License-Identifier: BSL-1.0
// A linear map of another number of inputs.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::linear, tenon::hiddens<8>, tenon::from<tenon::hiddens<16>>>
#include <tenon/ops/contract/contract.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, from<hiddens<8>>, vocab<20>> w;
#else
  tensor<float, from<hiddens<16>>, vocab<20>> w;
#endif
  auto y = linear(x, w);
}
