// SPDX-License-Identifier: BSL-1.0
// The constants of Dive into Deep Learning, edition 0.17, whatever the layers: d2l_1_0.hpp says what each is.
#pragma once
#include <array>
#include <cstddef>

#include "../nn/initialisers.hpp"
#include "../text/dataset.hpp"
#include "terms.hpp"

namespace tenon::recipes {

/// What both translators of the 0.17 edition have in common.
struct d2l_0_17_common : recipe_defaults {
  static constexpr std::size_t batch_size = 64, source_steps = 10, target_steps = 10;
  static constexpr std::size_t source_capacity = 256, target_capacity = 256;
  static constexpr std::size_t embedding_size = 32, hidden_size = 32, layers = 2;

  static constexpr double dropout = 0.1;
  static constexpr float learning_rate = 0.005F, clip = 1;
  static constexpr std::size_t pairs = 601, validation_pairs = 0;

  static constexpr objective_form objective = objective_form::sum_of_pairs;

  template <class Part>
  static constexpr void start(Part& part, std::size_t words) {
    start_with_xavier_matrices(part, words);
  }

  static constexpr text::dataset_rules text = text::d2l_0_17_dataset;

  static constexpr std::array samples{
      sample_sentence{"go .", "va !"},
      sample_sentence{"i lost .", "j'ai perdu ."},
      sample_sentence{"he's calm .", "il est calme ."},
      sample_sentence{"i'm home .", "je suis chez moi ."},
  };
};

}  // namespace tenon::recipes
