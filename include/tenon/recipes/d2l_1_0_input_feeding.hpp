// SPDX-License-Identifier: BSL-1.0
// The 1.0 recipe with the decoder of Luong et al. (2015): scaled dot products after the recurrent layers, and
// input feeding.
#pragma once
#include <string_view>

#include "../nn/seq2seq.hpp"
#include "d2l_1_0_common.hpp"

namespace tenon::recipes {

struct d2l_1_0_input_feeding : d2l_1_0_common {
  static constexpr std::string_view name = "d2l-1.0-input-feeding";
  static constexpr std::string_view title =
      "English to French as in Dive into Deep Learning 1.0, input feeding";

  static constexpr auto model() {
    constexpr bool feeding = true;
    return luong_encoder_decoder<source_capacity, target_capacity, embedding_size, hidden_size, layers,
                                 gru_cells, dot_product_attention, feeding>{};
  }
};

using selected = d2l_1_0_input_feeding;

}  // namespace tenon::recipes
