// SPDX-License-Identifier: BSL-1.0
// Sentences to ids and back without a heap: vocabularies are constants, and buffers have fixed sizes.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>

#include "tenon/text/tokenise.hpp"
#include "tenon/text/utf8.hpp"
#include "tenon/text/vocabulary.hpp"

namespace tenon::text {

/// A vocabulary whose words, in order of id, are the constant array Words.
template <auto const& Words>
class static_vocabulary {
 public:
  static constexpr std::int32_t size = static_cast<std::int32_t>(std::size(Words));
  static constexpr std::string_view word(std::int32_t id) { return Words[static_cast<std::size_t>(id)]; }

  static constexpr std::optional<std::int32_t> find(std::string_view word) {
    auto const at = std::ranges::lower_bound(sorted, word, {}, &static_vocabulary::word);
    if (at == sorted.end() || static_vocabulary::word(*at) != word) return {};
    return *at;
  }

  static constexpr std::int32_t unk = *find(unk_token), pad = *find(pad_token), eos = *find(eos_token);
  static constexpr std::int32_t id(std::string_view word) { return find(word).value_or(unk); }

  /// The bytes of the longest word.
  static constexpr std::size_t longest = std::ranges::max(Words, {}, &std::string_view::size).size();

 private:
  /// The ids in order of their words.
  static constexpr auto sorted = [] {
    std::array<std::int32_t, std::size(Words)> ids{};
    std::iota(ids.begin(), ids.end(), 0);
    std::sort(ids.begin(), ids.end(), [](std::int32_t a, std::int32_t b) {
      return Words[static_cast<std::size_t>(a)] < Words[static_cast<std::size_t>(b)];
    });
    return ids;
  }();
};

/// The most code points of a sentence that `encode_words` reads.
inline constexpr std::size_t most_code_points = 4096;

/// What a sentence is as a row of ids.
struct encoded_words {
  std::int32_t valid = 0;  ///< ids that are no pads
  std::size_t tokens = 0;  ///< of the whole sentence: there may have been more than the row has room for
};

/// Writes a sentence's tokens and <eos> (if asked) as ids of Vocabulary, cut or padded to fill the row.
/// Nothing if it is not valid UTF-8 or longer than most_code_points. Not for two threads at once.
template <class Vocabulary>
std::optional<encoded_words> encode_words(std::string_view sentence, tokenisation_rules const& rules,
                                          bool eos, std::span<std::int32_t> row) {
  static std::array<char32_t, most_code_points> codes;
  std::size_t count = 0;
  for (std::size_t at = 0; at < sentence.size(); ++count) {
    if (count == codes.size()) return {};
    std::size_t const length = decode_code_point(sentence, at, codes[count]);
    if (length == 0) return {};
    at += length;
  }
  encoded_words result;
  auto const add = [&](std::int32_t id) {
    if (result.tokens < row.size()) row[result.tokens] = id;
    ++result.tokens;
  };
  std::array<char, Vocabulary::longest + 4> token{};  // a longer one is unknown, however it goes on
  std::size_t used = 0;
  auto const end_token = [&] {
    if (used > 0 || rules.keep_empty_tokens)
      add(used > Vocabulary::longest ? Vocabulary::unk : Vocabulary::id({token.data(), used}));
    used = 0;
  };
  normalise_each(std::span(codes).first(count), rules, [&](char32_t code) {
    if (code == U' ') return end_token();
    if (used > Vocabulary::longest) return;
    std::array<char, 4> bytes{};
    std::size_t const length = encode_code_point(code, bytes);
    std::copy_n(bytes.begin(), length, token.begin() + static_cast<std::ptrdiff_t>(used));
    used += length;
  });
  end_token();
  std::size_t const tokens = result.tokens;
  if (eos) add(Vocabulary::eos);
  while (result.tokens < row.size()) add(Vocabulary::pad);
  result.tokens = tokens;
  result.valid = static_cast<std::int32_t>(row.size()) -
                 static_cast<std::int32_t>(std::ranges::count(row, Vocabulary::pad));
  return result;
}

}  // namespace tenon::text
