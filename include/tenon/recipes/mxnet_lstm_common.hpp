// SPDX-License-Identifier: BSL-1.0
// The constants of the early MXNet edition of Dive into Deep Learning, whatever the layers: d2l_1_0.hpp says
// what each is.
#pragma once
#include <array>
#include <cstddef>

#include "../nn/initialisers.hpp"
#include "../text/dataset.hpp"
#include "terms.hpp"

namespace tenon::recipes {

/// What both translators of the LSTM edition have in common.
struct mxnet_lstm_common : recipe_defaults {
  static constexpr std::size_t batch_size = 64, source_steps = 10, target_steps = 9;
  static constexpr std::size_t source_capacity = 256, target_capacity = 256;
  static constexpr std::size_t embedding_size = 32, hidden_size = 32, layers = 2;

  static constexpr double dropout = 0;
  static constexpr float learning_rate = 0.005F, clip = 1;
  static constexpr std::size_t pairs = 1001, validation_pairs = 0;

  static constexpr objective_form objective = objective_form::sum_of_pairs_divided;

  template <class Part>
  static constexpr void start(Part& part, std::size_t words) {
    start_as_mxnet(part, words);
  }

  static constexpr text::dataset_rules text = text::mxnet_lstm_dataset;

  static constexpr std::array samples{
      sample_sentence{"Go .", "va !"},
      sample_sentence{"Wow !", "ça alors !"},
      sample_sentence{"I'm OK .", "je vais bien ."},
      sample_sentence{"I won !", "j'ai gagné !"},
  };
};

}  // namespace tenon::recipes
