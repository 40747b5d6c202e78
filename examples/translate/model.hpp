// SPDX-License-Identifier: BSL-1.0
// A translator: weights and languages, and the file that holds both.
#pragma once
#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data.hpp"
#include "languages.hpp"
#include "options.hpp"
#include "programs.hpp"
#include "tenon/program/parameter_block.hpp"
#include "tenon/text/dataset.hpp"
#include "tenon/train/stored_weights.hpp"

namespace tenon::translate {

/// How a recipe's sentences become tokens.
template <class Recipe>
using tokeniser_of = typename std::remove_cvref_t<decltype(Recipe::text)>::tokeniser;

template <class Recipe>
inline constexpr text::vocabulary_capacities capacities_of{Recipe::source_capacity, Recipe::target_capacity};

/// The languages of a recipe, from the pairs that may be known.
template <class Recipe>
auto learnt_languages(std::span<text::sentence_pair const> known) {
  return learn(known, Recipe::text, capacities_of<Recipe>);
}

/// Weights and languages of a recipe's model.
template <class Recipe>
class translator {
 public:
  using languages = text::languages<tokeniser_of<Recipe>>;

  explicit translator(languages both)
      : source(std::move(both.source)),
        target(std::move(both.target)),
        weights(parameter_count(model_of<Recipe>)) {
    text::check_capacity(source.words, Recipe::source_capacity, text::side::source);
    text::check_capacity(target.words, Recipe::target_capacity, text::side::target);
    static_cast<void>(target.words.bos());  // throws where there is none
  }

  text::language<tokeniser_of<Recipe>> source, target;
  parameter_block weights;
  io::metadata_map facts;  ///< of the file that it was loaded from

  std::size_t parameters() const { return parameters_of<Recipe>(source.words.size(), target.words.size()); }

  /// Saves `values` (these weights, or a copy made earlier) with the languages and `facts`. Throws
  /// tenon::error if that fails.
  void save(std::filesystem::path const& path, std::span<float> values, io::metadata_map const& metadata) {
    stored_languages also{metadata, {}};
    also.metadata[key::recipe] = Recipe::name;
    store(source, target, also);
    auto const stored = weights_in(values);
    for (auto const& w : stored)
      if (io::find_non_finite(w.values))
        io::fail(path,
                 "cannot save: the weight " + w.name + " is not finite: train with a lower learning rate");
    train::save_weights(path, stored, also.metadata, also.bytes);
  }

  /// Loads a model. A file without vocabularies, as PyTorch writes it, takes those of the recipe's first
  /// lines of the data that the command line names for that, or of `chosen.data`. Throws tenon::error if the
  /// file is not a model of this recipe.
  static translator load(std::filesystem::path const& path, options const& chosen) {
    auto const file = io::safetensors_file::read(path);
    auto const& metadata = file.metadata();
    if (auto const recipe = metadata.find(key::recipe);
        recipe != metadata.end() && recipe->second != Recipe::name)
      io::fail(path, "is a model of the recipe " + io::in_quotes(recipe->second) +
                         ", this translator is made for " + io::in_quotes(Recipe::name) +
                         ": choose the other translator or another model");
    if (file.find("optimiser") != nullptr)
      io::fail(
          path,
          "is the checkpoint of a training, not a model: give the file that the training saved with --model");
    auto both = restored(path, file, Recipe::text);
    bool const asked = !chosen.vocabulary_data.empty();
    if (both && asked)
      io::fail(path,
               "has vocabularies of its own: " + io::printable(name_of(chosen.vocabulary_data)) +
                   " would not be read: leave it out" +
                   (chosen.chosen == command::translate ? ", or say --file to translate its lines" : ""));
    auto const& data = asked ? chosen.vocabulary_data : chosen.data;
    auto loaded = [&] {
      if (!both)
        return translator(
            languages_of_data(path, data, chosen.data.empty() ? "--data" : "--vocabulary-data"));
      try {
        return translator(std::move(*both));
      } catch (error const& wrong) {
        io::fail(path, wrong.what());
      }
    }();
    auto const stored = loaded.weights_in(loaded.weights.values());
    try {
      train::load_weights(path, file, stored, std::array{key::source_subwords, key::target_subwords});
    } catch (error const& wrong) {
      if (both) throw;
      throw error(std::string(wrong.what()) + " (it has no vocabularies: they were made again from " +
                  first_of(data) + ", which is perhaps not what it was trained on)");
    }
    loaded.facts = metadata;
    return loaded;
  }

 private:
  std::vector<train::stored_weight> weights_in(std::span<float> values) const {
    return train::stored_weights(model_of<Recipe>, values, [this](std::string_view name) {
      return name.starts_with("encoder.") ? source.words.size() : target.words.size();
    });
  }

  /// Throws tenon::error where there is no such data, or other data than the model was trained on.
  static languages languages_of_data(std::filesystem::path const& path, data_files const& data,
                                     std::string const& option) {
    if (data.empty())
      io::fail(path, "has no vocabularies: give the file that it was trained on with " + option +
                         ", to make them again");
    std::string const advice = ": give the file that the model was trained on with " + option;
    auto const pairs = read_data(data, known);
    if (known != every_pair && pairs.size() < known)
      io::fail(name_of(data), "has " + std::to_string(pairs.size()) +
                                  " sentence pairs, and vocabularies are made again from the first " +
                                  std::to_string(known) + advice);
    try {
      return learnt_languages<Recipe>(pairs);
    } catch (error const& wrong) {
      io::fail(path, "has no vocabularies, and those of " + io::printable(name_of(data)) +
                         " are none that it could have" + advice + " (" + wrong.what() + ")");
    }
  }

  /// How many pairs vocabularies are made of.
  static constexpr std::size_t known =
      Recipe::pairs == every_pair ? every_pair : Recipe::pairs + Recipe::validation_pairs;

  /// What they are made of, for messages.
  static std::string first_of(data_files const& data) {
    return (known == every_pair ? "" : "the first " + std::to_string(known) + " pairs of ") +
           io::printable(name_of(data));
  }
};

}  // namespace tenon::translate
