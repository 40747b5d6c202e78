// SPDX-License-Identifier: BSL-1.0
// A recipe's training: the data, the programs that learn and measure, and what becomes of the weights.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loss_session.hpp"
#include "options.hpp"
#include "sentence_translator.hpp"
#include "tenon/text/corpus_scores.hpp"
#include "tenon/train/checkpoint.hpp"
#include "tenon/train/interrupt.hpp"
#include "tenon/train/progress.hpp"
#include "training_record.hpp"

namespace tenon::translate {

namespace detail {

/// A batch's outcome, its loss in the units in which the recipe prints it.
template <class Recipe>
train::step_outcome printed(train::step_outcome batch) {
  if constexpr (Recipe::objective != recipes::objective_form::mean) {
    batch.loss /= Recipe::target_steps;
    batch.weight = static_cast<double>(batch.tokens);
  }
  return batch;
}

/// Scores the translations of `pairs` by these weights, the most probable word at each step: corpus BLEU or
/// chrF2; a NaN where a signal came in between.
template <class Recipe>
double score_of(translator<Recipe> const& model, parameter_block& weights,
                std::span<text::sentence_pair const> pairs, options const& chosen) {
  sentence_translator<Recipe> translate(model, weights, chosen.threads, {.greedy = true});
  std::vector<std::string_view> sentences(pairs.size());
  std::ranges::transform(pairs, sentences.begin(), &text::sentence_pair::source);
  struct interrupted {};
  std::vector<std::vector<translation>> made;
  try {
    made = translate.best_of_all(sentences, 1, [](std::size_t) {
      if (train::interrupt_guard::requested()) throw interrupted();
    });
  } catch (interrupted) {
    return train::progress_state::unknown;
  }
  auto const scored = [&](auto corpus) {
    for (std::size_t i = 0; i < pairs.size(); ++i)
      corpus.add(made[i].front().text, model.target.tokeniser.comparable(pairs[i].target));
    return corpus.score();
  };
  return chosen.best_by == "bleu" ? scored(text::corpus_bleu{}) : scored(text::corpus_chrf{});
}

}  // namespace detail

/// Everything that a training works with, from the first weights to the last epoch.
template <class Recipe>
class training {
 public:
  /// `model` knows the languages of `pairs`; it must outlive the training, as `chosen` and `pairs` must. Draws
  /// the first weights.
  training(options const& chosen, recipes::loss_terms terms, training_pairs const& pairs,
           translator<Recipe>& model)
      : chosen_(chosen),
        terms_(terms),
        pairs_(pairs),
        model_(model),
        encoded_(text::encode(pairs.all, model.source, model.target, Recipe::text)),
        steps_(of_each_bucket<Recipe>([](auto b) { return training_step<Recipe, b()>(); })),
        learn_(steps_, model, model.weights, chosen.threads, terms),
        averaged_(averages ? parameter_count(model_of<Recipe>) : 1),
        measure_(std::array{measured_loss<Recipe>()}, model, measured_weights(), chosen.threads, terms),
        state_{model.weights, model.weights.state(steps_[0].totals.state_bytes), best_, history_},
        identity_(detail::identity(chosen, terms, model, encoded_)),
        order_(bucket_of_pairs<Recipe>(encoded_, 0, chosen.pairs), batch_sizes(), chosen.seed) {
    auto starting = model_of<Recipe>;
    Recipe::start(starting.encoder, model.source.words.size());
    Recipe::start(starting.decoder, model.target.words.size());
    initialise(starting, model.weights.values(), chosen.seed);
    learn_.seed(chosen.seed);
  }
  training(training const&) = delete;
  training& operator=(training const&) = delete;

  /// One for each bucket.
  std::span<program_view const> steps() const { return steps_; }
  train::training_history const& history() const { return history_; }
  bool validates() const { return chosen_.validation_pairs > 0; }
  bool has_best() const { return !best_.empty(); }

  /// Goes on from the checkpoint that the command line names, if it is there; says whether it does. Throws
  /// tenon::error if it is another training's.
  bool resume() {
    if (std::error_code ignored;
        chosen_.checkpoint.empty() || !std::filesystem::exists(chosen_.checkpoint, ignored))
      return false;
    state_.load(chosen_.checkpoint, identity_);
    return true;
  }

