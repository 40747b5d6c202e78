// SPDX-License-Identifier: BSL-1.0
// tenon-translate train
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "options.hpp"
#include "output.hpp"
#include "tenon/cpu/blas.hpp"
#include "tenon/train/checkpoint.hpp"
#include "tenon/train/inspect.hpp"
#include "tenon/train/interrupt.hpp"
#include "tenon/train/progress.hpp"

namespace tenon::translate {

/// Thrown when a signal ended the training: not an error of anybody, but not success either.
struct stopped : error {
  explicit stopped(std::string const& what) : error(what) {}
  int exit_code = 128 + train::interrupt_guard::signal_number();
};

namespace detail {

/// What the model file and the report tell about a run.
inline io::metadata_map facts_of(options const& chosen, train::training_history const& history,
                                 std::size_t epoch) {
  auto const loss_at = [epoch](std::vector<double> const& losses) {
    return train::fixed(losses.at(epoch - 1), 6);
  };
  io::metadata_map facts{
      {"epoch", std::to_string(epoch)},
      {"seed", std::to_string(chosen.seed)},
      {"train_loss", loss_at(history.train_loss)},
      {"pairs", std::to_string(chosen.pairs)},
      {"validation_pairs", std::to_string(chosen.validation_pairs)},
      {"learning_rate", train::trimmed(chosen.learning_rate, 8)},
      {"data", io::printable(std::filesystem::path(chosen.data.at(0)).filename().string())}};
  if (!history.validation_loss.empty()) {
    facts["validation_loss"] = loss_at(history.validation_loss);
    facts["best_validation_loss"] = train::fixed(history.best_validation, 6);
  }
  return facts;
}

inline std::string dropout_text(double rate) {
  return train::trimmed(rate, 4);
}
inline std::string dropout_text(dropout_rates const& rates) {
  std::string text;
  for (auto const& [place, rate] :
       {std::pair{"embeddings", rates.embeddings}, std::pair{"layers", rates.layers},
        std::pair{"memory", rates.memory}, std::pair{"attention", rates.attention},
        std::pair{"outputs", rates.outputs}})
    if (rate > 0) text += (text.empty() ? "" : ", ") + std::string(place) + ' ' + train::trimmed(rate, 4);
  return text.empty() ? "none" : text;
}

template <class Recipe>
void write_report(options const& chosen, translator<Recipe> const& model,
                  train::training_history const& history, std::vector<train::sample> samples,
                  program_view const& step) {
  train::report_data report;
  report.title = Recipe::title;
  report.train_loss = history.train_loss;
  report.validation_loss = history.validation_loss;
  report.samples = std::move(samples);
  report.arena_svg = train::arena_picture(step, "Memory of a training step");
  report.facts = {
      {"recipe", std::string(Recipe::name)},
      {"data", name_of(chosen.data)},
      {"pairs", std::to_string(chosen.pairs) + " to train on, " + std::to_string(chosen.validation_pairs) +
                    " to validate on"},
      {"vocabularies", std::to_string(model.source.words.size()) + " and " +
                           std::to_string(model.target.words.size()) + " tokens"},
      {"parameters", train::grouped(model.parameters())},
      {"epochs", std::to_string(history.epochs())},
      {"seed", std::to_string(chosen.seed)},
      {"learning rate", train::trimmed(chosen.learning_rate, 8)},
      {"dropout", dropout_text(Recipe::dropout)},
      {"threads", std::to_string(chosen.threads)},
      {"time", train::duration_text(history.seconds)},
      {"label words",
       train::grouped(history.tokens) + ", " +
           train::grouped(static_cast<std::uint64_t>(static_cast<double>(history.tokens) / history.seconds)) +
           " a second"},
      {"training step", train::grouped(step.calls.size()) + " calls, " +
                            train::short_count(step.totals.flops) + "FLOP, arena " +
                            train::bytes_text(step.totals.arena_bytes)},
      {"BLAS", cpu::blas_name()},
      {"model", chosen.model},
  };
  train::write_report(chosen.report, report);
}

/// A batch's outcome, its loss in the units in which the recipe prints it.
template <class Recipe>
train::step_outcome printed(train::step_outcome batch) {
  if constexpr (Recipe::objective != recipes::objective_form::mean) {
    batch.loss /= Recipe::target_steps;
    batch.weight = static_cast<double>(batch.tokens);
  }
  return batch;
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

/// "none", or what makes the learning rate what it is at a step: where it falls to 0 at the end, when that
/// is.
inline std::string schedule_text(options const& chosen) {
  auto const& s = chosen.schedule;
  std::string const warm_up = "warm-up " + std::to_string(s.warm_up);
  std::string const end = " to 0 after " + std::to_string(chosen.epochs) + " epochs";
  switch (s.decay) {
    case train::decay_form::inverse_square_root:
      return warm_up + ", inverse square root";
    case train::decay_form::linear:
      return warm_up + ", linear" + end;
    case train::decay_form::cosine:
      return warm_up + ", cosine" + end;
    default:
      return s.warm_up == 0 ? "none" : warm_up;
  }
}

/// What a training's losses depend on, but for the number of epochs where the learning rate does not: what
/// must be the same to go on with it.
template <class Recipe>
io::metadata_map identity(options const& chosen, recipes::loss_terms terms, text::encoded_pairs const& data) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  for (auto const* ids : {&data.source, &data.labels})
    for (std::int32_t const id : *ids) hash = (hash ^ static_cast<std::uint32_t>(id)) * 0x100000001b3U;
  return {{key::recipe, std::string(Recipe::name)},
          {"seed", std::to_string(chosen.seed)},
          {"pairs", std::to_string(chosen.pairs)},
          {"validation_pairs", std::to_string(chosen.validation_pairs)},
          {"learning_rate", train::trimmed(chosen.learning_rate, 8)},
          {"schedule", schedule_text(chosen)},
          {"loss", terms == recipes::loss_terms::steps ? "steps" : "words"},
          {"text", std::to_string(hash)}};
}

}  // namespace detail

/// Trains the recipe's model and saves it. Returns 0. Throws tenon::error, and `stopped` when interrupted.
template <class Recipe>
int train_command(options chosen, std::ostream& out) {
  if (!chosen.recipe.empty() && chosen.recipe != Recipe::name)
    throw error("there is no recipe " + io::in_quotes(chosen.recipe) +
                " here: this translator was compiled from " + std::string(Recipe::name));
  auto const terms = detail::terms_of<Recipe>(chosen);
  if (chosen.keep_best && chosen.validation_pairs == 0)
    throw error(std::string(chosen.patience > 0 ? "--patience" : "--keep best") +
                " goes by the validation loss, but there are no pairs to validate on: give some with "
                "--validation-pairs");
  train::check_can_save(chosen.model);
  if (!chosen.report.empty()) train::check_can_save(chosen.report);
  if (!chosen.checkpoint.empty()) train::check_can_save(chosen.checkpoint);

  auto const pairs =
      read_training_pairs(chosen.data, chosen.validation_data, chosen.pairs, chosen.validation_pairs);
  chosen.pairs = pairs.training, chosen.validation_pairs = pairs.validation;
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

  std::size_t arenas = 0;
  for (auto const& step : steps) arenas += step.totals.arena_bytes;
  out << "recipe " << Recipe::name << ", data " << io::printable(name_of(chosen.data)) << ", seed "
      << chosen.seed << ", " << chosen.threads << (chosen.threads == 1 ? " thread\n" : " threads\n")
      << chosen.pairs << " pairs to train on, " << chosen.validation_pairs << " to validate on; vocabularies "
      << model.source.words.size() << '/' << model.target.words.size() << ", "
      << train::grouped(model.parameters()) << " parameters, arena " << train::bytes_text(arenas) << '\n';
  flush(out);

  std::vector<float> best;
  train::training_history history;
  train::checkpoint state{model.weights, model.weights.state(steps[0].totals.state_bytes), best, history};
  auto const identity = detail::identity<Recipe>(chosen, terms, encoded);
  if (std::error_code ignored;
      !chosen.checkpoint.empty() && std::filesystem::exists(chosen.checkpoint, ignored)) {
    state.load(chosen.checkpoint, identity);
    out << "going on after epoch " << history.epochs() << ", from " << io::printable(chosen.checkpoint)
        << '\n';
    flush(out);
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
      for_each_batch(measure, encoded, chosen.pairs, chosen.validation_pairs,
                     [&](train::step_outcome const& batch) {
                       auto const outcome = detail::printed<Recipe>(batch);
                       loss.add(outcome.loss, outcome.weight);
                     });
      return loss.value();
    };
  run.improved = [&](std::size_t) {
    auto const values = shown();
    best.assign(values.begin(), values.end());
  };
  if (!chosen.checkpoint.empty())
    run.epoch_done = [&](train::training_history const& so_far) {
      history = so_far;
      state.save(chosen.checkpoint, identity);
    };

  train::interrupt_guard const guard;
  {
    train::progress progress(out, train::is_terminal(1), train::terminal_columns(1));
    history = run_training(run, progress, history);
  }
  auto const saved = [&](bool the_best) {
    auto const epoch = the_best ? history.best_epoch : history.epochs();
    auto const values = the_best ? std::span(best) : shown();
    model.save(chosen.model, values, detail::facts_of(chosen, history, epoch));
    if (the_best || averages) std::ranges::copy(values, model.weights.values().begin());
    return epoch;
  };
  if (history.interrupted) {
    std::string const where = "interrupted in epoch " + std::to_string(history.epochs() + 1);
    if (history.epochs() == 0) throw stopped(where + ": nothing was saved, the first epoch was not done");
    auto const epoch = saved(!best.empty());
    throw stopped(where + ": saved the " + (best.empty() ? "last" : "best") + " model, of epoch " +
                  std::to_string(epoch) + ", to " + io::printable(chosen.model));
  }

  auto const epoch = saved(chosen.keep_best && !best.empty());
  auto samples = translate_samples(model);
  double bleu = 0;
  for (auto const& s : samples) bleu += *s.bleu / static_cast<double>(samples.size());
  if (!chosen.report.empty()) detail::write_report(chosen, model, history, std::move(samples), steps.back());

  out << "trained in " << train::duration_text(history.seconds) << ", model " << io::printable(chosen.model);
  if (epoch != history.epochs()) out << " of epoch " << epoch << ", the best of " << history.epochs();
  out << "\ntrain loss " << train::fixed(history.train_loss.back(), 3) << '\n';
  if (!history.validation_loss.empty())
    out << "validation loss " << train::fixed(history.validation_loss.back(), 3) << " (best "
        << train::fixed(history.best_validation, 3) << ")\n";
  out << "bleu " << train::fixed(bleu, 3) << '\n';
  flush(out);
  return 0;
}

}  // namespace tenon::translate
