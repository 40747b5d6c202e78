// SPDX-License-Identifier: BSL-1.0
// What recipes are written with.
#pragma once
#include <array>
#include <cstddef>
#include <limits>
#include <string_view>

#include "../train/schedule.hpp"

namespace tenon::recipes {

/// A sentence and its translation.
struct sample_sentence {
  std::string_view source, target;
};

/// What a loss is a mean over: the words of the labels, or all steps, where pads count too and lower it.
enum class loss_terms { words, steps };

/// What a training step descends, and in what units `train` prints losses.
enum class objective_form {
  mean,          ///< the mean loss, over what the recipe's `loss` says; printed as it is
  sum_of_pairs,  ///< Σ over a batch's pairs of Σ over its words of their losses, divided by the target steps;
                 ///< printed divided by the batch's words
  sum_of_pairs_divided,  ///< the same, and the gradient is divided by the words after clipping
};

/// As `pairs`: all that the data has.
inline constexpr std::size_t every_pair = std::numeric_limits<std::size_t>::max();

/// Sentence pairs of up to these lengths are trained on together, so many at a time.
struct bucket {
  std::size_t batch_size, source_steps, target_steps;
};

/// What a recipe that does not say otherwise derives from.
struct recipe_defaults {
  using bucket = recipes::bucket;  // what `tenon-translate buckets` prints names it so
  static constexpr loss_terms loss = loss_terms::words;
  static constexpr objective_form objective = objective_form::mean;
  static constexpr float epsilon = 1e-8F;       ///< of Adam
  static constexpr std::size_t accumulate = 1;  ///< batches whose gradients' mean makes one step
  static constexpr double smoothing = 0;        ///< of the labels, in training
  static constexpr train::learning_rate_schedule schedule{};
  static constexpr double average = 0;  ///< decay of the weights' exponential average; 0: none is kept

  /// Translating: how many hypotheses are followed (1: greedily), and α of the penalty ((5 + words) / 6)^α
  /// that their log-probabilities are divided by.
  static constexpr std::size_t beams = 1;
  static constexpr double length_penalty = 1;
  static constexpr std::size_t sentences_at_once = 1;  ///< of many, so many are translated together
  static constexpr bool ensembles = false;  ///< can several models translate together? Code for it, if so

  /// How the weights of the model's encoder or decoder start, of whose vocabulary `words` are in use: here as
  /// their layers say.
  template <class Part>
  static constexpr void start(Part&, std::size_t /*words*/) {}
};

/// The buckets of a recipe, from the shortest sentences to the longest: one, unless it has `buckets`.
template <class Recipe>
inline constexpr auto buckets_of = [] {
  if constexpr (requires { Recipe::buckets; })
    return Recipe::buckets;
  else
    return std::array{bucket{Recipe::batch_size, Recipe::source_steps, Recipe::target_steps}};
}();

}  // namespace tenon::recipes
