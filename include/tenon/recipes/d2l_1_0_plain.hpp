// SPDX-License-Identifier: BSL-1.0
// The 1.0 recipe without attention: the decoder sees the encoder's last output at every step.
#pragma once
#include <string_view>

#include "../nn/seq2seq.hpp"
#include "d2l_1_0_common.hpp"

namespace tenon::recipes {

struct d2l_1_0_plain : d2l_1_0_common {
  static constexpr std::string_view name = "d2l-1.0-plain";
  static constexpr std::string_view title =
      "English to French as in Dive into Deep Learning 1.0, without attention";

  // As the book's text has it, and the code of its chapter without attention (0.233, validation 2.51).
  static constexpr loss_terms loss = loss_terms::words;

  static constexpr auto model() {
    return plain_encoder_decoder<source_capacity, target_capacity, embedding_size, hidden_size, layers>{};
  }
};

using selected = d2l_1_0_plain;

}  // namespace tenon::recipes
