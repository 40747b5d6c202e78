// SPDX-License-Identifier: BSL-1.0
// A run cannot go on for some sentences and end for others.
// EXPECT: tenon::axis_without_place<tenon::operation::stop_unless, tenon::batch<4>, tenon::shape<>>
#include <tenon/ops/stop/stop.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

int main() {
  (void)record_now([](recorder& r) {
    auto const going_on = r.input<float, batch<4>>("going_on");
#ifdef FIXED
    stop_unless(sum<batch>(going_on));
#else
    stop_unless(going_on);
#endif
  });
}
