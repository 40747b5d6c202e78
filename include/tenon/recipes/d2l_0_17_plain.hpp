// SPDX-License-Identifier: BSL-1.0
// The 0.17 recipe without attention: the decoder sees the encoder's last output at every step.
#pragma once
#include <cstddef>
#include <string_view>

#include "../nn/seq2seq.hpp"
#include "d2l_0_17_common.hpp"

namespace tenon::recipes {

struct d2l_0_17_plain : d2l_0_17_common {
  static constexpr std::string_view name = "d2l-0.17-plain";
  static constexpr std::string_view title =
      "English to French as in Dive into Deep Learning 0.17, without attention";
  static constexpr std::size_t epochs = 300;

  static constexpr auto model() {
    return plain_encoder_decoder<source_capacity, target_capacity, embedding_size, hidden_size, layers>{};
  }
};

using selected = d2l_0_17_plain;

}  // namespace tenon::recipes
