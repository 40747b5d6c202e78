// SPDX-License-Identifier: BSL-1.0
// What encoders and decoders can have besides: two directions, layer normalisation, tied embeddings, smoothed
// labels.
#include "variants.hpp"

namespace {

using namespace parity;

template <class Encoder, template <std::size_t, std::size_t, std::size_t> class Output = dense_output,
          class Cells = gru_cells, std::size_t E = 6>
using with_attention =
    translator_of<Encoder, attention_decoder<target_words, E, 8, L, Cells, additive_attention, Output>>;
template <class Cells, std::size_t E = 6>
using one_way = rnn_encoder<source_words, E, 8, L, Cells>;
template <class Cells>
using both_ways = bidirectional_encoder<source_words, 6, 8, L, Cells>;

}  // namespace

TEST_CASE("parity: encoders in both directions") {
  SUBCASE("GRU") {
    check_variant<with_attention<both_ways<gru_cells>>>("bidirectional");
  }
  SUBCASE("LSTM") {
    check_variant<with_attention<both_ways<lstm_cells>, dense_output, lstm_cells>>("bidirectional_lstm");
  }
}

TEST_CASE("parity: layer normalisation") {
  SUBCASE("GRU") {
    check_variant<encoder_decoder<source_words, target_words, 6, 8, L, normalised_gru_cells>>(
        "normalised_gru");
  }
  SUBCASE("LSTM") {
    check_variant<encoder_decoder<source_words, target_words, 6, 8, L, normalised_lstm_cells>>(
        "normalised_lstm");
  }
}

TEST_CASE("parity: embeddings that are output layers too") {
  SUBCASE("of one extent with the hiddens") {
    check_variant<with_attention<one_way<gru_cells, 8>, tied_output, gru_cells, 8>>("tied");
  }
  SUBCASE("behind a projection") {
    check_variant<with_attention<one_way<gru_cells>, projected_tied_output>>("projected_tied");
  }
}

TEST_CASE("parity: label smoothing") {
  check_variant<encoder_decoder<source_words, target_words, 6, 8, L>>("smoothed", label_smoothing{0.1});
}

TEST_CASE("a weight that was not laid out is not used by mistake for another one") {
  struct affine {
    parameter<hiddens<4>> scale{constant(1)}, shift{};
  };
  static constexpr affine forgotten{};
  CHECK_THROWS_WITH_AS(record_now([](recorder& r) {
                         auto const x = r.input<float, hiddens<4>>("x");
                         r.output("y", x * forgotten.scale + forgotten.shift);
                       }),
                       doctest::Contains("laid_out"), std::logic_error);
  parameter_block block(8);
  CHECK_THROWS_WITH_AS(values_of(block.values(), forgotten.shift), doctest::Contains("laid_out"),
                       std::logic_error);
}
