// SPDX-License-Identifier: BSL-1.0
// An axis split into extents that do not multiply to its own.
// EXPECT: tenon::extents_do_not_multiply<tenon::operation::split, tenon::hiddens<8>, tenon::gates<3>, tenon::embedding<3>>
#include <tenon/ops/view/view.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  auto y = split<hiddens, gates<2>, embedding<4>>(x);
#else
  auto y = split<hiddens, gates<3>, embedding<3>>(x);
#endif
}
