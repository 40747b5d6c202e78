// SPDX-License-Identifier: BSL-1.0
// The translator of Dive into Deep Learning's early MXNet edition: small LSTM layers with additive attention.
#pragma once
#include <cstddef>
#include <string_view>

#include "../nn/seq2seq.hpp"
#include "mxnet_lstm_common.hpp"

namespace tenon::recipes {

struct mxnet_lstm : mxnet_lstm_common {
  static constexpr std::string_view name = "mxnet-lstm";
  static constexpr std::string_view title =
      "English to French as in the LSTM edition of Dive into Deep Learning";
  static constexpr std::size_t epochs = 200;

  static constexpr auto model() {
    return encoder_decoder<source_capacity, target_capacity, embedding_size, hidden_size, layers,
                           lstm_cells>{};
  }
};

using selected = mxnet_lstm;

}  // namespace tenon::recipes
