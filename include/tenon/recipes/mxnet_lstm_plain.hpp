// SPDX-License-Identifier: BSL-1.0
// The LSTM edition's recipe without attention: the decoder sees the encoder's last states alone.
#pragma once
#include <cstddef>
#include <string_view>

#include "../nn/seq2seq.hpp"
#include "mxnet_lstm_common.hpp"

namespace tenon::recipes {

struct mxnet_lstm_plain : mxnet_lstm_common {
  static constexpr std::string_view name = "mxnet-lstm-plain";
  static constexpr std::string_view title =
      "English to French as in the LSTM edition of Dive into Deep Learning, without attention";
  static constexpr std::size_t epochs = 300;

  static constexpr auto model() {
    return plain_encoder_decoder<source_capacity, target_capacity, embedding_size, hidden_size, layers,
                                 lstm_cells, false>{};
  }
};

using selected = mxnet_lstm_plain;

}  // namespace tenon::recipes
