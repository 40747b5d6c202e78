// SPDX-License-Identifier: BSL-1.0
// tenon-translate train
#pragma once
#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"
#include "output.hpp"
#include "sentence_translator.hpp"
#include "tenon/io/atomic_file.hpp"
#include "tenon/text/corpus_scores.hpp"
#include "tenon/train/checkpoint.hpp"
#include "tenon/train/interrupt.hpp"
#include "tenon/train/progress.hpp"
#include "training_record.hpp"

namespace tenon::translate {

/// Thrown when a signal ended the training: not an error of anybody, but not success either.
struct stopped : error {
  explicit stopped(std::string const& what) : error(what) {}
  int exit_code = 128 + train::interrupt_guard::signal_number();
};

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

/// What the loss is a mean over: what the command line says, or the recipe. Throws tenon::error.
template <class Recipe>
recipes::loss_terms terms_of(options const& chosen) {
  if (chosen.loss.empty()) return Recipe::loss;
  if (Recipe::objective != recipes::objective_form::mean)
    throw error("--loss " + chosen.loss +
                ": the loss of this recipe is a sum over sentence pairs, not a mean: leave --loss out");
  return chosen.loss == "steps" ? recipes::loss_terms::steps : recipes::loss_terms::words;
}

template <class Recipe>
TENON_COLD void print_start(std::ostream& out, options const& chosen, translator<Recipe> const& model,
                            std::span<program_view const> steps) {
  std::size_t arenas = 0;
  for (auto const& step : steps) arenas += step.totals.arena_bytes;
  out << "recipe " << Recipe::name << ", data " << io::printable(name_of(chosen.data)) << ", seed "
      << chosen.seed << ", " << chosen.threads << (chosen.threads == 1 ? " thread\n" : " threads\n")
      << chosen.pairs << " pairs to train on, " << chosen.validation_pairs << " to validate on; vocabularies "
      << model.source.words.size() << '/' << model.target.words.size() << ", "
      << train::grouped(model.parameters()) << " parameters, arena " << train::bytes_text(arenas) << '\n';
  flush(out);
}

/// Where a training goes on, and what would make it do so if nothing is left to do.
TENON_COLD inline void print_resumption(std::ostream& out, options const& chosen,
                                        train::training_history const& history) {
  out << "going on after epoch " << history.epochs() << ", from " << io::printable(chosen.checkpoint);
  if (history.epochs() >= chosen.epochs)
    out << ": more --epochs than " << history.epochs() << " would train it further";
  else if (chosen.patience > 0 && history.best_epoch > 0 &&
           history.epochs() >= history.best_epoch + chosen.patience)
    out << ": none was better than epoch " << history.best_epoch
        << ", a larger --patience would train it further";
  out << '\n';
  flush(out);
}

TENON_COLD inline void print_outcome(std::ostream& out, options const& chosen,
                                     train::training_history const& history, std::size_t epoch, double bleu) {
  out << "trained in " << train::duration_text(history.seconds) << ", model " << io::printable(chosen.model);
  if (epoch != history.epochs()) out << " of epoch " << epoch << ", the best of " << history.epochs();
  out << "\ntrain loss " << train::fixed(history.train_loss.back(), 3) << '\n';
  if (!history.validation_loss.empty())
    out << "validation loss " << train::fixed(history.validation_loss.back(), 3) << " (best "
        << train::fixed(history.best_validation, 3) << ")\n";
  if (!history.scores.empty())
    out << "validation " << chosen.best_by << ' ' << train::fixed(history.scores.back(), 1) << " (best "
        << train::fixed(history.best_score, 1) << ")\n";
  out << "bleu " << train::fixed(bleu, 3) << '\n';
  flush(out);
}

}  // namespace detail

