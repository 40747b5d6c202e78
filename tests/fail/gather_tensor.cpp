// SPDX-License-Identifier: BSL-1.0
// A table that is no part of the program.
// EXPECT: tenon::tensor_in_recording<tenon::operation::gather, tenon::shape<tenon::steps<9>, tenon::hiddens<3>
#include <tenon/tenon.hpp>

using namespace tenon;

int main() {
  tensor<float, steps<9>, hiddens<3>> table;
  record_now([&](recorder& r) {
    auto const x = r.input<float, batch<4>, steps<9>>("x");
#ifdef FIXED
    auto const table = r.input<float, steps<9>, hiddens<3>>("table");
    r.output("y", keep(gather<steps>(table, argmax<steps>(x))));
#else
    r.output("y", keep(gather<steps>(table, argmax<steps>(x))));
#endif
  });
}
