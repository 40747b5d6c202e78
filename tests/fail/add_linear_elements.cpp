// SPDX-License-Identifier: BSL-1.0
// A product of doubles that is added to floats.
// EXPECT: tenon::element_type_mismatch<tenon::operation::linear, double, float>
#include <tenon/ops/contract/contract.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

int main() {
  record_now([](inference_recorder& r) {
    auto const x = r.input<double, batch<4>, embedding<8>>("x");
    auto const w = r.input<double, hiddens<16>, from<embedding<8>>>("w");
#ifdef FIXED
    auto const y = r.input<double, batch<4>, hiddens<16>>("y");
#else
    auto const y = r.input<float, batch<4>, hiddens<16>>("y");
#endif
    add_linear(keep(y * 2), x, w);
  });
}
