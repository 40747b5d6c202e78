// SPDX-License-Identifier: BSL-1.0
// Valid lengths of another batch than the sentences'.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::encoder, tenon::batch<4>, tenon::batch<3>>
#include <tenon/nn/seq2seq.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr auto encoder = laid_out(bidirectional_encoder<20, 6, 8, 2>{});

int main() {
  record_now([](recorder& r) {
    auto const source = r.input<std::int32_t, batch<4>, steps<9>>("source");
#ifdef FIXED
    auto const valid = r.input<std::int32_t, batch<4>>("valid");
#else
    auto const valid = r.input<std::int32_t, batch<3>>("valid");
#endif
    auto const encoded = encoder.encode<mode::inference>(source, valid);
    r.output("outputs", encoded.outputs);
  });
}
