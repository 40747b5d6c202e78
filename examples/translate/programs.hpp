// SPDX-License-Identifier: BSL-1.0
// The programs of a recipe: learn from a batch, measure the loss of a batch, translate one sentence. All are
// recorded by the compiler: no code that records is in the binary, and starting costs nothing. (nvcc's front
// end takes minutes for that: compiled for a GPU, they are recorded at start-up, in milliseconds.)
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "tenon/recipes/terms.hpp"
#include "tenon/tenon.hpp"
#include "tenon/train/stored_weights.hpp"

namespace tenon::translate {

#if defined(__CUDACC__)
template <class F>
auto recorded(F f) {
  return record_now(f);
}
#else
template <class F>
consteval auto recorded(F f) {
  return record(f);
}
#endif

/// A recipe's layers with their weights laid out.
template <class Recipe>
inline constexpr auto model_of = laid_out(Recipe::model());

/// Does the model look back at the source, so that there is something to show?
template <class Recipe>
inline constexpr bool attends = std::remove_cvref_t<decltype(model_of<Recipe>.decoder)>::attends;

/// How many parameters the model has when its vocabularies have these many words.
template <class Recipe>
constexpr std::size_t parameters_of(std::size_t source_words, std::size_t target_words) {
  return train::parameters_in_use(model_of<Recipe>.encoder, source_words) +
         train::parameters_in_use(model_of<Recipe>.decoder, target_words);
}

/// The words of a batch's labels, and their losses' weighted mean.
template <class Mean, class Words>
struct batch_loss {
  Mean mean;
  Words words;
};

/// Inputs: source, source_valid, target_in, labels, weight, used (the target words in use). Output: loss, the
/// mean over labels.
template <class Recipe, mode Mode>
constexpr auto record_loss(recorder& r) {
  auto source = r.input<std::int32_t, batch<Recipe::batch_size>, steps<Recipe::source_steps>>("source");
  auto valid = r.input<std::int32_t, batch<Recipe::batch_size>>("source_valid");
  auto target =
      r.input<std::int32_t, batch<Recipe::batch_size>, target_steps<Recipe::target_steps>>("target_in");
  auto labels =
      r.input<std::int32_t, batch<Recipe::batch_size>, target_steps<Recipe::target_steps>>("labels");
  auto weight = r.input<float, batch<Recipe::batch_size>, target_steps<Recipe::target_steps>>("weight");
  auto used = r.input<std::int32_t>("used");
  auto logits = model_of<Recipe>.template logits<Mode>(source, valid, target,
                                                       Mode == mode::training ? Recipe::dropout : 0);
  auto mean = mean_cross_entropy<vocab>(logits, labels, weight, used,
                                        label_smoothing{Mode == mode::training ? Recipe::smoothing : 0});
  r.output("loss", mean);
  auto words = sum(weight);
  return batch_loss<decltype(mean), decltype(words)>{mean, words};
}

/// One step of learning.
template <class Recipe>
inline auto const training_step = recorded([](recorder& r) {
  using recipes::objective_form;
  auto const loss = record_loss<Recipe, mode::training>(r);
  constexpr std::size_t parameters = parameter_count(model_of<Recipe>);
  constexpr adam how{.learning_rate = Recipe::learning_rate};
  constexpr clip_by_global_norm clip{Recipe::clip};
  if constexpr (Recipe::objective == objective_form::mean) {
    minimise(r, loss.mean, parameters, how, clip);
  } else {
    auto const words = keep(loss.words);
    auto const sum_of_pairs = keep(loss.mean * words * (1.0 / Recipe::target_steps));
    if constexpr (Recipe::objective == objective_form::sum_of_pairs)
      minimise(r, sum_of_pairs, parameters, how, clip);
    else
      minimise(r, sum_of_pairs, parameters, how, clip, words);
  }
});

/// The loss of a batch, without dropout.
template <class Recipe>
inline auto const measured_loss = recorded([](recorder& r) { record_loss<Recipe, mode::inference>(r); });

/// One sentence, with the weights of products kept as Weights. Inputs: source, source_valid, first (<bos>),
/// eos, used. Outputs: tokens (steps) and, with attention, weights (steps, source steps); by beam search
/// tokens and parents (steps, beams), weights (steps, beams, source steps), totals and lengths (beams).
template <class Recipe, element_type Weights>
inline auto const translation_of_one = recorded([](recorder& r) {
  r.freeze_weights(Weights);
  auto source = r.input<std::int32_t, batch<1>, steps<Recipe::source_steps>>("source");
  auto valid = r.input<std::int32_t, batch<1>>("source_valid");
  auto first = r.input<std::int32_t, batch<1>>("first");
  auto used = r.input<std::int32_t>("used");
  auto const& net = model_of<Recipe>;
  auto const encoded = net.encoder.template encode<mode::inference>(source, valid);
  auto const found = [&] {
    if constexpr (Recipe::beams == 1) {
      auto const greedy = decode_greedily<Recipe::target_steps>(net.decoder, encoded, valid, first, used);
      r.output("tokens", greedy.tokens);
      return greedy.weights;
    } else {
      auto const best = decode_with_beams<Recipe::target_steps, Recipe::beams>(
          net.decoder, encoded, valid, first, r.input<std::int32_t>("eos"), used, Recipe::length_penalty);
      r.output("tokens", best.words);
      r.output("parents", best.parents);
      r.output("totals", best.totals);
      r.output("lengths", best.lengths);
      return best.weights;
    }
  }();
  if constexpr (attends<Recipe>) r.output("weights", found);
});

}  // namespace tenon::translate
