// SPDX-License-Identifier: BSL-1.0
// The translator of Dive into Deep Learning, edition 1.0: two-layer GRU encoder and decoder with additive
// attention.
//
// A recipe is a struct of constants, all that a translator is compiled from. It derives from recipe_defaults
// (terms.hpp), which has the loss, the objective and the start of most. `tenon-translate` expects:
//
// - name, title: what model files and reports call it
// - batch_size, source_steps, target_steps: sentence pairs in a batch, words (with <eos>) of either side
// - source_capacity, target_capacity: the most words that the vocabularies may have, the extents of
//   embeddings and output layer. What lies beyond the real vocabulary is masked out of the softmax
// - model(): the layers, as `encoder_decoder` has them: members encoder and decoder, logits<mode>()
// - dropout, learning_rate, clip: of the training step, which is Adam with its usual other constants; epsilon
// - epochs, pairs, validation_pairs: how long, and on which lines of the data: the first, and those
//   after them
// - loss, objective: what the loss is a mean over, and whether that mean is what a step descends
// - smoothing: how much of each label is spread over the vocabulary
// - beams, length_penalty: of beam search; one beam decodes greedily
// - ensembles: can several models translate together?
// - start(part, words): how the weights of encoder and decoder start
// - text: how sentences become words and words become ids
// - samples: sentences whose translation is known, translated after training and scored by BLEU(2)
//
// To make another, copy this file and the constants in d2l_1_0_common.hpp, change them, and compile a
// translator from it in CMake:
//
//   tenon_add_translator(my-translate RECIPE my_recipe.hpp)
//
// The header's last line says which recipe it is for.
#pragma once
#include <string_view>

#include "../nn/seq2seq.hpp"
#include "d2l_1_0_common.hpp"

namespace tenon::recipes {

struct d2l_1_0 : d2l_1_0_common {
  static constexpr std::string_view name = "d2l-1.0";
  static constexpr std::string_view title = "English to French as in Dive into Deep Learning 1.0";

  static constexpr auto model() {
    return encoder_decoder<source_capacity, target_capacity, embedding_size, hidden_size, layers>{};
  }
};

using selected = d2l_1_0;

}  // namespace tenon::recipes
