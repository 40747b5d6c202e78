// SPDX-License-Identifier: BSL-1.0
// An order that leaves an axis out.
// EXPECT: tenon::axis_without_place<tenon::operation::arrange, tenon::batch<4>, tenon::shape<tenon::hiddens<8>, tenon::steps<9>>>
#include <tenon/ops/view/view.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, steps<9>, hiddens<8>> x;
#ifdef FIXED
  auto y = arrange<hiddens, steps, batch>(x);
#else
  auto y = arrange<hiddens, steps>(x);
#endif
}
