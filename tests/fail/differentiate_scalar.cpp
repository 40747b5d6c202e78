// SPDX-License-Identifier: BSL-1.0
// A derivative of many numbers at once.
// EXPECT: tenon::axis_without_place<tenon::operation::differentiate, tenon::batch<4>, tenon::shape<>>
#include <tenon/tenon.hpp>

using namespace tenon;

int main() {
  auto const step = record_now([](recorder& r) {
    auto const x = r.input<float, batch<4>>("x");
    r.track(x);
#ifdef FIXED
    r.differentiate(keep(sum(x * x)));
#else
    r.differentiate(keep(x * x));
#endif
  });
}