  /// Trains the epochs that are left. Gives why the last checkpoint could not be written, which ends no
  /// training; empty: it was. Throws tenon::error once a loss is not a number.
  std::string run(train::progress& progress) {
    std::string not_kept;
    auto epochs = as_run();
    if (!chosen_.checkpoint.empty())
      epochs.epoch_done = [&] {
        try {
          state_.save(chosen_.checkpoint, identity_);
          not_kept.clear();
        } catch (error const& wrong) {  // a full disk shall not cost the training
          not_kept = wrong.what();
          progress.note("note: " + io::printable(not_kept) + "; the training goes on");
        }
      };
    run_training(epochs, progress, history_);
    return not_kept;
  }

  /// Saves the best epoch's model or the last one's, with which the model translates from now on; gives the
  /// epoch.
  std::size_t save(bool the_best) {
    auto const epoch = the_best ? history_.best_epoch : history_.epochs();
    auto const values = the_best ? std::span(best_) : shown();
    model_.save(chosen_.model, values, detail::facts_of(chosen_, terms_, history_, epoch));
    if (the_best || averages) std::ranges::copy(values, model_.weights.values().begin());
    return epoch;
  }

 private:
  static constexpr bool averages = Recipe::average > 0;

  static auto batch_sizes() {
    constexpr auto& buckets = recipes::buckets_of<Recipe>;
    std::array<std::size_t, buckets.size()> sizes{};
    std::ranges::transform(buckets, sizes.begin(), &recipes::bucket::batch_size);
    return sizes;
  }

  /// What is measured and saved: the weights, or their average.
  parameter_block& measured_weights() { return averages ? averaged_ : model_.weights; }
  /// The same as they are now; before the first update there is no average.
  std::span<float> shown() {
    if constexpr (averages) {
      if (std::size_t const runs = model_.weights.steps; runs < Recipe::accumulate) {
        std::ranges::copy(model_.weights.values(), averaged_.values().begin());
        return averaged_.values();
      }
      std::ranges::copy(averaged_weights(model_.weights, steps_[0]), averaged_.values().begin());
      return averaged_.values();
    } else {
      return model_.weights.values();
    }
  }

  /// The training as functions of its epochs and batches.
  train::training_run as_run() {
    train::training_run run;
    run.epochs = chosen_.epochs;
    run.batches = order_.batches();
    run.patience = chosen_.patience;
    run.start_epoch = [this](std::size_t epoch) { order_.shuffle(epoch); };
    run.step = [this](std::size_t batch) { return learn(batch); };
    if constexpr (loss_session<Recipe>::works_by_itself)
      run.rest = [this] { return detail::printed<Recipe>(learn_.rest()); };
    if (validates()) run.validate = [this] { return validation_loss(); };
    if (chosen_.best_by != "loss") {
      run.score_name = chosen_.best_by.c_str();
      run.score = [this] {  // after `validate`, which brought the average up to date
        auto const validated = std::span(pairs_.all).subspan(chosen_.pairs, chosen_.validation_pairs);
        return detail::score_of(model_, measured_weights(), validated, chosen_);
      };
    }
    run.improved = [this](std::size_t) {
      auto const values = shown();
      best_.assign(values.begin(), values.end());
    };
    return run;
  }

  std::optional<train::step_outcome> learn(std::size_t batch) {
    double const factor = chosen_.schedule.factor(model_.weights.steps, chosen_.epochs * order_.batches());
    learn_.learning_rate_scale(static_cast<float>(chosen_.learning_rate) / Recipe::learning_rate *
                               static_cast<float>(factor));
    auto outcome = learn_.pipelined(encoded_, order_.bucket(batch), order_.batch(batch));
    if (outcome) outcome = detail::printed<Recipe>(*outcome);
    return outcome;
  }

  /// A NaN where a signal came in between.
  double validation_loss() {
    shown();
    train::weighted_mean loss;
    bool const all = for_each_batch(measure_, encoded_, chosen_.pairs, chosen_.validation_pairs,
                                    [&](train::step_outcome const& batch, std::size_t) {
                                      auto const outcome = detail::printed<Recipe>(batch);
                                      loss.add(outcome.loss, outcome.weight);
                                    });
    return all ? loss.value() : train::progress_state::unknown;
  }

  options const& chosen_;
  recipes::loss_terms terms_;
  training_pairs const& pairs_;
  translator<Recipe>& model_;
  text::encoded_pairs encoded_;
  std::array<program_view, recipes::buckets_of<Recipe>.size()> steps_;
  loss_session<Recipe> learn_;
  parameter_block averaged_;
  loss_session<Recipe> measure_;
  std::vector<float> best_;
  train::training_history history_;
  train::checkpoint state_;
  io::metadata_map identity_;
  text::batch_order order_;
};

}  // namespace tenon::translate
