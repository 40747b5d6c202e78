// SPDX-License-Identifier: BSL-1.0
// Greedy decoding as one program: every step's most likely word is the next step's input.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "../ops/stop/stop.hpp"
#include "running_decoder.hpp"
#include "seq2seq.hpp"

namespace tenon {

/// What greedy decoding gives.
template <class Tokens, class Weights>
struct decoded {
  Tokens tokens;    ///< (target_steps, batch), int32: the chosen words, also after an <eos>
  Weights weights;  ///< (target_steps, batch, steps): what each step attended to; or no_weights
};

/// Decodes Count steps from the words `first` (batch, int32: <bos>), choosing among the first `used` words of
/// the vocabulary (one int32). With `eos` (one int32) a run on a CPU ends once each row has come to it; of
/// the tokens after it nothing is said. `running`: see running_decoder.hpp.
template <std::size_t Count, class Running, operand First, operand Used, operand... Eos>
requires std::is_void_v<detail::words_error<First, Used, Eos...>>
constexpr auto decode_greedily(Running running, First const& first, Used const& used, Eos const&... eos) {
  static_assert(sizeof...(Eos) <= 1, "decode_greedily: one word that ends a sentence");
  auto const word = [&](auto const& ids) {
    auto const step = running.next(ids);
    return std::pair{argmax<vocab>(step.logits, used), step.weights};
  };
  auto const start = word(first);
  std::array<std::remove_cvref_t<decltype(start.first)>, Count> tokens{};
  std::array<std::remove_cvref_t<decltype(start.second)>, Count> weights{};
  tokens[0] = start.first;
  weights[0] = start.second;
  auto going_on = [&] {
    if constexpr (sizeof...(Eos) == 1)
      return keep(cast<float>(first) * 0.0F + 1.0F);  // of each row: 1, until it has come to eos
    else
      return 0;
  }();
  for (std::size_t t = 1; t < Count; ++t) {
    if constexpr (sizeof...(Eos) == 1) {
      going_on = keep(select(tokens[t - 1] == (eos, ...), 0.0F, going_on));
      stop_unless(sum<batch>(going_on));
    }
    auto const next = word(tokens[t - 1]);
    tokens[t] = next.first;
    weights[t] = next.second;
  }
  auto const all_tokens = stack<target_steps>(tokens);
  auto const all_weights = [&] {
    if constexpr (Running::attends)
      return stack<target_steps>(weights);
    else
      return no_weights{};
  }();
  return decoded<std::remove_cvref_t<decltype(all_tokens)>, std::remove_cvref_t<decltype(all_weights)>>{
      all_tokens, all_weights};
}

template <std::size_t Count, class Running, operand First, operand Used, operand... Eos,
          shape_error Error = detail::words_error<First, Used, Eos...>>
Error decode_greedily(Running running, First const& first, Used const& used, Eos const&... eos);

/// The same with a decoder from its encoder's result.
template <std::size_t Count, class Decoder, class Encoded, operand Valid, operand First, operand Used,
          operand... Eos>
requires std::is_void_v<detail::search_error<Decoder, Encoded, Valid, First, Used, Eos...>>
constexpr auto decode_greedily(Decoder const& decoder, Encoded const& encoded, Valid const& valid,
                               First const& first, Used const& used, Eos const&... eos) {
  return decode_greedily<Count>(run_decoder<shape_of<First>::size>(decoder, encoded, valid), first, used,
                                eos...);
}
template <std::size_t Count, class Decoder, class Encoded, operand Valid, operand First, operand Used,
          operand... Eos,
          shape_error Error = detail::search_error<Decoder, Encoded, Valid, First, Used, Eos...>>
Error decode_greedily(Decoder const& decoder, Encoded const& encoded, Valid const& valid, First const& first,
                      Used const& used, Eos const&... eos);

}  // namespace tenon
