// SPDX-License-Identifier: BSL-1.0
// A weight that does not say which axis it maps.
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
  auto y = linear(x, w);
}
