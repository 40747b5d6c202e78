// SPDX-License-Identifier: BSL-1.0
// Counts of words of another batch than the sentences.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::encoder, tenon::batch<4>, tenon::batch<5>>
#include <tenon/nn/seq2seq.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr auto net = laid_out(encoder_decoder<20, 30, 6, 8, 2>{});

int main() {
  record_now([](recorder& r) {
    auto const source = r.input<std::int32_t, batch<4>, steps<9>>("source");
    auto const target = r.input<std::int32_t, batch<4>, target_steps<7>>("target");
#ifdef FIXED
    auto const valid = r.input<std::int32_t, batch<4>>("valid");
#else
    auto const valid = r.input<std::int32_t, batch<5>>("valid");
#endif
    r.output("logits", net.logits<mode::training>(source, valid, target, 0.1));
  });
}
