// SPDX-License-Identifier: BSL-1.0
// A value of a recording mapped by a tensor.
// EXPECT: tenon::tensor_in_recording<tenon::operation::linear, tenon::shape<tenon::hiddens<6>, tenon::from<tenon::hiddens<8>>>>
#include <tenon/ops/contract/contract.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

int main() {
  auto const step = record_now([](recorder& r) {
    auto const x = r.input<float, batch<4>, hiddens<8>>("x");
#ifdef FIXED
    parameter<hiddens<6>, from<hiddens<8>>> weight;
#else
    tensor<float, hiddens<6>, from<hiddens<8>>> weight;
#endif
    r.output("y", linear(x, weight));
  });
}
