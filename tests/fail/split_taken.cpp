// SPDX-License-Identifier: BSL-1.0
// An axis split into one whose name another axis has.
// EXPECT: tenon::axis_named_twice<tenon::operation::split, tenon::batch<2>, tenon::batch<4>>
#include <tenon/ops/view/view.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  auto y = split<hiddens, gates<2>, embedding<4>>(x);
#else
  auto y = split<hiddens, batch<2>, embedding<4>>(x);
#endif
}
