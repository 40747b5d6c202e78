// SPDX-License-Identifier: BSL-1.0
// A translator: weights and vocabularies, and the file that holds both.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "programs.hpp"
#include "tenon/program/parameter_block.hpp"
#include "tenon/text/dataset.hpp"
#include "tenon/text/pairs.hpp"
#include "tenon/train/stored_weights.hpp"

namespace tenon::translate {

/// The metadata's keys.
namespace key {
inline constexpr char const *recipe = "recipe", *source_words = "source_vocabulary",
                            *target_words = "target_vocabulary";
}  // namespace key

/// How many lines of a data file to train and to validate on.
struct pair_counts {
  std::size_t training = 0, validation = 0;
};

/// The first lines of a data file, split in training and validation. Throws tenon::error if there are too
/// few.
inline std::vector<text::sentence_pair> read_first(std::filesystem::path const& data,
                                                   pair_counts const& counts) {
  auto pairs = text::read_pairs(data, counts.training + counts.validation);
  if (pairs.size() < counts.training + counts.validation)
    io::fail(data, "has " + std::to_string(pairs.size()) + " sentence pairs, not the " +
                       std::to_string(counts.training) + " for training and " +
                       std::to_string(counts.validation) +
                       " for validation: give fewer with --pairs and --validation-pairs");
  return pairs;
}

/// Weights and vocabularies of a recipe's model.
template <class Recipe>
class translator {
 public:
  translator(text::vocabulary source, text::vocabulary target)
      : source_words(std::move(source)),
        target_words(std::move(target)),
        weights(parameter_count(model_of<Recipe>)) {
    text::check_capacity(source_words, Recipe::source_capacity, text::side::source);
    text::check_capacity(target_words, Recipe::target_capacity, text::side::target);
    static_cast<void>(target_words.bos());  // throws where there is none
  }

  text::vocabulary source_words, target_words;
  parameter_block weights;
  io::metadata_map facts;  ///< of the file that it was loaded from

  std::size_t parameters() const { return parameters_of<Recipe>(source_words.size(), target_words.size()); }

  /// Saves `values` (these weights, or a copy made earlier) with the vocabularies and `facts`. Throws
  /// tenon::error if that fails.
  void save(std::filesystem::path const& path, std::span<float> values, io::metadata_map metadata) {
    metadata[key::recipe] = Recipe::name;
    metadata[key::source_words] = nlohmann::json(source_words.tokens()).dump();
    metadata[key::target_words] = nlohmann::json(target_words.tokens()).dump();
    auto const stored = weights_in(values);
    for (auto const& w : stored)
      if (io::find_non_finite(w.values))
        io::fail(path,
                 "cannot save: the weight " + w.name + " is not finite: train with a lower learning rate");
    train::save_weights(path, stored, metadata);
  }

  /// Loads a model. A file without vocabularies, as PyTorch writes it, takes those of the recipe's first
  /// lines of `data`. Throws tenon::error if the file is not a model of this recipe.
  static translator load(std::filesystem::path const& path,
                         std::optional<std::filesystem::path> const& data) {
    auto const file = io::safetensors_file::read(path);
    auto const& metadata = file.metadata();
    if (auto const recipe = metadata.find(key::recipe);
        recipe != metadata.end() && recipe->second != Recipe::name)
      io::fail(path, "is a model of the recipe " + io::in_quotes(recipe->second) +
                         ", this translator is made for " + io::in_quotes(Recipe::name) +
                         ": choose the other translator or another model");
    translator loaded =
        metadata.contains(key::source_words) || metadata.contains(key::target_words)
            ? translator(words(path, metadata, key::source_words), words(path, metadata, key::target_words))
            : from_data(path, data);
    auto const stored = loaded.weights_in(loaded.weights.values());
    train::load_weights(path, file, stored);
    loaded.facts = metadata;
    return loaded;
  }

 private:
  std::vector<train::stored_weight> weights_in(std::span<float> values) const {
    return train::stored_weights(model_of<Recipe>, values, [this](std::string_view name) {
      return name.starts_with("encoder.") ? source_words.size() : target_words.size();
    });
  }

  static translator from_data(std::filesystem::path const& path,
                              std::optional<std::filesystem::path> const& data) {
    if (!data)
      io::fail(path,
               "has no vocabularies: give the file that it was trained on with --data, to make them again");
    auto const pairs = read_first(*data, {Recipe::pairs, Recipe::validation_pairs});
    auto made = text::build(pairs, Recipe::text, {Recipe::source_capacity, Recipe::target_capacity});
    return translator(std::move(made.source), std::move(made.target));
  }

  static text::vocabulary words(std::filesystem::path const& path, io::metadata_map const& metadata,
                                char const* which) {
    auto const bad = [&](std::string const& what) {
      io::fail(path, std::string("its ") + which + ' ' + what + ": choose another file or train again");
    };
    auto const found = metadata.find(which);
    if (found == metadata.end()) bad("is missing");
    auto const list = nlohmann::json::parse(found->second, nullptr, false);
    if (!list.is_array()) bad("is not a JSON list");
    std::vector<std::string> tokens;
    for (auto const& token : list) {
      if (!token.is_string()) bad("holds something that is not a word");
      tokens.push_back(token.template get<std::string>());
    }
    try {
      return text::vocabulary(std::move(tokens));
    } catch (error const& wrong) {
      io::fail(path, wrong.what());
    }
  }
};

}  // namespace tenon::translate
