// SPDX-License-Identifier: BSL-1.0
// The gradient of an input whose numbers have too few digits to sum it up in.
// EXPECT: tenon::element_type_mismatch<tenon::operation::track, tenon::bf16, float>
#include <tenon/ops/map/map.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

int main() {
  record_now([](recorder& r) {
#ifdef FIXED
    auto const x = r.input<float, batch<4>>("x");
#else
    auto const x = r.input<bf16, batch<4>>("x");
#endif
    r.track(x);
    r.differentiate(keep(sum(x * x)));
    r.output("gradient", r.gradient(x));
  });
}
