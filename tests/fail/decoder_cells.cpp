// SPDX-License-Identifier: BSL-1.0
// A decoder of LSTM cells after an encoder of GRU cells.
// EXPECT: tenon::cell_mismatch<tenon::operation::decoder, tenon::gru_cells, tenon::lstm_cells>
#include <tenon/nn/seq2seq.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr auto encoder = laid_out(rnn_encoder<20, 6, 8, 2>{});
#ifdef FIXED
constexpr auto decoder = laid_out(attention_decoder<30, 6, 8, 2>{});
#else
constexpr auto decoder = laid_out(attention_decoder<30, 6, 8, 2, lstm_cells>{});
#endif

int main() {
  record_now([](recorder& r) {
    auto const source = r.input<std::int32_t, batch<4>, steps<9>>("source");
    auto const valid = r.input<std::int32_t, batch<4>>("valid");
    auto const target = r.input<std::int32_t, batch<4>, target_steps<7>>("target");
    auto const encoded = encoder.encode<mode::inference>(source, valid);
    r.output("logits", decoder.decode<mode::inference>(encoded, valid, target, 0));
  });
}
