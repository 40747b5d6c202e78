// SPDX-License-Identifier: BSL-1.0
// Made-up sequences, to copy or to reverse, with attention.
#pragma once
#include <string_view>

#include "../nn/seq2seq.hpp"
#include "sequences_common.hpp"

namespace tenon::recipes {

struct sequences : sequences_common {
  static constexpr std::string_view name = "sequences";
  static constexpr std::string_view title = "Sequences of letters, with attention";

  static constexpr auto model() {
    return encoder_decoder<source_capacity, target_capacity, embedding_size, hidden_size, layers>{};
  }
};

using selected = sequences;

}  // namespace tenon::recipes
