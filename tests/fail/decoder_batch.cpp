// SPDX-License-Identifier: BSL-1.0
// Target sentences of another batch than the source sentences.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::decoder, tenon::batch<4>, tenon::batch<5>>
#include <tenon/nn/seq2seq.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr auto encoder = laid_out(gru_encoder<20, 6, 8, 2>{});
constexpr auto decoder = laid_out(attention_decoder<30, 6, 8, 2>{});

int main() {
  record_now([](recorder& r) {
    auto const source = r.input<std::int32_t, batch<4>, steps<9>>("source");
    auto const valid = r.input<std::int32_t, batch<4>>("valid");
#ifdef FIXED
    auto const target = r.input<std::int32_t, batch<4>, target_steps<7>>("target");
#else
    auto const target = r.input<std::int32_t, batch<5>, target_steps<7>>("target");
#endif
    auto const encoded = encoder.encode<mode::inference>(source, valid);
    r.output("logits", decoder.decode<mode::inference>(encoded, valid, target, 0));
  });
}
