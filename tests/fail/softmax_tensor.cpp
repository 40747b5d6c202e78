// SPDX-License-Identifier: BSL-1.0
// Counts that are no part of the program.
// EXPECT: tenon::tensor_in_recording<tenon::operation::softmax, tenon::shape<tenon::batch<4>
#include <tenon/tenon.hpp>

using namespace tenon;

int main() {
  tensor<std::int32_t, batch<4>> valid;
  record_now([&](recorder& r) {
    auto const x = r.input<float, batch<4>, steps<9>>("x");
#ifdef FIXED
    r.output("y", softmax<steps>(x, r.input<std::int32_t, batch<4>>("valid")));
#else
    r.output("y", softmax<steps>(x, valid));
#endif
  });
}
