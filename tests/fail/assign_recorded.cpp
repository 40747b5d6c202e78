// SPDX-License-Identifier: BSL-1.0
// A value of a recording assigned to a tensor.
// EXPECT: tenon::recorded_value_has_no_elements<tenon::operation::assign, tenon::shape<tenon::batch<4>>>
#include <tenon/ops/map/map.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

int main() {
  auto const step = record_now([](recorder& r) {
    auto const x = r.input<float, batch<4>, hiddens<8>>("x");
#ifdef FIXED
    r.output("y", sum<hiddens>(x));
#else
    tensor<float, batch<4>> y = sum<hiddens>(x);
#endif
  });
}
