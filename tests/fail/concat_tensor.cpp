// SPDX-License-Identifier: BSL-1.0
// A tensor that is no part of the program behind a value that is.
// EXPECT: tenon::tensor_in_recording<tenon::operation::concat, tenon::shape<tenon::batch<2>, tenon::steps<9>
#include <tenon/tenon.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<2>, steps<9>> more;
  record_now([&](recorder& r) {
    auto const x = r.input<float, batch<4>, steps<9>>("x");
#ifdef FIXED
    r.output("y", concat<batch>(x, r.input<float, batch<2>, steps<9>>("more")));
#else
    r.output("y", concat<batch>(x, more));
#endif
  });
}
