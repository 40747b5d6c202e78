// SPDX-License-Identifier: BSL-1.0
// Another limit for each row, where one is for all.
// EXPECT: tenon::axis_without_place<tenon::operation::argmax, tenon::batch<4>, tenon::shape<>>
#include <tenon/ops/argmax/argmax.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, vocab<8>> x;
  tensor<std::int32_t, batch<4>> each;
  tensor<std::int32_t> all;
#ifdef FIXED
  auto best = argmax<vocab>(x, all);
#else
  auto best = argmax<vocab>(x, each);
#endif
}
