// SPDX-License-Identifier: BSL-1.0
// Beam search as one program: at every step the best hypotheses of each sentence go on.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "../ops/beam/beam.hpp"
#include "seq2seq.hpp"

namespace tenon {

/// What beam search gives: the hypotheses' words backwards through their parents, see beam_path.
template <class Words, class Totals, class Lengths, class Weights>
struct beam_decoded {
  Words words;      ///< (target_steps, batch, beams), int32: chosen at each step; eos once it has come
  Words parents;    ///< (target_steps, batch, beams), int32: row · beams + beam of the step before
  Totals totals;    ///< (batch, beams): Σ of the words' log-probabilities, the best hypothesis first
  Lengths lengths;  ///< (batch, beams), int32: words, eos among them
  Weights weights;  ///< (target_steps, batch, beams, steps): what chose each word attended to; or no_weights
};

namespace detail {
template <std::size_t N>
struct candidates : axis<N> {};  // batch and beams together
}  // namespace detail

/// Decodes Count steps with Beams hypotheses for each row of the batch, from the words `first` (batch, int32:
/// <bos>), choosing among the first `used` words of the vocabulary; `eos` (one int32) ends a hypothesis. The
/// best is the one with the highest total divided by ((5 + words) / 6)^alpha (Wu et al., 2016).
template <std::size_t Count, std::size_t Beams, class Decoder, class Encoded, operand Valid, operand First,
          operand Eos, operand Used>
constexpr auto decode_with_beams(Decoder const& decoder, Encoded const& encoded, Valid const& valid,
                                 First const& first, Eos const& eos, Used const& used, double alpha) {
  constexpr std::size_t rows = extent_of<shape_of<First>, batch>;
  constexpr bool from_memory_gates = Decoder::attends && rows * Beams < few_rows;
  auto const& rnn = decoder.rnn;
  auto const start = decoder.start(encoded, valid);
  auto const memory_gates = [&] {
    if constexpr (from_memory_gates)
      return decoder.memory_gates(start);
    else
      return 0;
  }();
  /// A step of all hypotheses that are held; moves the carry on to the ones that they are continued by.
  auto const step = [&](auto const& before, auto const& held, auto&& then) {
    auto carry = before;
    auto const of_words = decoder.word_gates(carry, held.last_words);
    auto const weights = [&] {
      if constexpr (from_memory_gates)
        return decoder.step_from(carry, of_words, memory_gates);
      else
        return decoder.template step<mode::inference>(carry, of_words, 0);
    }();
    auto const next =
        best_continuations<Beams>(decoder.logits(rnn.output(carry.states)), held, eos, alpha, used);
    auto const of_parents = [&](auto const& x) {
      return keep(gather<detail::candidates>(merge<batch, beams, detail::candidates>(x), next.parents));
    };
    auto const chosen_weights = [&] {
      if constexpr (Decoder::attends)
        return of_parents(weights);
      else
        return weights;
    }();
    return then(decoder.with_states(carry, rnn.each_part(of_parents, carry.states)), next, chosen_weights);
  };

  using one_beam = beams<1>;
  auto const alone = [](auto const& x) { return split<batch, batch<rows>, one_beam>(x); };
  auto const words = keep(first + 0);
  hypotheses<std::remove_cvref_t<decltype(alone(keep(cast<float>(words))))>,
             std::remove_cvref_t<decltype(alone(words))>> const none{alone(keep(cast<float>(words) * 0.0F)),
                                                                     alone(words), alone(keep(words * 0))};
  return step(decoder.with_states(start, rnn.each_part(alone, start.states)), none,
              [&](auto carry, auto next, auto weights) {
                std::array<decltype(next.parents), Count> all_words{}, all_parents{};
                std::array<decltype(weights), Count> all_weights{};
                for (std::size_t t = 0;; ++t) {
                  all_words[t] = next.last_words;
                  all_parents[t] = next.parents;
                  all_weights[t] = weights;
                  if (t + 1 == Count) break;
                  step(carry, next, [&](auto const& c, auto const& n, auto const& w) {
                    carry = c;
                    next = n;
                    weights = w;
                  });
                }
                auto const seen = [&] {
                  if constexpr (Decoder::attends)
                    return stack<target_steps>(all_weights);
                  else
                    return no_weights{};
                }();
                auto const chosen = stack<target_steps>(all_words);
                return beam_decoded<std::remove_cvref_t<decltype(chosen)>, decltype(next.totals),
                                    decltype(next.lengths), std::remove_cvref_t<decltype(seen)>>{
                    chosen, stack<target_steps>(all_parents), next.totals, next.lengths, seen};
              });
}

/// The beams that a hypothesis went through, one for each step: at step t its word is words(t, row, path[t]).
/// parents: (target_steps, rows, beams) as beam search gave them; the hypothesis is number `beam` of `row`.
inline std::vector<std::size_t> beam_path(std::span<std::int32_t const> parents, std::size_t rows,
                                          std::size_t beams, std::size_t row, std::size_t beam) {
  std::vector<std::size_t> path(parents.size() / (rows * beams));
  for (std::size_t t = path.size(); t-- > 0;) {
    path[t] = beam;
    if (t > 0) beam = static_cast<std::size_t>(parents[(t * rows + row) * beams + beam]) - row * beams;
  }
  return path;
}

}  // namespace tenon
