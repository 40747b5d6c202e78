// SPDX-License-Identifier: BSL-1.0
// Several models of one kind that decode together, a linear ensemble: at each step a word's probability is
// the mean of the models' probabilities, what is attended to the mean of what they attend to. Greedy decoding
// (greedy.hpp) and beam search (beam.hpp) take it as they take one decoder:
//
//   auto const nets = laid_out_together(my_model{}, 3);  // of a block with 3 · parameter_count(my_model{})
//   auto const running = run_ensemble<rows>(nets, source, valid, used);
//   auto const found = decode_greedily<9>(running, first, used, eos);
//
// How many models there are is known when a program is recorded.
#pragma once
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "../ops/softmax/softmax.hpp"
#include "running_decoder.hpp"

namespace tenon {

/// So many models of one kind, laid out one behind the other in a parameter block.
template <class Model>
constexpr std::vector<Model> laid_out_together(Model const& model, std::size_t count) {
  std::vector<Model> models;
  for (std::size_t i = 0; i < count; ++i) models.push_back(laid_out(model, i * parameter_count(model)));
  return models;
}

/// From several models' logits (…, vocab) those of the mean of their distributions over the first `used`
/// words (one int32): its logarithm. Throws std::logic_error if there are none.
template <class Logits, operand Used>
constexpr auto mean_distribution(std::vector<Logits> const& logits, Used const& used) {
  if (logits.empty()) throw std::logic_error("mean_distribution: there are no logits");
  auto sum = softmax<vocab>(logits.front(), used);
  for (std::size_t i = 1; i < logits.size(); ++i) sum = keep(sum + softmax<vocab>(logits[i], used));
  // Where every model gives a word the probability 0, its logarithm would be -inf.
  constexpr auto least = std::numeric_limits<element_of<Logits>>::min();
  return keep(log(max(sum * (1.0 / static_cast<double>(logits.size())), least)));
}

/// Decoders that have read the same source, each with a model of its own.
template <class Running, class Used>
struct running_ensemble {
  static constexpr bool attends = Running::attends;
  std::vector<Running> members;
  Used used;  ///< how many words of the vocabulary are in use: one int32

  /// See running_decoder.
  template <operand Words>
  constexpr auto next(Words const& words) {
    using step = decltype(members.front().next(words));
    std::vector<decltype(step::logits)> logits;
    std::vector<decltype(step::weights)> weights;
    for (auto& member : members) {
      auto const said = member.next(words);
      logits.push_back(said.logits);
      weights.push_back(said.weights);
    }
    auto const mean = mean_distribution(logits, used);
    auto const seen = [&] {
      if constexpr (attends) {
        double const share = 1.0 / static_cast<double>(weights.size());
        auto sum = keep(weights.front() * share);
        for (std::size_t i = 1; i < weights.size(); ++i) sum = keep(sum + weights[i] * share);
        return sum;
      } else {
        return no_weights{};
      }
    }();
    return decoder_step<std::remove_cvref_t<decltype(mean)>, std::remove_cvref_t<decltype(seen)>>{mean, seen};
  }

  template <class F>
  constexpr auto of_states(F const& f) const {
    std::vector<decltype(members.front().of_states(f))> changed;
    for (auto const& member : members) changed.push_back(member.of_states(f));
    return running_ensemble<typename decltype(changed)::value_type, Used>{changed, used};
  }
};

/// Starts models from a source (batch, steps) with `valid` (batch) words each, to go on with so many
/// hypotheses for each of Rows sentences (see run_decoder) among the first `used` words. A model has an
/// encoder and a decoder; all must outlive what this gives. Throws std::logic_error if there are none.
template <std::size_t Rows, std::size_t Hypotheses = 1, class Model, operand Source, operand Valid,
          operand Used>
constexpr auto run_ensemble(std::vector<Model> const& models, Source const& source, Valid const& valid,
                            Used const& used) {
  if (models.empty()) throw std::logic_error("run_ensemble: there are no models");
  auto const run = [&](Model const& model) {
    return run_decoder<Rows, Hypotheses>(
        model.decoder, model.encoder.template encode<mode::inference>(source, valid), valid);
  };
  std::vector<decltype(run(models.front()))> members;
  for (auto const& model : models) members.push_back(run(model));
  return running_ensemble<typename decltype(members)::value_type, Used>{members, used};
}
template <std::size_t Rows, std::size_t Hypotheses = 1, class Model, operand Source, operand Valid,
          operand Used>
void run_ensemble(std::vector<Model>&& models, Source const&, Valid const&, Used const&) = delete;

}  // namespace tenon
