// SPDX-License-Identifier: BSL-1.0
// A number with a fraction beside whole ones, which would take their type and lose it.
// EXPECT: tenon::element_type_mismatch<tenon::operation::multiply, int, float>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<std::int32_t, batch<4>> valid = {1, 2, 3, 4};
#ifdef FIXED
  tensor<float, batch<4>> y = cast<float>(valid) * 0.5F;
#else
  tensor<float, batch<4>> y = valid * 0.5F;
#endif
  return y(0) == 0.5F ? 0 : 1;
}