/// Trains the recipe's model and saves it. Returns 0. Throws tenon::error, and `stopped` when interrupted.
template <class Recipe>
TENON_COLD int train_command(options chosen, std::ostream& out) {
  if (!chosen.recipe.empty() && chosen.recipe != Recipe::name)
    throw error("there is no recipe " + io::in_quotes(chosen.recipe) +
                " here: this translator was compiled from " + std::string(Recipe::name));
  auto const terms = detail::terms_of<Recipe>(chosen);
  if (chosen.keep_best && chosen.validation_pairs == 0)
    throw error(std::string(chosen.patience > 0 ? "--patience" : "--keep best") +
                " needs pairs to validate on: give some with --validation-pairs");
  if (chosen.best_by != "loss" && chosen.validation_pairs == 0)
    throw error("--best-by " + chosen.best_by +
                " scores translations of the pairs to validate on: give some with --validation-pairs");
  io::check_can_save(chosen.model);
  if (!chosen.report.empty()) io::check_can_save(chosen.report);
  if (!chosen.checkpoint.empty()) io::check_can_save(chosen.checkpoint);

  auto const pairs =
      read_training_pairs(chosen.data, chosen.validation_data, chosen.pairs, chosen.validation_pairs);
  chosen.pairs = pairs.training, chosen.validation_pairs = pairs.validation;
  if constexpr (requires { Recipe::text.source_pieces; }) {
    out << "learning sub-words of " << train::grouped(pairs.known().size()) << " pairs\n";
    flush(out);
  }
  translator<Recipe> model(learnt_languages<Recipe>(pairs.known()));
  auto const encoded = text::encode(pairs.all, model.source, model.target, Recipe::text);
  auto starting = model_of<Recipe>;
  Recipe::start(starting.encoder, model.source.words.size());
  Recipe::start(starting.decoder, model.target.words.size());
  initialise(starting, model.weights.values(), chosen.seed);

  auto const steps = of_each_bucket<Recipe>([](auto b) { return training_step<Recipe, b()>(); });
  loss_session<Recipe> learn(steps, model, model.weights, chosen.threads, terms);
  learn.seed(chosen.seed);
  // What is measured and saved: the weights, or their average.
  constexpr bool averages = Recipe::average > 0;
  parameter_block averaged(averages ? parameter_count(model_of<Recipe>) : 1);
  auto const shown = [&]() -> std::span<float> {
    if constexpr (averages) {
      std::ranges::copy(averaged_weights(model.weights, steps[0]), averaged.values().begin());
      return averaged.values();
    } else {
      return model.weights.values();
    }
  };
  loss_session<Recipe> measure(std::array{measured_loss<Recipe>()}, model,
                               averages ? averaged : model.weights, chosen.threads, terms);

  detail::print_start<Recipe>(out, chosen, model, steps);
  std::vector<float> best;
  train::training_history history;
  train::checkpoint state{model.weights, model.weights.state(steps[0].totals.state_bytes), best, history};
  auto const identity = detail::identity(chosen, terms, model, encoded);
  if (std::error_code ignored;
      !chosen.checkpoint.empty() && std::filesystem::exists(chosen.checkpoint, ignored)) {
    state.load(chosen.checkpoint, identity);
    detail::print_resumption(out, chosen, history);
  }

  constexpr auto& buckets = recipes::buckets_of<Recipe>;
  std::array<std::size_t, buckets.size()> batch_sizes{};
  std::ranges::transform(buckets, batch_sizes.begin(), &recipes::bucket::batch_size);
  text::batch_order order(bucket_of_pairs<Recipe>(encoded, 0, chosen.pairs), batch_sizes, chosen.seed);
  float const rate_scale = static_cast<float>(chosen.learning_rate) / Recipe::learning_rate;
  train::training_run run;
  run.epochs = chosen.epochs;
  run.batches = order.batches();
  run.patience = chosen.patience;
  run.start_epoch = [&](std::size_t epoch) { order.shuffle(epoch); };
  run.step = [&](std::size_t batch) {
    double const factor = chosen.schedule.factor(model.weights.steps, run.epochs * run.batches);
    learn.learning_rate_scale(rate_scale * static_cast<float>(factor));
    auto outcome = learn.pipelined(encoded, order.bucket(batch), order.batch(batch));
    if (outcome) outcome = detail::printed<Recipe>(*outcome);
    return outcome;
  };
  if constexpr (loss_session<Recipe>::works_by_itself)
    run.rest = [&] { return detail::printed<Recipe>(learn.rest()); };
  if (chosen.validation_pairs > 0)
    run.validate = [&] {
      shown();
      train::weighted_mean loss;
      bool const all = for_each_batch(measure, encoded, chosen.pairs, chosen.validation_pairs,
                                      [&](train::step_outcome const& batch, std::size_t) {
                                        auto const outcome = detail::printed<Recipe>(batch);
                                        loss.add(outcome.loss, outcome.weight);
                                      });
      return all ? loss.value() : train::progress_state::unknown;
    };
  if (chosen.best_by != "loss") {
    auto const validated = std::span(pairs.all).subspan(chosen.pairs, chosen.validation_pairs);
    run.score_name = chosen.best_by.c_str();
    run.score = [&, validated] {  // after `validate`, which brought the average up to date
      return detail::score_of(model, averages ? averaged : model.weights, validated, chosen);
    };
  }
  run.improved = [&](std::size_t) {
    auto const values = shown();
    best.assign(values.begin(), values.end());
  };

  train::interrupt_guard const guard;
  std::signal(SIGPIPE, SIG_IGN);  // who no longer reads the progress ends no training
  std::string failure, not_kept;  // what ended the training; why the last checkpoint could not be written
  {
    train::progress progress(out, train::is_terminal(1), train::terminal_columns(1));
    if (!chosen.checkpoint.empty())
      run.epoch_done = [&] {
        try {
          state.save(chosen.checkpoint, identity);
          not_kept.clear();
        } catch (error const& wrong) {  // a full disk shall not cost the training
          not_kept = wrong.what();
          progress.note("note: " + io::printable(not_kept) + "; the training goes on");
        }
      };
    try {
      run_training(run, progress, history);
    } catch (error const& wrong) {
      if (best.empty()) throw;
      failure = wrong.what();
    }
  }
  auto const saved = [&](bool the_best) {
    auto const epoch = the_best ? history.best_epoch : history.epochs();
    auto const values = the_best ? std::span(best) : shown();
    model.save(chosen.model, values, detail::facts_of(chosen, history, epoch));
    if (the_best || averages) std::ranges::copy(values, model.weights.values().begin());
    return epoch;
  };
  auto const report = [&](std::size_t epoch, std::vector<train::sample> samples) {
    if (!chosen.report.empty())
      detail::write_report(chosen, model, history, epoch, std::move(samples), steps.back());
  };
  if (!failure.empty()) {
    auto const epoch = saved(true);
    throw error(failure + "; the best model, of epoch " + std::to_string(epoch) + ", was saved to " +
                chosen.model);
  }
  if (history.interrupted) {
    std::string const where = "interrupted in epoch " + std::to_string(history.epochs() + 1);
    if (history.epochs() == 0 && run.validate)
      throw stopped(where + ": nothing was saved, the first epoch was not done");
    auto const epoch = saved(!best.empty());
    if (epoch > 0) report(epoch, translate_samples(model));
    throw stopped(where + ": saved the " +
                  (best.empty() ? "model as it was then" : "best model, of epoch " + std::to_string(epoch)) +
                  ", to " + io::printable(chosen.model));
  }

  auto const epoch = saved(chosen.keep_best && !best.empty());
  auto samples = translate_samples(model);
  double bleu = 0;
  for (auto const& s : samples) bleu += *s.bleu / static_cast<double>(samples.size());
  detail::print_outcome(out, chosen, history, epoch, bleu);
  report(epoch, std::move(samples));
  if (!not_kept.empty()) throw error(not_kept + "; the model was saved to " + chosen.model);
  return 0;
}

}  // namespace tenon::translate
