// SPDX-License-Identifier: BSL-1.0
// The position of the smallest along an axis that the operand lacks.
// EXPECT: tenon::axis_missing<tenon::operation::argmin, tenon::vocab, tenon::shape<tenon::batch<4>, tenon::hiddens<8>
#include <tenon/tenon.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<std::int32_t, batch<4>> y = argmin<hiddens>(x);
#else
  tensor<std::int32_t, batch<4>> y = argmin<vocab>(x);
#endif
  return y(0);
}
