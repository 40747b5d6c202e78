// SPDX-License-Identifier: BSL-1.0
// The 1.0 recipe with scaled dot products instead of additive attention.
#pragma once
#include <string_view>

#include "../nn/seq2seq.hpp"
#include "d2l_1_0_common.hpp"

namespace tenon::recipes {

struct d2l_1_0_dot : d2l_1_0_common {
  static constexpr std::string_view name = "d2l-1.0-dot";
  static constexpr std::string_view title =
      "English to French as in Dive into Deep Learning 1.0, dot-product attention";

  static constexpr auto model() {
    return encoder_decoder<source_capacity, target_capacity, embedding_size, hidden_size, layers, gru_cells,
                           dot_product_attention>{};
  }
};

using selected = d2l_1_0_dot;

}  // namespace tenon::recipes
