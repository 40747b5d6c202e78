// SPDX-License-Identifier: BSL-1.0
// A translator of short sentences, of 7 sub-words on average and up to 32, with less dropout, for more than a
// hundred thousand sentence pairs.
#pragma once
#include <array>
#include <cstddef>
#include <string_view>

#include "subword_gru_common.hpp"

namespace tenon::recipes {

struct subword_gru_short : subword_gru_common {
  static constexpr std::string_view name = "subword-gru-short";
  static constexpr std::string_view title =
      "Sub-words of short sentences, a bidirectional GRU encoder, additive attention";

  static constexpr std::array buckets{bucket{192, 9, 9}, bucket{144, 13, 13}, bucket{96, 19, 19},
                                      bucket{48, 33, 33}};
  static constexpr std::size_t source_steps = 33, target_steps = 33;
  static constexpr dropout_rates dropout{.embeddings = 0.2, .memory = 0.2, .outputs = 0.2};
  static constexpr std::size_t epochs = 8;

  static constexpr text::subword_rules text{.source_steps = source_steps, .target_steps = target_steps};
};

using selected = subword_gru_short;

}  // namespace tenon::recipes
