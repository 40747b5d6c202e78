// SPDX-License-Identifier: BSL-1.0
// A sum over one axis named twice.
// EXPECT: tenon::axis_missing<tenon::operation::sum, tenon::hiddens, tenon::shape<tenon::batch<4>>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  auto y = keep(sum<hiddens>(x));
#else
  auto y = keep(sum<hiddens, hiddens>(x));
#endif
}
