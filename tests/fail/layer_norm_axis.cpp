// SPDX-License-Identifier: BSL-1.0
// Layer normalisation of another number of hiddens.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::layer_norm, tenon::hiddens<6>, tenon::hiddens<8>>
#include <tenon/nn/layer_norm.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr auto norm = laid_out(layer_norm<hiddens<8>>{});

int main() {
  record_now([](recorder& r) {
#ifdef FIXED
    auto const x = r.input<float, batch<4>, hiddens<8>>("x");
#else
    auto const x = r.input<float, batch<4>, hiddens<6>>("x");
#endif
    r.output("y", norm(x));
  });
}
