// SPDX-License-Identifier: BSL-1.0
// A translator of sentences as people write them: sub-words instead of words, sentences of up to 41 of them,
// an encoder that reads both ways, and much dropout, for some ten thousand sentence pairs. d2l_1_0.hpp says
// what the constants are; what this recipe has besides:
//
// - buckets: lengths that are trained on together
// - schedule: how the learning rate rises and falls
// - average: decay of the average of the weights that is measured, saved and translated with
#pragma once
#include <array>
#include <cstddef>
#include <string_view>

#include "../nn/seq2seq.hpp"
#include "../text/subwords.hpp"
#include "terms.hpp"

namespace tenon::recipes {

struct subword_gru : recipe_defaults {
  static constexpr std::string_view name = "subword-gru";
  static constexpr std::string_view title = "Sub-words, a bidirectional GRU encoder, additive attention";

  static constexpr std::array buckets{bucket{128, 14, 14}, bucket{96, 20, 20}, bucket{64, 26, 26},
                                      bucket{32, 42, 42}};
  static constexpr std::size_t source_steps = 42, target_steps = 42;
  static constexpr std::size_t source_capacity = 8192, target_capacity = 8192;
  static constexpr std::size_t embedding_size = 256, hidden_size = 512, layers = 1;
  static constexpr auto model() {
    return translator_of<bidirectional_encoder<source_capacity, embedding_size, hidden_size, layers>,
                         attention_decoder<target_capacity, embedding_size, hidden_size, layers, gru_cells,
                                           additive_attention, projected_tied_output>>{};
  }

  static constexpr dropout_rates dropout{.embeddings = 0.3, .memory = 0.3, .outputs = 0.3};
  static constexpr double smoothing = 0.1, average = 0.999;
  static constexpr float learning_rate = 0.001F, clip = 1;
  static constexpr train::learning_rate_schedule schedule{.warm_up = 400, .decay = train::decay_form::linear};
  static constexpr std::size_t epochs = 20, pairs = every_pair, validation_pairs = 100;
  static constexpr std::size_t beams = 5, sentences_at_once = 16;

  /// The decoder's embeddings are its output layer, too: from N(0, 1) its first logits would be of the order
  /// of 16.
  template <class Part>
  static constexpr void start(Part& part, std::size_t /*words*/) {
    part.embedding.weight.init = normal(0.0625);
  }

  static constexpr text::subword_rules text{.source_steps = source_steps, .target_steps = target_steps};
  static constexpr std::array samples{
      sample_sentence{"go .", "va !"},
      sample_sentence{"i lost .", "j'ai perdu ."},
      sample_sentence{"he's calm .", "il est calme ."},
      sample_sentence{"i'm home .", "je suis chez moi ."},
  };
};

using selected = subword_gru;

}  // namespace tenon::recipes
