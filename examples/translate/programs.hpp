// SPDX-License-Identifier: BSL-1.0
// The programs of a recipe: learn from a batch, measure the loss of a batch, translate, each for
// every bucket of lengths. Those of a recipe with one bucket are recorded by the compiler: no code that
// records is in the binary, and starting costs nothing. Those of several, which may be long, are recorded
// when they are first needed, in milliseconds; so are all where nvcc compiles, whose front end takes minutes.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "tenon/recipes/terms.hpp"
#include "tenon/tenon.hpp"
#include "tenon/train/stored_weights.hpp"

namespace tenon::translate {

/// What f records, for as long as the program runs.
template <class Recipe, class F>
program_view recorded(F f) {
#if !defined(__CUDACC__)
  if constexpr (recipes::buckets_of<Recipe>.size() == 1) {
    static constexpr auto made = record(F{});
    return made.view();
  } else
#endif
  {
    static dynamic_program const made = record_now(f);
    return made.view();
  }
}

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

/// The model's logits, as record_loss asks for them.
template <class Recipe, mode Mode>
inline constexpr auto logits_of_model =
    [](auto const& source, auto const& valid, auto const& target, auto const&) {
      return model_of<Recipe>.template logits<Mode>(source, valid, target, Recipe::dropout);
    };

/// Inputs: source, source_valid, target_in, labels, weight, used (the target words in use). Outputs: loss,
/// the mean over labels; where nothing is learnt also pair_losses, the sum over each pair's labels.
/// logits_of(source, valid, target, used): (target_steps, batch, vocab).
template <class Recipe, std::size_t Bucket, mode Mode, class Recorder, class Logits>
constexpr auto record_loss(Recorder& r, Logits const& logits_of) {
  constexpr auto sizes = recipes::buckets_of<Recipe>[Bucket];
  using rows = batch<sizes.batch_size>;
  using source_words = steps<sizes.source_steps>;
  using target_words = target_steps<sizes.target_steps>;
  auto source = r.template input<std::int32_t, rows, source_words>("source");
  auto valid = r.template input<std::int32_t, rows>("source_valid");
  auto target = r.template input<std::int32_t, rows, target_words>("target_in");
  auto labels = r.template input<std::int32_t, rows, target_words>("labels");
  auto weight = r.template input<float, rows, target_words>("weight");
  auto used = r.template input<std::int32_t>("used");
  auto logits = logits_of(source, valid, target, used);
  auto losses = cross_entropy<vocab>(logits, labels, used,
                                     label_smoothing{Mode == mode::training ? Recipe::smoothing : 0});
  auto mean = keep(sum(losses * weight) / sum(weight));
  r.output("loss", mean);
  if constexpr (Mode == mode::inference) r.output("pair_losses", sum<tenon::target_steps>(losses * weight));
  auto words = sum(weight);
  return batch_loss<decltype(mean), decltype(words)>{mean, words};
}

/// One step of learning.
template <class Recipe, std::size_t Bucket = 0>
program_view training_step() {
  return recorded<Recipe>([](recorder& r) {
    using recipes::objective_form;
    auto const loss = record_loss<Recipe, Bucket, mode::training>(r, logits_of_model<Recipe, mode::training>);
    constexpr std::size_t parameters = parameter_count(model_of<Recipe>);
    constexpr adam how{
        .learning_rate = Recipe::learning_rate, .epsilon = Recipe::epsilon, .accumulate = Recipe::accumulate};
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
    if constexpr (Recipe::average > 0) average_weights(r, parameters, Recipe::average);
  });
}

template <class Recipe>
inline constexpr std::size_t longest_bucket = recipes::buckets_of<Recipe>.size() - 1;
/// The loss of a batch, without dropout: of the longest bucket alone, since this is done once in an epoch and
/// each program takes its time to compile.
template <class Recipe>
program_view measured_loss() {
  return recorded<Recipe>([](inference_recorder& r) {
    record_loss<Recipe, longest_bucket<Recipe>, mode::inference>(r, logits_of_model<Recipe, mode::inference>);
  });
}
/// The same of so many models together.
template <class Recipe>
dynamic_program measured_loss_of(std::size_t models) requires Recipe::ensembles {
  auto const nets = laid_out_together(Recipe::model(), models);
  return record_now([&](inference_recorder& r) {
    record_loss<Recipe, longest_bucket<Recipe>, mode::inference>(
        r, [&](auto const& source, auto const& valid, auto const& target, auto const& used) {
          auto const one = [&](auto const& net) {
            return net.template logits<mode::inference>(source, valid, target);
          };
          std::vector<decltype(one(nets.front()))> logits;
          for (auto const& net : nets) logits.push_back(one(net));
          return mean_distribution(logits, used);
        });
  });
}

/// So many sentences by what run(source, valid, used) starts (see running_decoder.hpp), with the weights of
/// products kept as `weights`. Inputs: source, source_valid, first (<bos>), eos, used. Outputs: tokens
/// (steps, sentences) and, with attention, weights (steps, sentences, source steps); with several beams
/// tokens, parents, totals and lengths (steps, sentences, beams), weights (steps, sentences, beams, source
/// steps).
template <class Recipe, std::size_t Bucket, std::size_t Sentences, std::size_t Beams, class Run>
constexpr void record_decoding(inference_recorder& r, element_type weights, Run const& run) {
  constexpr auto sizes = recipes::buckets_of<Recipe>[Bucket];
  r.freeze_weights(weights);
  auto source = r.input<std::int32_t, batch<Sentences>, steps<sizes.source_steps>>("source");
  auto valid = r.input<std::int32_t, batch<Sentences>>("source_valid");
  auto first = r.input<std::int32_t, batch<Sentences>>("first");
  auto eos = r.input<std::int32_t>("eos");
  auto used = r.input<std::int32_t>("used");
  auto const running = run(source, valid, used);
  auto const found = [&] {
    if constexpr (Beams == 1) {
      auto const greedy = decode_greedily<sizes.target_steps>(running, first, used, eos);
      r.output("tokens", greedy.tokens);
      return greedy.weights;
    } else {
      auto const best =
          decode_with_beams<sizes.target_steps, Beams>(running, first, used, eos, Recipe::length_penalty);
      r.output("tokens", best.words);
      r.output("parents", best.parents);
      r.output("totals", best.totals);
      r.output("lengths", best.lengths);
      return best.weights;
    }
  }();
  if constexpr (attends<Recipe>) r.output("weights", found);
}

/// By the model.
template <class Recipe, std::size_t Bucket, std::size_t Sentences, std::size_t Beams = Recipe::beams>
constexpr void record_translation(inference_recorder& r, element_type weights) {
  record_decoding<Recipe, Bucket, Sentences, Beams>(
      r, weights, [](auto const& source, auto const& valid, auto const&) {
        auto const& net = model_of<Recipe>;
        return run_decoder<Sentences, Beams>(
            net.decoder, net.encoder.template encode<mode::inference>(source, valid), valid);
      });
}
template <class Recipe, element_type Weights, std::size_t Bucket, std::size_t Sentences,
          std::size_t Beams = Recipe::beams>
program_view translation_of() {
  return recorded<Recipe>(
      [](inference_recorder& r) { record_translation<Recipe, Bucket, Sentences, Beams>(r, Weights); });
}

/// By so many models together, whose weights stand one behind the other.
template <class Recipe, std::size_t Bucket, std::size_t Sentences, std::size_t Beams>
dynamic_program translation_of_several(element_type weights, std::size_t models) requires Recipe::ensembles {
  auto const nets = laid_out_together(Recipe::model(), models);
  return record_now([&](inference_recorder& r) {
    record_decoding<Recipe, Bucket, Sentences, Beams>(
        r, weights, [&](auto const& source, auto const& valid, auto const& used) {
          return run_ensemble<Sentences, Beams>(nets, source, valid, used);
        });
  });
}

/// Where such programs are kept by those who run them: they are recorded anew for each.
template <class Recipe>
using programs_of_several =
    std::conditional_t<Recipe::ensembles, std::forward_list<dynamic_program>, std::monostate>;

/// What f gives for each bucket's number, a std::integral_constant.
template <class Recipe, class F>
auto of_each_bucket(F const& f) {
  return [&]<std::size_t... Bucket>(std::index_sequence<Bucket...>) {
    return std::array{f(std::integral_constant<std::size_t, Bucket>{})...};
  }
  (std::make_index_sequence<recipes::buckets_of<Recipe>.size()>{});
}

}  // namespace tenon::translate
