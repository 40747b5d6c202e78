// SPDX-License-Identifier: BSL-1.0
// The constants of the experiments on made-up sequences, with and without attention: d2l_1_0.hpp says what
// each is.
#pragma once
#include <array>
#include <cstddef>
#include <string_view>

#include "../text/dataset.hpp"
#include "terms.hpp"

namespace tenon::recipes {

struct sequences_common : recipe_defaults {
  static constexpr std::size_t batch_size = 64, source_steps = 25, target_steps = 25;
  static constexpr std::size_t source_capacity = 32, target_capacity = 32;
  static constexpr std::size_t embedding_size = 64, hidden_size = 128, layers = 1;

  static constexpr double dropout = 0;
  static constexpr float learning_rate = 0.003F, clip = 1;
  static constexpr std::size_t epochs = 20, pairs = every_pair, validation_pairs = 0;

  static constexpr text::dataset_rules text{.source_steps = source_steps, .target_steps = target_steps};
  static constexpr std::array samples{sample_sentence{"a b c", "c b a"}};
};

}  // namespace tenon::recipes
