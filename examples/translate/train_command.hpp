// SPDX-License-Identifier: BSL-1.0
// tenon-translate train
#pragma once
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "data.hpp"
#include "options.hpp"
#include "output.hpp"
#include "samples.hpp"
#include "tenon/io/atomic_file.hpp"
#include "tenon/io/safetensors.hpp"
#include "tenon/train/interrupt.hpp"
#include "tenon/train/progress.hpp"
#include "training.hpp"

namespace tenon::translate {

/// Thrown when a signal ended the training: not an error of anybody, but not success either.
struct stopped : error {
  explicit stopped(std::string const& what) : error(what) {}
  int exit_code = 128 + train::interrupt_guard::signal_number();
};

namespace detail {

/// What the loss is a mean over: what the command line says, or the recipe. Throws tenon::error.
template <class Recipe>
recipes::loss_terms terms_of(options const& chosen) {
  if (chosen.loss.empty()) return Recipe::loss;
  if (Recipe::objective != recipes::objective_form::mean)
    throw error("--loss " + chosen.loss +
                ": the loss of this recipe is a sum over sentence pairs, not a mean: leave --loss out");
  return chosen.loss == "steps" ? recipes::loss_terms::steps : recipes::loss_terms::words;
}

/// Throws tenon::error if what the model would replace is there and no model: somebody's text, or the state
/// of a training.
TENON_COLD inline void check_replaces_model(std::filesystem::path const& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored) || std::filesystem::file_size(path, ignored) == 0)
    return;
  bool const is_model = [&] {
    try {
      return io::safetensors_file::read(path).find("optimiser") == nullptr;
    } catch (error const&) {
      return false;
    }
  }();
  if (!is_model)
    io::fail(path, "is there and is no model, but would be replaced by one: give another name with --model");
}

/// Throws tenon::error for options that make no sense together, or files that could not be written.
template <class Recipe>
TENON_COLD void check_training(options const& chosen) {
  if (!chosen.recipe.empty() && chosen.recipe != Recipe::name)
    throw error("there is no recipe " + io::in_quotes(chosen.recipe) +
                " here: this translator was compiled from " + std::string(Recipe::name));
  if (chosen.keep_best && chosen.validation_pairs == 0)
    throw error(std::string(chosen.patience > 0 ? "--patience" : "--keep best") +
                " needs pairs to validate on: give some with --validation-pairs");
  if (chosen.best_by != "loss" && chosen.validation_pairs == 0)
    throw error("--best-by " + chosen.best_by +
                " scores translations of the pairs to validate on: give some with --validation-pairs");
  for (auto const* file : {&chosen.model, &chosen.report, &chosen.checkpoint})
    if (file == &chosen.model || !file->empty()) io::check_can_save(*file);
  check_replaces_model(chosen.model);
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
  auto const terms = detail::terms_of<Recipe>(chosen);
  detail::check_training<Recipe>(chosen);
  auto const pairs =
      read_training_pairs(chosen.data, chosen.validation_data, chosen.pairs, chosen.validation_pairs);
  chosen.pairs = pairs.training, chosen.validation_pairs = pairs.validation;
  if constexpr (requires { Recipe::text.source_pieces; }) {
    out << "learning sub-words of " << train::grouped(pairs.known().size()) << " pairs\n";
    flush(out);
  }
  translator<Recipe> model(learnt_languages<Recipe>(pairs.known()));
  training<Recipe> work(chosen, terms, pairs, model);
  auto const& history = work.history();
  detail::print_start<Recipe>(out, chosen, model, work.steps());
  if (work.resume()) detail::print_resumption(out, chosen, history);

  train::interrupt_guard const guard;
  std::signal(SIGPIPE, SIG_IGN);  // who no longer reads the progress ends no training
  std::string failure, not_kept;
  {
    train::progress progress(out, train::is_terminal(1), train::terminal_columns(1));
    try {
      not_kept = work.run(progress);
    } catch (error const& wrong) {
      if (!work.has_best()) throw;
      failure = wrong.what();
    }
  }
  auto const report = [&](std::size_t epoch, std::vector<train::sample> samples) {
    if (!chosen.report.empty())
      detail::write_report(chosen, terms, model, history, epoch, std::move(samples), work.steps().back());
  };
  if (!failure.empty())
    throw error(failure + "; the best model, of epoch " + std::to_string(work.save(true)) +
                ", was saved to " + io::printable(chosen.model));
  if (history.interrupted) {
    std::string const where = "interrupted in epoch " + std::to_string(history.epochs() + 1);
    if (history.epochs() == 0 && work.validates())
      throw stopped(where + ": nothing was saved, the first epoch was not done");
    auto const epoch = work.save(work.has_best());
    if (epoch > 0) report(epoch, translate_samples(model));
    throw stopped(
        where + ": saved the " +
        (work.has_best() ? "best model, of epoch " + std::to_string(epoch) : "model as it was then") +
        ", to " + io::printable(chosen.model));
  }

  auto const epoch = work.save(chosen.keep_best && work.has_best());
  auto samples = translate_samples(model);
  double bleu = 0;
  for (auto const& s : samples) bleu += *s.bleu / static_cast<double>(samples.size());
  detail::print_outcome(out, chosen, history, epoch, bleu);
  report(epoch, std::move(samples));
  if (!not_kept.empty()) throw error(not_kept + "; the model was saved to " + io::printable(chosen.model));
  return 0;
}

}  // namespace tenon::translate
