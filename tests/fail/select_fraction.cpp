// SPDX-License-Identifier: BSL-1.0
// A number with a fraction in place of whole ones.
// EXPECT: tenon::element_type_mismatch<tenon::operation::select, int, double>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<std::int32_t, batch<4>> valid = {1, 2, 3, 4};
#ifdef FIXED
  tensor<float, batch<4>> y = select(valid > 2, 0.5, cast<float>(valid));
#else
  tensor<float, batch<4>> y = select(valid > 2, 0.5, valid);
#endif
  return y(0) == 1 ? 0 : 1;
}
