// SPDX-License-Identifier: BSL-1.0
// A tensor added to a value of a recording.
// EXPECT: tenon::tensor_in_recording<tenon::operation::add, tenon::shape<tenon::hiddens<8>>>
#include <tenon/ops/map/map.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

int main() {
  auto const step = record_now([](recorder& r) {
    auto const x = r.input<float, batch<4>, hiddens<8>>("x");
#ifdef FIXED
    auto const bias = r.use(parameter<hiddens<8>>{.offset = 0});
#else
    tensor<float, hiddens<8>> bias;
#endif
    r.output("y", keep(x + bias));
  });
}
