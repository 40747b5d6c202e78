// SPDX-License-Identifier: BSL-1.0
// An end of sentence for each row where one number is wanted.
// EXPECT: tenon::axis_without_place<tenon::operation::decoder, tenon::batch<4>, tenon::shape<>>
#include <tenon/nn/beam.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr auto net = laid_out(encoder_decoder<20, 30, 6, 8, 2>{});

int main() {
  record_now([](inference_recorder& r) {
    auto const source = r.input<std::int32_t, batch<4>, steps<9>>("source");
    auto const valid = r.input<std::int32_t, batch<4>>("valid");
    auto const first = r.input<std::int32_t, batch<4>>("first");
    auto const used = r.input<std::int32_t>("used");
#ifdef FIXED
    auto const eos = r.input<std::int32_t>("eos");
#else
    auto const eos = r.input<std::int32_t, batch<4>>("eos");
#endif
    auto const encoded = net.encoder.encode<mode::inference>(source, valid);
    r.output("words", decode_with_beams<7, 3>(net.decoder, encoded, valid, first, used, eos, 1.0).words);
  });
}
