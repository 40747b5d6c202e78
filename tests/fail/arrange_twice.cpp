// SPDX-License-Identifier: BSL-1.0
// An axis named twice in an order of axes.
// EXPECT: tenon::axis_named_twice<tenon::operation::arrange, tenon::batch<4>, tenon::batch<4>>
#include <tenon/ops/view/view.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, steps<9>> x;
#ifdef FIXED
  auto y = arrange<steps, batch>(x);
#else
  auto y = arrange<batch, steps, batch>(x);
#endif
}
