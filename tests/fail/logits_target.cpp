// SPDX-License-Identifier: BSL-1.0
// Target sentences with the source's axis.
// EXPECT: tenon::axis_missing<tenon::operation::decoder, tenon::target_steps, tenon::shape<tenon::batch<4>, tenon::steps<7>>>
#include <tenon/nn/seq2seq.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr auto net = laid_out(encoder_decoder<20, 30, 6, 8, 2>{});

int main() {
  record_now([](recorder& r) {
    auto const source = r.input<std::int32_t, batch<4>, steps<9>>("source");
    auto const valid = r.input<std::int32_t, batch<4>>("valid");
#ifdef FIXED
    auto const target = r.input<std::int32_t, batch<4>, target_steps<7>>("target");
#else
    auto const target = r.input<std::int32_t, batch<4>, steps<7>>("target");
#endif
    r.output("logits", net.logits<mode::training>(source, valid, target, 0.1));
  });
}
