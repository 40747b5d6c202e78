// SPDX-License-Identifier: BSL-1.0
// The 1.0 recipe as its MXNet build starts: matrices and embeddings Xavier-uniform, biases zero.
#pragma once
#include <cstddef>
#include <string_view>

#include "../nn/initialisers.hpp"
#include "../nn/seq2seq.hpp"
#include "d2l_1_0_common.hpp"

namespace tenon::recipes {

struct d2l_1_0_mxnet : d2l_1_0_common {
  static constexpr std::string_view name = "d2l-1.0-mxnet";
  static constexpr std::string_view title =
      "English to French as in Dive into Deep Learning 1.0, the MXNet build";

  static constexpr auto model() {
    return encoder_decoder<source_capacity, target_capacity, embedding_size, hidden_size, layers>{};
  }

  template <class Part>
  static constexpr void start(Part& part, std::size_t words) {
    start_as_mxnet(part, words);
  }
};

using selected = d2l_1_0_mxnet;

}  // namespace tenon::recipes
