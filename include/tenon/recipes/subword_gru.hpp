// SPDX-License-Identifier: BSL-1.0
// A translator of sentences of up to 41 sub-words, with much dropout, for some ten thousand sentence pairs.
#pragma once
#include <array>
#include <cstddef>
#include <string_view>

#include "subword_gru_common.hpp"

namespace tenon::recipes {

struct subword_gru : subword_gru_common {
  static constexpr std::string_view name = "subword-gru";
  static constexpr std::string_view title = "Sub-words, a bidirectional GRU encoder, additive attention";

  static constexpr std::array buckets{bucket{128, 14, 14}, bucket{96, 20, 20}, bucket{64, 26, 26},
                                      bucket{32, 42, 42}};
  static constexpr std::size_t source_steps = 42, target_steps = 42;
  static constexpr dropout_rates dropout{.embeddings = 0.3, .memory = 0.3, .outputs = 0.3};
  static constexpr std::size_t epochs = 20;

  static constexpr text::subword_rules text{.source_steps = source_steps, .target_steps = target_steps};
};

using selected = subword_gru;

}  // namespace tenon::recipes
