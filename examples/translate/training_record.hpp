// SPDX-License-Identifier: BSL-1.0
// What a training leaves beside the weights: the facts in the model file, the report, and what a checkpoint
// must agree with.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "options.hpp"
#include "output.hpp"
#include "tenon/config.hpp"
#include "tenon/cpu/blas.hpp"
#include "tenon/text/utf8.hpp"
#include "tenon/train/inspect.hpp"
#include "tenon/train/training_loop.hpp"

namespace tenon::translate {

namespace detail {

/// A recipe's learning rate is a float.
inline std::string rate_text(double rate) {
  return train::shortest(static_cast<float>(rate));
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

inline char const* terms_text(recipes::loss_terms terms) {
  return terms == recipes::loss_terms::steps ? "steps" : "words";
}

/// A file's name as a model file, which is UTF-8, can hold it.
inline std::string name_in_utf8(std::string_view name) {
  std::string result;
  while (!name.empty()) {
    auto const valid = text::valid_utf8_prefix(name);
    result += io::printable(name.substr(0, valid));
    name.remove_prefix(valid);
    if (name.empty()) break;
    constexpr std::string_view digits = "0123456789abcdef";
    auto const byte = static_cast<unsigned char>(name.front());
    result += {'\\', 'x', digits[byte / 16U], digits[byte % 16U]};
    name.remove_prefix(1);
  }
  return result;
}

/// Names of files without their folders, as a model file can hold them.
inline std::string names_in_utf8(data_files const& files) {
  std::string result;
  for (auto const& file : files)
    result += (result.empty() ? "" : ", ") + name_in_utf8(std::filesystem::path(file).filename().native());
  return result;
}

/// What the model file tells about a run.
TENON_COLD inline io::metadata_map facts_of(options const& chosen, recipes::loss_terms terms,
                                            train::training_history const& history, std::size_t epoch) {
  auto const loss_at = [epoch](std::vector<double> const& losses) {
    return epoch == 0 ? "nan" : train::fixed(losses.at(epoch - 1), 6);
  };
  io::metadata_map facts{{"epoch", std::to_string(epoch)},
                         {"seed", std::to_string(chosen.seed)},
                         {"train_loss", loss_at(history.train_loss)},
                         {"pairs", std::to_string(chosen.pairs)},
                         {"validation_pairs", std::to_string(chosen.validation_pairs)},
                         {"learning_rate", rate_text(chosen.learning_rate)},
                         {"schedule", schedule_text(chosen)},
                         {"loss", terms_text(terms)},
                         {"data", names_in_utf8(chosen.data)}};
  if (!chosen.validation_data.empty()) facts["validation_data"] = names_in_utf8(chosen.validation_data);
  if (!history.validation_loss.empty()) {
    facts["validation_loss"] = loss_at(history.validation_loss);
    facts["best_validation_loss"] = train::fixed(history.best_validation, 6);
  }
  if (!history.scores.empty())
    facts["validation_" + chosen.best_by] = train::fixed(history.scores.at(epoch - 1), 2);
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
TENON_COLD void write_report(options const& chosen, recipes::loss_terms terms,
                             translator<Recipe> const& model, train::training_history const& history,
                             std::size_t epoch, std::vector<train::sample> samples,
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
                    " to validate on" +
                    (chosen.validation_data.empty() ? "" : ", of " + name_of(chosen.validation_data))},
      {"loss",
       std::string("a mean over ") + terms_text(terms) + "; the best model is that by " + chosen.best_by},
      {"vocabularies", std::to_string(model.source.words.size()) + " and " +
                           std::to_string(model.target.words.size()) + " tokens"},
      {"parameters", train::grouped(model.parameters())},
      {"epochs", std::to_string(history.epochs())},
      {"seed", std::to_string(chosen.seed)},
      {"learning rate", rate_text(chosen.learning_rate) + ", schedule: " + schedule_text(chosen)},
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
      {"model", chosen.model + ", of epoch " + std::to_string(epoch) +
                    (chosen.keep_best ? ", the best of " + std::to_string(history.epochs()) : std::string())},
  };
  if (!history.scores.empty())
    report.facts.emplace_back("validation " + chosen.best_by, "best " + train::fixed(history.best_score, 1));
  train::write_report(chosen.report, report);
}

/// What a training's losses depend on, but for the number of epochs where the learning rate does not: what
/// must be the same to go on with it.
template <class Recipe>
io::metadata_map identity(options const& chosen, recipes::loss_terms terms, translator<Recipe> const& model,
                          text::encoded_pairs const& data) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  auto const add = [&hash](std::uint32_t part) { hash = (hash ^ part) * 0x100000001b3U; };
  for (auto const* ids : {&data.source, &data.labels})
    for (std::int32_t const id : *ids) add(static_cast<std::uint32_t>(id));
  for (auto const* words : {&model.source.words, &model.target.words})
    for (auto const& token : words->tokens()) {
      for (char const c : token) add(static_cast<unsigned char>(c));
      add(0x100);  // no byte
    }
  return {{key::recipe, std::string(Recipe::name)},
          {"seed", std::to_string(chosen.seed)},
          {"pairs", std::to_string(chosen.pairs)},
          {"validation_pairs", std::to_string(chosen.validation_pairs)},
          {"learning_rate", rate_text(chosen.learning_rate)},
          {"schedule", schedule_text(chosen)},
          {"loss", terms_text(terms)},
          {"best_by", chosen.best_by},
          {"text", std::to_string(hash)}};
}

}  // namespace detail

}  // namespace tenon::translate
