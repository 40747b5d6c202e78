// SPDX-License-Identifier: BSL-1.0
// A model's weights as PyTorch stores them: by the names and shapes of the same model written there.
#pragma once
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tenon/config.hpp"
#include "tenon/io/safetensors.hpp"
#include "tenon/nn/initialisers.hpp"
#include "tenon/nn/module.hpp"

namespace tenon::train {

/// A weight as it stands in a file, and its place in the parameter block.
struct stored_weight {
  std::string name;
  std::vector<std::size_t> shape;
  std::span<float> values;   ///< those in use: a vocabulary below its capacity uses the first rows
  std::span<float> reserve;  ///< those beyond
};

namespace detail {

inline std::vector<std::size_t> pytorch_shape(shape<>, bool) {
  return {};
}
/// The axes as PyTorch has them: gates and hiddens of a recurrent weight are one axis, and nn.Linear's weight
/// is a matrix even if it maps to one number. In memory it is all the same.
template <axis_type First, axis_type... Rest>
std::vector<std::size_t> pytorch_shape(shape<First, Rest...>, bool maps_to_a_number) {
  std::vector<std::size_t> extents{First::extent, Rest::extent...};
  if constexpr (same_name<First, gates<1>> && sizeof...(Rest) > 0) {
    extents[1] *= extents[0];
    extents.erase(extents.begin());
  }
  if (extents.size() == 1 && maps_to_a_number) extents.insert(extents.begin(), 1);
  return extents;
}

template <class Shape>
inline constexpr bool has_words_first = false;
template <axis_type First, axis_type... Rest>
inline constexpr bool has_words_first<shape<First, Rest...>> = same_name<First, vocab<1>>;

}  // namespace detail

/// How many numbers of a model are in use when its vocabularies have that many words.
template <class Model>
constexpr std::size_t parameters_in_use(Model const& model, std::size_t words) {
  std::size_t count = 0;
  for_each_parameter(model, [&]<class P>(member_path const&, P&) {
    using S = typename P::shape_type;
    if constexpr (detail::has_words_first<S>)
      count += S::size / axis_at<S, 0>::extent * std::min(words, axis_at<S, 0>::extent);
    else
      count += S::size;
  });
  return count;
}

namespace detail {
/// All rows of every weight are in use.
struct all_words {};
}  // namespace detail

/// The weights of a model in `block`. A weight whose first axis is `vocab` has words(name) rows in use.
template <class Model, class Words>
TENON_COLD std::vector<stored_weight> stored_weights(Model const& model, std::span<float> block,
                                                     [[maybe_unused]] Words const& words) {
  std::vector<stored_weight> result;
  for_each_parameter(model, [&]<class P>(member_path const& path, P const& p) {
    using S = typename P::shape_type;
    std::string name = path.str();
    // A vector called weight: of a linear map, if it is not of words, and not what a normalisation, which
    // starts with ones, multiplies with.
    bool const maps_to_a_number =
        name.ends_with(".weight") && !detail::has_words_first<S> && !tenon::detail::starts_constant(p.init);
    auto extents = detail::pytorch_shape(S{}, maps_to_a_number);
    auto const all = values_of(block, p);
    std::size_t used = all.size();
    if constexpr (detail::has_words_first<S>) {
      std::size_t rows = extents[0];
      if constexpr (!std::is_same_v<Words, detail::all_words>) rows = words(std::string_view(name));
      if (rows > extents[0])
        throw std::logic_error("stored_weights: " + name + " has room for " + std::to_string(extents[0]) +
                               " words, not for " + std::to_string(rows));
      used = used / extents[0] * rows;
      extents[0] = rows;
    }
    result.push_back({std::move(name), std::move(extents), all.first(used), all.subspan(used)});
  });
  return result;
}

/// The same of a model whose vocabularies are full, or that has none.
template <class Model>
TENON_COLD std::vector<stored_weight> stored_weights(Model const& model, std::span<float> block) {
  return stored_weights(model, block, detail::all_words{});
}

/// Saves weights, and bytes by name beside them, in one piece or not at all. Throws tenon::error if that
/// fails.
TENON_COLD inline void save_weights(std::filesystem::path const& path, std::span<stored_weight const> weights,
                                    io::metadata_map const& metadata,
                                    std::span<std::pair<std::string, std::string> const> bytes = {}) {
  std::vector<io::tensor_source> tensors;
  tensors.reserve(weights.size());
  for (auto const& w : weights) tensors.push_back({w.name, io::dtype::f32, w.shape, std::as_bytes(w.values)});
  for (auto const& [name, content] : bytes)
    tensors.push_back({name, io::dtype::u8, {content.size()}, std::as_bytes(std::span(content))});
  io::write_safetensors(path, tensors, metadata);
}

/// Loads weights from a file that has these and no others but those `besides`. Throws tenon::error, the
/// weights being as they were, if one is missing or unknown, has another shape, is not of a floating type or
/// holds something that is not finite. `path` is for messages.
TENON_COLD inline void load_weights(std::filesystem::path const& path, io::safetensors_file const& file,
                                    std::span<stored_weight const> weights,
                                    std::span<char const* const> besides = {}) {
  // All are tried before the first is overwritten, in one buffer: fresh memory for each takes longer than
  // reading the file.
  std::vector<float> tried;
  for (auto const& w : weights) {
    tried.resize(std::max(tried.size(), w.values.size()));
    file.copy_to(file.at(w.name, w.shape), std::span(tried).first(w.values.size()));
  }
  for (auto const& tensor : file.tensors())
    if (std::ranges::find(weights, tensor.name, &stored_weight::name) == weights.end() &&
        std::ranges::find(besides, tensor.name, [](char const* name) { return std::string_view(name); }) ==
            besides.end())
      io::fail(path, "there is a tensor " + io::in_quotes(tensor.name) +
                         " that this model does not have: choose a file that fits this model");
  for (auto const& w : weights) {
    file.copy_to(file.at(w.name), w.values);
    std::ranges::fill(w.reserve, 0.0F);
  }
}

}  // namespace tenon::train
