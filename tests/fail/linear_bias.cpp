// SPDX-License-Identifier: BSL-1.0
// A bias over an axis that the result does not have.
// EXPECT: tenon::axis_without_place<tenon::operation::linear, tenon::hiddens<8>, tenon::shape<tenon::batch<4>, tenon::vocab<20>>>
#include <tenon/ops/contract/contract.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
  tensor<float, from<hiddens<8>>, vocab<20>> w;
#ifdef FIXED
  tensor<float, vocab<20>> b;
#else
  tensor<float, hiddens<8>> b;
#endif
  auto y = linear(x, w, b);
}
