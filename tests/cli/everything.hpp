// SPDX-License-Identifier: BSL-1.0
// A small recipe with what the 1.0 recipe does not have: no attention, both directions, layer normalisation,
// tied embeddings, smoothed labels, a loss that is a sum over pairs, nothing to validate on, beam search.
#pragma once
#include <array>
#include <cstddef>
#include <string_view>

#include "tenon/nn/seq2seq.hpp"
#include "tenon/recipes/terms.hpp"
#include "tenon/text/dataset.hpp"

namespace tenon::recipes {

struct everything : recipe_defaults {
  static constexpr std::string_view name = "everything";
  static constexpr std::string_view title = "All that layers can do";

  static constexpr std::size_t batch_size = 32, source_steps = 6, target_steps = 6;
  static constexpr std::size_t source_capacity = 256, target_capacity = 256;
  static constexpr std::size_t embedding_size = 32, hidden_size = 48, layers = 1;
  static constexpr auto model() {
    return translator_of<
        bidirectional_encoder<source_capacity, embedding_size, hidden_size, layers, normalised_lstm_cells>,
        fixed_context_decoder<target_capacity, embedding_size, hidden_size, layers, normalised_lstm_cells,
                              true, projected_tied_output>>{};
  }

  static constexpr double dropout = 0.1, smoothing = 0.1;
  static constexpr float learning_rate = 0.005F, clip = 1;
  static constexpr std::size_t epochs = 60, pairs = 256, validation_pairs = 0;
  static constexpr std::size_t beams = 4;
  static constexpr objective_form objective = objective_form::sum_of_pairs_divided;

  template <class Part>
  static constexpr void start(Part& part, std::size_t words) {
    start_as_mxnet(part, words);
  }

  static constexpr text::dataset_rules text{.source_steps = source_steps, .target_steps = target_steps};
  static constexpr std::array samples{sample_sentence{"go .", "va !"}};
};

using selected = everything;

}  // namespace tenon::recipes
