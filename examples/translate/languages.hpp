// SPDX-License-Identifier: BSL-1.0
// How a model file holds its languages: words as a JSON list in the metadata, sub-words as SentencePiece's
// own model, a tensor of bytes.
#pragma once
#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/io/safetensors.hpp"
#include "tenon/text/dataset.hpp"

namespace tenon::translate {

/// The keys of metadata and tensors.
namespace key {
inline constexpr char const *recipe = "recipe", *source_words = "source_vocabulary",
                            *target_words = "target_vocabulary", *source_subwords = "source_subwords",
                            *target_subwords = "target_subwords";
}  // namespace key

/// What a model file holds besides weights: metadata, and bytes by name.
struct stored_languages {
  io::metadata_map metadata;
  std::vector<std::pair<std::string, std::string>> bytes;
};

namespace detail {

inline text::vocabulary stored_words(std::filesystem::path const& path, io::metadata_map const& metadata,
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

}  // namespace detail

inline void store(text::language<text::word_tokeniser> const& source,
                  text::language<text::word_tokeniser> const& target, stored_languages& to) {
  to.metadata[key::source_words] = nlohmann::json(source.words.tokens()).dump();
  to.metadata[key::target_words] = nlohmann::json(target.words.tokens()).dump();
}

/// What `store` put there; nothing if the file has none, as PyTorch's have not. Throws tenon::error if it is
/// malformed. `path` is for messages.
inline std::optional<text::languages<text::word_tokeniser>> restored(std::filesystem::path const& path,
                                                                     io::safetensors_file const& file,
                                                                     text::dataset_rules const& rules) {
  auto const& metadata = file.metadata();
  if (!metadata.contains(key::source_words) && !metadata.contains(key::target_words)) return std::nullopt;
  text::word_tokeniser const how{rules.tokenisation};
  return text::languages<text::word_tokeniser>{
      {how, detail::stored_words(path, metadata, key::source_words)},
      {how, detail::stored_words(path, metadata, key::target_words)}};
}

/// The same of sub-words; a template, so that translators of words need no SentencePiece.
template <class Tokeniser>
requires requires(Tokeniser const& t) {
  t.stored();
}
void store(text::language<Tokeniser> const& source, text::language<Tokeniser> const& target,
           stored_languages& to) {
  to.bytes.emplace_back(key::source_subwords, source.tokeniser.stored());
  to.bytes.emplace_back(key::target_subwords, target.tokeniser.stored());
}
template <class Rules>
requires requires(typename Rules::tokeniser const& t) {
  t.stored();
}
std::optional<text::languages<typename Rules::tokeniser>> restored(std::filesystem::path const& path,
                                                                   io::safetensors_file const& file,
                                                                   Rules const&) {
  using tokeniser = typename Rules::tokeniser;
  if (!file.find(key::source_subwords) && !file.find(key::target_subwords)) return std::nullopt;
  auto const one = [&](char const* which) {
    auto const& entry = file.at(which);
    if (entry.type != io::dtype::u8)
      io::fail(path, std::string("its ") + which + " are no bytes: choose another file or train again");
    try {
      tokeniser made({reinterpret_cast<char const*>(entry.bytes.data()), entry.bytes.size()});
      auto words = made.words();
      return text::language<tokeniser>{std::move(made), std::move(words)};
    } catch (error const& wrong) {
      io::fail(path, wrong.what());
    }
  };
  return text::languages<tokeniser>{one(key::source_subwords), one(key::target_subwords)};
}

}  // namespace tenon::translate
