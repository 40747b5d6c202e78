// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "../ops/dropout/dropout.hpp"
#include "../ops/softmax/softmax.hpp"
#include "gru.hpp"

namespace tenon {

/// A context and the weights that made it.
template <class Context, class Weights>
struct attended {
  Context context;  ///< (batch, hiddens)
  Weights weights;  ///< (batch, steps), before dropout
};

/// Additive attention (Bahdanau, Cho, Bengio, ICLR 2015): score(q, k) = w_v · tanh(W_q q + W_k k).
template <std::size_t H>
struct additive_attention {
  linear_map<hiddens<H>, hiddens<H>> W_q, W_k;
  struct score_vector {
    parameter<hiddens<H>> weight{uniform_by(H)};
    TENON_MEMBERS(score_vector, weight)
  } w_v;
  TENON_MEMBERS(additive_attention, W_q, W_k, w_v)

  /// The part of the keys that no query changes: memory (steps, batch, hiddens) → W_k k, once for all queries.
  template <operand M>
  constexpr auto keys(M const& memory) const {
    return W_k(memory);
  }

  /// query (batch, hiddens), keys and memory (steps, batch, hiddens), valid (batch) → context and weights. The features
  /// tanh(q + k), (batch, steps, hiddens), are stored nowhere, and computed again for the derivative.
  template <mode Mode, operand Q, operand K, operand M, operand Valid>
  constexpr auto attend(Q const& query, K const& keys, M const& memory, Valid const& valid, double dropout_rate) const {
    auto const features = tanh(W_q(query) + keys);
    auto const weights = softmax<steps>(sum<hiddens>(w_v.weight * features), valid);
    if constexpr (Mode == mode::training) {
      auto const context = keep(sum<steps>(dropout(weights, dropout_rate) * memory));
      return attended<decltype(context), decltype(weights)>{context, weights};
    } else {
      auto const context = keep(sum<steps>(weights * memory));
      return attended<decltype(context), decltype(weights)>{context, weights};
    }
  }
};

}  // namespace tenon
