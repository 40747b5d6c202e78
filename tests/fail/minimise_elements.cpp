// SPDX-License-Identifier: BSL-1.0
// A loss that is a whole number.
// EXPECT: tenon::element_type_mismatch<tenon::operation::minimise, int, float>
#include <tenon/tenon.hpp>

using namespace tenon;

int main() {
  auto const step = record_now([](recorder& r) {
    constexpr parameter<batch<4>> weight{.offset = 0};
    auto const loss = keep(sum(cast<std::int32_t>(r.use(weight))));
#ifdef FIXED
    minimise(r, cast<float>(loss), 4, sgd{});
#else
    minimise(r, loss, 4, sgd{});
#endif
  });
}
