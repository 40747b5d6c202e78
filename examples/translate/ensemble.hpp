// SPDX-License-Identifier: BSL-1.0
// What a command translates with: a model, or several of one recipe and the same languages together.
#pragma once
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model.hpp"

namespace tenon::translate {

template <class Recipe>
class ensemble {
 public:
  /// Loads the models. Throws tenon::error if one of them does not fit.
  explicit ensemble(options const& chosen)
      : first(translator<Recipe>::load(chosen.models.front(), chosen)), size_(chosen.models.size()) {
    if constexpr (Recipe::ensembles)
      if (size_ > 1) load_others(chosen);
  }

  translator<Recipe> first;  ///< the languages are those of all

  std::size_t size() const { return size_; }

  /// Of all models, one behind the other.
  parameter_block& weights() { return together_ ? *together_ : first.weights; }

  /// The program that measures the loss of a batch; it is here as long as this is.
  program_view measured_loss() {
    if constexpr (Recipe::ensembles)
      if (size_ > 1) return recorded_.emplace_front(measured_loss_of<Recipe>(size_)).view();
    return translate::measured_loss<Recipe>();
  }

 private:
  void load_others(options const& chosen) requires Recipe::ensembles {
    auto const& paths = chosen.models;
    auto const known = stored(first);
    std::size_t const each = parameter_count(model_of<Recipe>);
    auto& all = together_.emplace(size_ * each);
    std::ranges::copy(first.weights.values(), all.values().begin());
    for (std::size_t i = 1; i < size_; ++i) {
      auto other = translator<Recipe>::load(paths[i], chosen);
      if (auto const its = stored(other); its.metadata != known.metadata || its.bytes != known.bytes)
        io::fail(paths[i], "has other vocabularies than " + io::in_quotes(paths.front()) +
                               ": models that translate together are trained on the same pairs, each with a "
                               "--seed of its own");
      std::ranges::copy(other.weights.values(), all.values().subspan(i * each, each).begin());
    }
  }
  static stored_languages stored(translator<Recipe> const& model) {
    stored_languages all;
    store(model.source, model.target, all);
    return all;
  }

  std::size_t size_;
  std::optional<parameter_block> together_;  // where there are several
  [[no_unique_address]] programs_of_several<Recipe> recorded_;
};

}  // namespace tenon::translate
