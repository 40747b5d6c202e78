// SPDX-License-Identifier: BSL-1.0
// An order that names an axis that is not there.
// EXPECT: tenon::axis_missing<tenon::operation::arrange, tenon::steps, tenon::shape<tenon::batch<4>>>
#include <tenon/ops/view/view.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  auto y = arrange<hiddens, batch>(x);
#else
  auto y = arrange<hiddens, steps, batch>(x);
#endif
}
