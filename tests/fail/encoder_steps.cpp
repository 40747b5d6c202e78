// SPDX-License-Identifier: BSL-1.0
// Source sentences whose steps go by the target's name.
// EXPECT: tenon::axis_missing<tenon::operation::encoder, tenon::steps, tenon::shape<tenon::batch<4>, tenon::target_steps<9>>>
#include <tenon/nn/seq2seq.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr auto encoder = laid_out(gru_encoder<20, 6, 8, 2>{});

int main() {
  record_now([](recorder& r) {
#ifdef FIXED
    auto const source = r.input<std::int32_t, batch<4>, steps<9>>("source");
#else
    auto const source = r.input<std::int32_t, batch<4>, target_steps<9>>("source");
#endif
    auto const valid = r.input<std::int32_t, batch<4>>("valid");
    auto const encoded = encoder.encode<mode::inference>(source, valid);
    r.output("outputs", encoded.outputs);
  });
}
