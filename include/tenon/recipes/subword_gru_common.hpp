// SPDX-License-Identifier: BSL-1.0
// What the translators of sentences as people write them have in common: sub-words instead of words and an
// encoder that reads both ways. d2l_1_0.hpp says what the constants are; what these recipes have besides:
//
// - buckets: lengths that are trained on together (`buckets` of a translator chooses them from data)
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

struct subword_gru_common : recipe_defaults {
  static constexpr std::size_t source_capacity = 8192, target_capacity = 8192;
  static constexpr std::size_t embedding_size = 256, hidden_size = 512, layers = 1;
  static constexpr auto model() {
    return translator_of<bidirectional_encoder<source_capacity, embedding_size, hidden_size, layers>,
                         attention_decoder<target_capacity, embedding_size, hidden_size, layers, gru_cells,
                                           additive_attention, projected_tied_output>>{};
  }

  static constexpr double smoothing = 0.1, average = 0.999;
  static constexpr float learning_rate = 0.001F, clip = 1;
  static constexpr train::learning_rate_schedule schedule{.warm_up = 400, .decay = train::decay_form::linear};
  static constexpr std::size_t pairs = every_pair, validation_pairs = 100;
  static constexpr std::size_t beams = 5, sentences_at_once = 8;
  static constexpr bool ensembles = true;

  /// The decoder's embeddings are its output layer, too: from N(0, 1) its first logits would be of the order
  /// of 16.
  template <class Part>
  static constexpr void start(Part& part, std::size_t /*words*/) {
    part.embedding.weight.init = normal(0.0625);
  }

  static constexpr std::array samples{
      sample_sentence{"Go.", "Va !"},
      sample_sentence{"I lost.", "J'ai perdu."},
      sample_sentence{"He's calm.", "Il est calme."},
      sample_sentence{"I'm home.", "Je suis chez moi."},
  };
};

}  // namespace tenon::recipes
