// SPDX-License-Identifier: BSL-1.0
// An input of elements that tensors are not made of.
// EXPECT: tenon::element_type_mismatch<tenon::operation::input, bool, float>
#include <tenon/ops/map/map.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

int main() {
  record_now([](recorder& r) {
#ifdef FIXED
    auto const x = r.input<float, batch<4>>("x");
#else
    auto const x = r.input<bool, batch<4>>("x");
#endif
    r.output("y", x * x);
  });
}
