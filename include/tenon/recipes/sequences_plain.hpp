// SPDX-License-Identifier: BSL-1.0
// Made-up sequences, to copy or to reverse, without attention: all that the decoder knows is one vector.
#pragma once
#include <string_view>

#include "../nn/seq2seq.hpp"
#include "sequences_common.hpp"

namespace tenon::recipes {

struct sequences_plain : sequences_common {
  static constexpr std::string_view name = "sequences-plain";
  static constexpr std::string_view title = "Sequences of letters through a fixed context";

  static constexpr auto model() {
    return plain_encoder_decoder<source_capacity, target_capacity, embedding_size, hidden_size, layers>{};
  }
};

using selected = sequences_plain;

}  // namespace tenon::recipes
