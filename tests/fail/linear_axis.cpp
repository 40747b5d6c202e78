// SPDX-License-Identifier: BSL-1.0
// A linear map of an axis that its input lacks.
// EXPECT: tenon::axis_required<tenon::operation::linear, tenon::embedding<8>, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/ops/contract/contract.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, from<hiddens<8>>, vocab<20>> w;
#else
  tensor<float, from<embedding<8>>, vocab<20>> w;
#endif
  auto y = linear(x, w);
}
