// SPDX-License-Identifier: BSL-1.0
// The translator of Dive into Deep Learning, edition 0.17: small GRU layers with additive attention.
#pragma once
#include <cstddef>
#include <string_view>

#include "../nn/seq2seq.hpp"
#include "d2l_0_17_common.hpp"

namespace tenon::recipes {

struct d2l_0_17 : d2l_0_17_common {
  static constexpr std::string_view name = "d2l-0.17";
  static constexpr std::string_view title = "English to French as in Dive into Deep Learning 0.17";
  static constexpr std::size_t epochs = 250;

  static constexpr auto model() {
    return encoder_decoder<source_capacity, target_capacity, embedding_size, hidden_size, layers>{};
  }
};

using selected = d2l_0_17;

}  // namespace tenon::recipes
