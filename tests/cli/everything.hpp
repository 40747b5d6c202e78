// SPDX-License-Identifier: BSL-1.0
// A small recipe with what the 1.0 recipe does not have: sub-words, buckets of lengths, no attention, both
// directions, layer normalisation, tied embeddings, dropout in other places, smoothed labels, a loss that is
// a sum over pairs, averaged weights, a learning rate that falls, nothing to validate on, beam search,
// several models together.
#pragma once
#include <array>
#include <cstddef>
#include <string_view>

#include "tenon/nn/seq2seq.hpp"
#include "tenon/recipes/terms.hpp"
#include "tenon/text/subwords.hpp"

namespace tenon::recipes {

struct everything : recipe_defaults {
  static constexpr std::string_view name = "everything";
  static constexpr std::string_view title = "All that layers can do";

  static constexpr std::array buckets{bucket{32, 5, 6}, bucket{16, 8, 10}};
  static constexpr std::size_t source_steps = 8, target_steps = 10;
  static constexpr std::size_t source_capacity = 256, target_capacity = 256;
  static constexpr std::size_t embedding_size = 32, hidden_size = 48, layers = 1;
  static constexpr auto model() {
    return translator_of<
        bidirectional_encoder<source_capacity, embedding_size, hidden_size, layers, normalised_lstm_cells>,
        fixed_context_decoder<target_capacity, embedding_size, hidden_size, layers, normalised_lstm_cells,
                              true, projected_tied_output>>{};
  }

  static constexpr dropout_rates dropout{.embeddings = 0.05, .layers = 0.1, .memory = 0.05, .outputs = 0.05};
  static constexpr double smoothing = 0.1, average = 0.99;
  static constexpr train::learning_rate_schedule schedule{.warm_up = 20, .decay = train::decay_form::linear};
  static constexpr float learning_rate = 0.005F, clip = 1;
  static constexpr std::size_t epochs = 60, pairs = 256, validation_pairs = 0;
  static constexpr std::size_t beams = 4, sentences_at_once = 3;
  static constexpr bool ensembles = true;
  static constexpr objective_form objective = objective_form::sum_of_pairs_divided;

  template <class Part>
  static constexpr void start(Part& part, std::size_t words) {
    start_as_mxnet(part, words);
  }

  static constexpr text::subword_rules text{
      .source_pieces = 250, .target_pieces = 250, .source_steps = source_steps, .target_steps = target_steps};
  static constexpr std::array samples{sample_sentence{"go .", "va !"}};
};

using selected = everything;

}  // namespace tenon::recipes
