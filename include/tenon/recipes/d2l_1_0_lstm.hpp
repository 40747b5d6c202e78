// SPDX-License-Identifier: BSL-1.0
// The 1.0 recipe with LSTM cells instead of GRU cells.
#pragma once
#include <string_view>

#include "../nn/seq2seq.hpp"
#include "d2l_1_0_common.hpp"

namespace tenon::recipes {

struct d2l_1_0_lstm : d2l_1_0_common {
  static constexpr std::string_view name = "d2l-1.0-lstm";
  static constexpr std::string_view title = "English to French as in Dive into Deep Learning 1.0, LSTM cells";

  static constexpr auto model() {
    return encoder_decoder<source_capacity, target_capacity, embedding_size, hidden_size, layers,
                           lstm_cells>{};
  }
};

using selected = d2l_1_0_lstm;

}  // namespace tenon::recipes
