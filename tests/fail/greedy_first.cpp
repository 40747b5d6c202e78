// SPDX-License-Identifier: BSL-1.0
// First words of another batch than the sentences.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::decoder, tenon::batch<4>, tenon::batch<5>>
#include <tenon/nn/greedy.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr auto net = laid_out(encoder_decoder<20, 30, 6, 8, 2>{});

int main() {
  record_now([](inference_recorder& r) {
    auto const source = r.input<std::int32_t, batch<4>, steps<9>>("source");
    auto const valid = r.input<std::int32_t, batch<4>>("valid");
    auto const used = r.input<std::int32_t>("used");
#ifdef FIXED
    auto const first = r.input<std::int32_t, batch<4>>("first");
#else
    auto const first = r.input<std::int32_t, batch<5>>("first");
#endif
    auto const encoded = net.encoder.encode<mode::inference>(source, valid);
    r.output("tokens", decode_greedily<7>(net.decoder, encoded, valid, first, used).tokens);
  });
}
