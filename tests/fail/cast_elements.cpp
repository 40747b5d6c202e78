// SPDX-License-Identifier: BSL-1.0
// A conversion to elements that tensors are not made of.
// EXPECT: tenon::element_type_mismatch<tenon::operation::cast, unsigned char, float>
#include <tenon/tenon.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>> x;
#ifdef FIXED
  tensor<float, batch<4>> y = cast<std::int32_t>(x) * 2;
#else
  tensor<float, batch<4>> y = cast<unsigned char>(x) * 0.5;
#endif
  return y(0) == 0 ? 0 : 1;
}
