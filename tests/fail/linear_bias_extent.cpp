// SPDX-License-Identifier: BSL-1.0
// A bias of another extent than the result.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::linear, tenon::vocab<20>, tenon::vocab<21>>
#include <tenon/ops/contract/contract.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
  tensor<float, from<hiddens<8>>, vocab<20>> w;
#ifdef FIXED
  tensor<float, vocab<20>> b;
#else
  tensor<float, vocab<21>> b;
#endif
  auto y = linear(x, w, b);
}
