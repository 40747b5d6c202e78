// SPDX-License-Identifier: BSL-1.0
// A weight that does not say which axis it maps, with a bias beside it.
// EXPECT: tenon::from_axis_missing<tenon::operation::linear, tenon::shape<tenon::hiddens<8>, tenon::vocab<20>>>
#include <tenon/ops/contract/contract.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, from<hiddens<8>>, vocab<20>> w;
#else
  tensor<float, hiddens<8>, vocab<20>> w;
#endif
  tensor<float, vocab<20>> b;
  auto y = linear(x, w, b);
}
