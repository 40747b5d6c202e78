// SPDX-License-Identifier: BSL-1.0
// A part that ends after its axis.
// EXPECT: tenon::part_out_of_range<tenon::operation::part, tenon::hiddens<8>, 6, 4>
#include <tenon/ops/view/view.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  auto y = part<hiddens, 4, 4>(x);
#else
  auto y = part<hiddens, 6, 4>(x);
#endif
}
