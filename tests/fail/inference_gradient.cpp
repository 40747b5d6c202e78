// SPDX-License-Identifier: BSL-1.0
// Derivatives asked of a recorder that leaves derivatives out.
// EXPECT: tenon::derivatives_not_recorded<tenon::operation::differentiate, tenon::inference_recorder>
#include <tenon/tenon.hpp>

using namespace tenon;

#ifdef FIXED
using any_recorder = recorder;
#else
using any_recorder = inference_recorder;
#endif

int main() {
  auto const step = record_now([](any_recorder& r) {
    constexpr parameter<hiddens<8>> weight{.offset = 0};
    auto const loss = keep(sum(r.input<float, batch<4>, hiddens<8>>("x") * weight));
    r.differentiate(loss);
  });
}
