// SPDX-License-Identifier: BSL-1.0
// Other cells than the 1.0 recipe's, other attentions, none.
#include "variants.hpp"

using namespace parity;

TEST_CASE("parity: other cells, other attentions, none") {
  SUBCASE("LSTM") {
    check_variant<encoder_decoder<source_words, target_words, 6, 8, L, lstm_cells>>("lstm");
  }
  SUBCASE("scaled dot products") {
    check_variant<encoder_decoder<source_words, target_words, 6, 8, L, gru_cells, dot_product_attention>>(
        "dot");
  }
  SUBCASE("LSTM and scaled dot products") {
    check_variant<encoder_decoder<source_words, target_words, 6, 8, L, lstm_cells, dot_product_attention>>(
        "lstm_dot");
  }
  SUBCASE("no attention") {
    check_variant<plain_encoder_decoder<source_words, target_words, 6, 8, L>>("plain");
  }
  SUBCASE("LSTM, no attention, no context") {
    check_variant<plain_encoder_decoder<source_words, target_words, 6, 8, L, lstm_cells, false>>(
        "lstm_plain");
  }
  SUBCASE("input feeding") {
    check_variant<
        luong_encoder_decoder<source_words, target_words, 6, 8, L, gru_cells, dot_product_attention>>(
        "input_feeding");
  }
  SUBCASE("input feeding, LSTM, additive attention") {
    check_variant<luong_encoder_decoder<source_words, target_words, 6, 8, L, lstm_cells>>(
        "input_feeding_lstm");
  }
  SUBCASE("Luong's decoder without feeding") {
    check_variant<
        luong_encoder_decoder<source_words, target_words, 6, 8, L, gru_cells, dot_product_attention, false>>(
        "luong");
  }
}
