// SPDX-License-Identifier: BSL-1.0
// Tokens and their ids.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tenon/error.hpp"
#include "tenon/printable.hpp"
#include "tenon/text/utf8.hpp"

namespace tenon::text {

inline constexpr std::string_view unk_token = "<unk>", pad_token = "<pad>", bos_token = "<bos>",
                                  eos_token = "<eos>";

/// The two sides of a translator. Only a target begins with `<bos>`.
enum class side { source, target };

namespace detail {

struct token_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view token) const noexcept {
    return std::hash<std::string_view>{}(token);
  }
};

template <class Value>
using token_map = std::unordered_map<std::string, Value, token_hash, std::equal_to<>>;

}  // namespace detail

/// How often each token occurs, in order of first occurrence.
class token_counts {
 public:
  struct entry {
    std::string token;
    std::size_t count = 0;
  };

  void add(std::string_view token, std::size_t times = 1) {
    if (times == 0) return;
    auto const found = index_.find(token);
    if (found != index_.end()) {
      entries_[found->second].count += times;
    } else {
      index_.emplace(token, entries_.size());
      entries_.push_back({std::string(token), times});
    }
  }

  std::vector<entry> const& entries() const { return entries_; }

 private:
  detail::token_map<std::size_t> index_;
  std::vector<entry> entries_;
};

/// A list of distinct tokens; a token's id is its place in the list. Every vocabulary holds `<unk>`, `<pad>`
/// and `<eos>`; a target's also `<bos>`.
class vocabulary {
 public:
  /// From a stored list, in order of id. Throws tenon::error if the list is empty or too long, a token occurs
  /// twice or is not valid UTF-8, or `<unk>`, `<pad>` or `<eos>` is missing.
  explicit vocabulary(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {
    if (tokens_.empty()) throw error("the vocabulary is empty: " + remedy());
    if (tokens_.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
      throw error("the vocabulary has " + std::to_string(tokens_.size()) +
                  " tokens, more than ids can number: " + remedy());
    }
    ids_.reserve(tokens_.size());
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (valid_utf8_prefix(tokens_[i]) != tokens_[i].size()) {
        throw error("token " + std::to_string(i) + " of the vocabulary is not valid UTF-8: " + remedy());
      }
      if (!ids_.emplace(tokens_[i], static_cast<std::int32_t>(i)).second) {
        throw error("the vocabulary has the token " + in_quotes(tokens_[i]) + " twice: " + remedy());
      }
    }
    unk_ = required(unk_token);
    pad_ = required(pad_token);
    eos_ = required(eos_token);
    auto const bos = ids_.find(bos_token);
    bos_ = bos == ids_.end() ? absent : bos->second;
  }

  /// D2L 1.0: the tokens that occur at least `minimum_frequency` times and the special tokens of the side, in
  /// order of code point. (The book counts the special tokens like words and so loses rare ones, without
  /// which rows could not be ended or padded.)
  static vocabulary by_code_point(token_counts const& counts, std::size_t minimum_frequency, side which) {
    std::vector<std::string> tokens{std::string(unk_token), std::string(pad_token), std::string(eos_token)};
    if (which == side::target) tokens.emplace_back(bos_token);
    for (auto const& [token, count] : counts.entries()) {
      if (count >= minimum_frequency) tokens.push_back(token);
    }
    // Bytes of UTF-8 compare as their code points do, and std::string compares bytes as unsigned.
    std::sort(tokens.begin(), tokens.end());
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    return vocabulary(std::move(tokens));
  }

  /// D2L 0.17: `<unk>` 0, `<pad>` 1, `<bos>` 2, `<eos>` 3, then the tokens that occur at least
  /// `minimum_frequency` times, the most frequent first, equals in order of first occurrence.
  static vocabulary by_frequency(token_counts const& counts, std::size_t minimum_frequency) {
    std::vector<std::string> tokens{std::string(unk_token), std::string(pad_token), std::string(bos_token),
                                    std::string(eos_token)};
    std::vector<token_counts::entry const*> order;
    for (token_counts::entry const& entry : counts.entries()) {
      bool const special = std::find(tokens.begin(), tokens.end(), entry.token) != tokens.end();
      if (entry.count >= minimum_frequency && !special) order.push_back(&entry);
    }
    std::sort(order.begin(), order.end(), [](token_counts::entry const* a, token_counts::entry const* b) {
      return a->count != b->count ? a->count > b->count : std::less<>()(a, b);
    });
    for (token_counts::entry const* entry : order) tokens.push_back(entry->token);
    return vocabulary(std::move(tokens));
  }

  std::size_t size() const { return tokens_.size(); }
  std::vector<std::string> const& tokens() const { return tokens_; }
  bool contains(std::string_view token) const { return ids_.find(token) != ids_.end(); }

  /// The token's id, or that of `<unk>`.
  std::int32_t id(std::string_view token) const {
    auto const found = ids_.find(token);
    return found == ids_.end() ? unk_ : found->second;
  }

  /// The token with this id. Throws tenon::error if there is none.
  std::string const& token(std::int32_t id) const {
    if (id < 0 || static_cast<std::size_t>(id) >= tokens_.size()) {
      throw error("token id " + std::to_string(id) + " is outside the vocabulary of " +
                  std::to_string(tokens_.size()) + " tokens: use the vocabulary stored with the model");
    }
    return tokens_[static_cast<std::size_t>(id)];
  }

  std::int32_t unk() const { return unk_; }
  std::int32_t pad() const { return pad_; }
  std::int32_t eos() const { return eos_; }
  /// Throws tenon::error if there is no `<bos>`, as in a source vocabulary of D2L 1.0.
  std::int32_t bos() const {
    if (bos_ == absent) {
      throw error("the vocabulary has no <bos>: use a target vocabulary (are source and target swapped?)");
    }
    return bos_;
  }

  bool operator==(vocabulary const& other) const { return tokens_ == other.tokens_; }

 private:
  static constexpr std::int32_t absent = -1;

  static std::string remedy() { return "use the token list that was stored with the model, or train again"; }

  std::int32_t required(std::string_view token) const {
    auto const found = ids_.find(token);
    if (found == ids_.end()) throw error("the vocabulary has no " + std::string(token) + ": " + remedy());
    return found->second;
  }

  std::vector<std::string> tokens_;
  detail::token_map<std::int32_t> ids_;
  std::int32_t unk_ = absent, pad_ = absent, bos_ = absent, eos_ = absent;
};

/// Throws tenon::error if the vocabulary does not fit in `capacity` ids, which is what a translator was
/// compiled for. `which` is for the message.
inline void check_capacity(vocabulary const& words, std::size_t capacity, side which) {
  if (words.size() <= capacity) return;
  throw error(std::string("the ") + (which == side::source ? "source" : "target") + " vocabulary has " +
              std::to_string(words.size()) + " tokens, but this translator was compiled for at most " +
              std::to_string(capacity) +
              ": use fewer pairs, or compile a translator from a recipe with a larger capacity");
}

}  // namespace tenon::text
