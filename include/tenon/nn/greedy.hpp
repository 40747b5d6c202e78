// SPDX-License-Identifier: BSL-1.0
// Greedy decoding as one program: every step's most likely word is the next step's input.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "seq2seq.hpp"

namespace tenon {

/// What greedy decoding gives.
template <class Tokens, class Weights>
struct decoded {
  Tokens tokens;    ///< (target_steps, batch), int32: the chosen words, also after an <eos>
  Weights weights;  ///< (target_steps, batch, steps): what each step attended to
};

/// Decodes Count steps from the words `first` (batch, int32: <bos>), choosing among the first `used` words of
/// the vocabulary (one int32).
template <std::size_t Count, class Decoder, class Encoded, operand Valid, operand First, operand Used>
constexpr auto decode_greedily(Decoder const& decoder, Encoded const& encoded, Valid const& valid,
                               First const& first, Used const& used) {
  auto state = decoder.start(encoded, valid);
  auto const memory_gates = [&] {
    if constexpr (shape_of<First>::size < few_rows)
      return decoder.memory_gates(state);
    else
      return 0;
  }();
  auto const words = [&](auto const& ids, auto const& carry) {
    auto const weights = [&] {
      if constexpr (shape_of<First>::size < few_rows)
        return decoder.step_from(*carry, decoder.embedded_gates(ids), memory_gates);
      else
        return decoder.template step<mode::inference>(*carry, decoder.embedded_gates(ids), 0);
    }();
    return std::pair{argmax<vocab>(decoder.dense(carry->states.back()), used), weights};
  };
  auto const start = words(first, &state);
  std::array<std::remove_cvref_t<decltype(start.first)>, Count> tokens{};
  std::array<std::remove_cvref_t<decltype(start.second)>, Count> weights{};
  tokens[0] = start.first;
  weights[0] = start.second;
  for (std::size_t t = 1; t < Count; ++t) {
    auto const next = words(tokens[t - 1], &state);
    tokens[t] = next.first;
    weights[t] = next.second;
  }
  auto const all_tokens = stack<target_steps>(tokens);
  auto const all_weights = stack<target_steps>(weights);
  return decoded<decltype(all_tokens), decltype(all_weights)>{all_tokens, all_weights};
}

}  // namespace tenon
