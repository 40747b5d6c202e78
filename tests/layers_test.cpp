// SPDX-License-Identifier: BSL-1.0
// What encoders and decoders can have besides: two directions, layer normalisation, tied embeddings, smoothed
// labels.
#include <cmath>

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

namespace {
/// The outputs of six steps at once, and of three and three more from the states in between.
template <class Cells>
struct in_pieces {
  static constexpr auto model = laid_out(recurrent_layers<Cells, embedding<6>, 8, 2>{});
  static constexpr auto program = record([](recorder& r) {
    auto const x = r.input<float, batch<3>, steps<6>, embedding<6>>("x");
    auto const first = model.template run<steps, mode::training>(part<steps, 0, 3>(x), 0);
    auto const second = model.template run<steps, mode::training>(part<steps, 3, 3>(x), 0, first.states);
    auto const whole = model.template run<steps, mode::training>(x, 0);
    r.output("pieces", concat<steps>(first.outputs, second.outputs));
    r.output("whole", whole.outputs);
    r.output("last of pieces", model.output(second.states));
    r.output("last", model.output(whole.states));
  });
};
}  // namespace

TEST_CASE_TEMPLATE("a sequence in pieces, each from the states of the one before", Cells, gru_cells,
                   lstm_cells) {
  using pieces = in_pieces<Cells>;
  parameter_block block(parameter_count(pieces::model));
  initialise(pieces::model, block.values(), 1);
  session s(pieces::program, block);
  float next = 0;
  for (float& v : s.template input_elements<float>("x")) v = std::sin(next += 1);
  s.run();
  auto const same = [&](char const* one, char const* other) {
    auto const a = s.template output_elements<float>(one), b = s.template output_elements<float>(other);
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-5));
    return a.size();
  };
  CHECK(same("pieces", "whole") == 6 * 3 * 8);
  CHECK(same("last of pieces", "last") == 3 * 8);
}
