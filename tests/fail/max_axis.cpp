// SPDX-License-Identifier: BSL-1.0
// The maximum over an axis that is not there.
// EXPECT: tenon::axis_missing<tenon::operation::max, tenon::vocab, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  auto y = keep(max<hiddens>(x));
#else
  auto y = keep(max<vocab>(x));
#endif
}
