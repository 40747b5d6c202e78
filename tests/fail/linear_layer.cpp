// SPDX-License-Identifier: BSL-1.0
// A linear layer of another number of inputs.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::linear, tenon::hiddens<16>, tenon::from<tenon::hiddens<8>>>
#include <tenon/nn/linear.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr auto dense = laid_out(linear_layer<hiddens<8>, vocab<20>>{});

int main() {
  record_now([](recorder& r) {
#ifdef FIXED
    auto const x = r.input<float, batch<4>, hiddens<8>>("x");
#else
    auto const x = r.input<float, batch<4>, hiddens<16>>("x");
#endif
    r.output("y", dense(x));
  });
}
