// SPDX-License-Identifier: BSL-1.0
// A linear map whose output axis its input has already.
// EXPECT: tenon::axis_named_twice<tenon::operation::linear, tenon::batch<4>, tenon::batch<4>>
#include <tenon/ops/contract/contract.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, from<hiddens<8>>, vocab<4>> w;
#else
  tensor<float, from<hiddens<8>>, batch<4>> w;
#endif
  auto y = linear(x, w);
}
