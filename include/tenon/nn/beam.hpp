// SPDX-License-Identifier: BSL-1.0
// Beam search as one program: at every step the best hypotheses of each sentence go on.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "../ops/beam/beam.hpp"
#include "../ops/stop/stop.hpp"
#include "running_decoder.hpp"
#include "seq2seq.hpp"

namespace tenon {

/// What beam search gives: the hypotheses' words backwards through their parents, see beam_path. On a CPU it
/// ends once all of them have come to eos: see beam_steps.
template <class Words, class Totals, class Weights>
struct beam_decoded {
  Words words;    ///< (target_steps, batch, beams), int32: chosen at each step; eos once it has come
  Words parents;  ///< (target_steps, batch, beams), int32: row · beams + beam of the step before
  Totals totals;  ///< (target_steps, batch, beams): Σ of the words' log-probabilities so far, the best first
  Words lengths;  ///< (target_steps, batch, beams), int32: words so far, eos among them
  Weights weights;  ///< (target_steps, batch, beams, steps): what chose each word attended to; or no_weights
};

namespace detail {
template <std::size_t N>
struct candidates : axis<N> {};  // batch and beams together

/// Where a search stands after a step.
template <class Running, class Hypotheses, class Weights>
struct beam_step {
  Running running;        ///< the decoder, with the hypotheses that go on
  Hypotheses hypotheses;  ///< continuations
  Weights weights;        ///< (batch, beams, steps): what chose their last words attended to; or no_weights
};
}  // namespace detail

/// Decodes Count steps with Beams hypotheses for each row of the batch, from the words `first` (batch, int32:
/// <bos>), choosing among the first `used` words of the vocabulary; `eos` (one int32) ends a hypothesis. The
/// best is the one with the highest total divided by ((5 + words) / 6)^alpha (Wu et al., 2016). `start`: see
/// running_decoder.hpp.
template <std::size_t Count, std::size_t Beams, class Running, operand First, operand Used, operand Eos>
requires std::is_void_v<detail::words_error<First, Used, Eos>>
constexpr auto decode_with_beams(Running const& start, First const& first, Used const& used, Eos const& eos,
                                 double alpha) {
  constexpr std::size_t rows = extent_of<shape_of<First>, batch>;
  // A step of all hypotheses that are held, of which `running` has the states.
  auto const step = [&](auto running, auto const& held) {
    auto const words = running.next(held.last_words);
    auto const next = best_continuations<Beams>(words.logits, held, eos, alpha, used);
    auto const of_parents = [&](auto const& x) {
      return keep(gather<detail::candidates>(merge<batch, beams, detail::candidates>(x), next.parents));
    };
    auto const seen = [&] {
      if constexpr (Running::attends)
        return of_parents(words.weights);
      else
        return words.weights;
    }();
    auto const going_on = running.of_states(of_parents);
    return detail::beam_step<std::remove_cvref_t<decltype(going_on)>, std::remove_cvref_t<decltype(next)>,
                             std::remove_cvref_t<decltype(seen)>>{going_on, next, seen};
  };

  // At first there is one hypothesis for each row, of no words.
  auto const alone = [](auto const& x) { return split<batch, batch<rows>, beams<1>>(x); };
  auto const words = keep(first + 0);
  auto const zero = alone(keep(cast<float>(words) * 0.0F));
  auto const last_words = alone(words);
  hypotheses<std::remove_cvref_t<decltype(zero)>, std::remove_cvref_t<decltype(last_words)>> const none{
      zero, last_words, alone(keep(words * 0))};
  auto now = step(start.of_states(alone), none);
  std::array<decltype(now.hypotheses.parents), Count> chosen{}, parents{}, lengths{};
  std::array<decltype(now.hypotheses.totals), Count> totals{};
  std::array<decltype(now.weights), Count> weights{};
  for (std::size_t t = 0; t < Count; ++t) {
    if (t > 0) {
      stop_unless(
          sum<batch, beams>(select(chosen[t - 1] == eos, 0.0F, cast<float>(lengths[t - 1]) * 0.0F + 1.0F)));
      now = step(now.running, now.hypotheses);
    }
    chosen[t] = now.hypotheses.last_words;
    parents[t] = now.hypotheses.parents;
    totals[t] = now.hypotheses.totals;
    lengths[t] = now.hypotheses.lengths;
    weights[t] = now.weights;
  }
  auto const all_words = stack<target_steps>(chosen);
  auto const all_weights = [&] {
    if constexpr (Running::attends)
      return stack<target_steps>(weights);
    else
      return no_weights{};
  }();
  auto const all_totals = stack<target_steps>(totals);
  return beam_decoded<std::remove_cvref_t<decltype(all_words)>, std::remove_cvref_t<decltype(all_totals)>,
                      std::remove_cvref_t<decltype(all_weights)>>{
      all_words, stack<target_steps>(parents), all_totals, stack<target_steps>(lengths), all_weights};
}

template <std::size_t Count, std::size_t Beams, class Running, operand First, operand Used, operand Eos,
          shape_error Error = detail::words_error<First, Used, Eos>>
Error decode_with_beams(Running const& start, First const& first, Used const& used, Eos const& eos,
                        double alpha);

/// The same with a decoder from its encoder's result.
template <std::size_t Count, std::size_t Beams, class Decoder, class Encoded, operand Valid, operand First,
          operand Used, operand Eos>
requires std::is_void_v<detail::search_error<Decoder, Encoded, Valid, First, Used, Eos>>
constexpr auto decode_with_beams(Decoder const& decoder, Encoded const& encoded, Valid const& valid,
                                 First const& first, Used const& used, Eos const& eos, double alpha) {
  constexpr std::size_t rows = extent_of<shape_of<First>, batch>;
  return decode_with_beams<Count, Beams>(run_decoder<rows, Beams>(decoder, encoded, valid), first, used, eos,
                                         alpha);
}

template <std::size_t Count, std::size_t Beams, class Decoder, class Encoded, operand Valid, operand First,
          operand Used, operand Eos,
          shape_error Error = detail::search_error<Decoder, Encoded, Valid, First, Used, Eos>>
Error decode_with_beams(Decoder const& decoder, Encoded const& encoded, Valid const& valid,
                        First const& first, Used const& used, Eos const& eos, double alpha);

/// How many steps a search took, of whose words (target_steps, rows, beams) `hypotheses` = rows · beams are
/// of one step: up to the first whose words are all eos. What is said of steps behind it is of another run.
TENON_WHEN_USED inline std::size_t beam_steps(std::span<std::int32_t const> words, std::size_t hypotheses,
                                              std::int32_t eos) {
  std::size_t const most = words.size() / hypotheses;
  for (std::size_t t = 0; t < most; ++t) {
    auto const step = words.subspan(t * hypotheses, hypotheses);
    if (std::all_of(step.begin(), step.end(), [eos](std::int32_t word) { return word == eos; })) return t + 1;
  }
  return most;
}

/// The beams that a hypothesis went through, one for each step: at step t its word is words(t, row, path[t]).
/// parents: (steps, rows, beams) of the steps that beam search took; the hypothesis is number `beam` of
/// `row`.
TENON_WHEN_USED inline std::vector<std::size_t> beam_path(std::span<std::int32_t const> parents,
                                                          std::size_t rows, std::size_t beams,
                                                          std::size_t row, std::size_t beam) {
  std::vector<std::size_t> path(parents.size() / (rows * beams));
  for (std::size_t t = path.size(); t-- > 0;) {
    path[t] = beam;
    if (t > 0) beam = static_cast<std::size_t>(parents[(t * rows + row) * beams + beam]) - row * beams;
  }
  return path;
}

}  // namespace tenon
