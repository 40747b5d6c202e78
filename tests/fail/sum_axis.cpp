// SPDX-License-Identifier: BSL-1.0
// A sum over an axis that is not there.
// EXPECT: tenon::axis_missing<tenon::operation::sum, tenon::steps, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, batch<4>> y = sum<hiddens>(x);
#else
  tensor<float, batch<4>> y = sum<steps>(x);
#endif
}
